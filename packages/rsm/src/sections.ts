import { SynodError } from "@synod/interface";
import { ByteReader, ByteWriter } from "./bytes.js";
import { type Hash64, HASH_START, hash64 } from "./hash.js";

/** Bytes of one chunk of a snapshot, except the last, which may be shorter. */
const CHUNK_BYTES = 64 * 1024;

const FORMAT_VERSION = 1;
const HEAD_BYTES = 5;
const CHECK_BYTES = 8;

/** A part of a snapshot. */
export interface Section {
  /** One byte. */
  readonly kind: number;
  readonly payload: Uint8Array;
}

/**
 * Writes sections as chunks: a version byte, then for each section its kind, its length (4 bytes, lowest first), its
 * payload, and a checksum that goes over the section and all before it, so that none can be damaged, left out, or moved.
 * The generator first yields nothing, once, for the caller to take at once: only a generator that was started runs
 * `finish` when it is given up.
 */
export function* writeSections(sections: Iterable<Section>, finish: () => void): Generator<Uint8Array, void> {
  try {
    yield new Uint8Array(0);
    const cutter = new Cutter();
    yield* cutter.add(Uint8Array.of(FORMAT_VERSION));
    let check = HASH_START;
    for (const { kind, payload } of sections) {
      if (payload.length > 0xffff_ffff) throw new SynodError("TooLarge", "A chunk of a snapshot has 4 GiB or more.");
      check = hash64(check, kind, payload);
      const head = new ByteWriter(HEAD_BYTES);
      head.byte(kind);
      head.uint32(payload.length);
      yield* cutter.add(head.written());
      yield* cutter.add(payload);
      yield* cutter.add(checkBytes(check));
    }
    yield* cutter.rest();
  } finally {
    finish();
  }
}

/** Copies what it is given into chunks of one size; each chunk belongs to whoever gets it. */
class Cutter {
  #chunk = new Uint8Array(CHUNK_BYTES);
  #at = 0;

  *add(bytes: Uint8Array): Generator<Uint8Array> {
    let from = 0;
    while (from < bytes.length) {
      const part = bytes.subarray(from, from + CHUNK_BYTES - this.#at);
      this.#chunk.set(part, this.#at);
      this.#at += part.length;
      from += part.length;
      if (this.#at === CHUNK_BYTES) {
        yield this.#chunk;
        this.#chunk = new Uint8Array(CHUNK_BYTES);
        this.#at = 0;
      }
    }
  }

  *rest(): Generator<Uint8Array> {
    if (this.#at > 0) yield this.#chunk.slice(0, this.#at);
  }
}

/**
 * Reads sections from chunks that may be cut anywhere; each is checked before it is given out. Payloads may be views
 * into the chunks. Throws `Malformed` or `VersionUnsupported`, besides what the source of the chunks throws.
 */
export class SectionReader {
  readonly #source: ChunkSource;
  #check: Hash64 = HASH_START;

  constructor(chunks: Iterable<Uint8Array>) {
    this.#source = new ChunkSource(chunks);
  }

  /** Reads what stands before the first section. */
  start(): void {
    const version = this.#source.take(1)[0];
    if (version !== FORMAT_VERSION) {
      throw new SynodError(
        "VersionUnsupported",
        `The snapshot has format version ${version}; this release reads ${FORMAT_VERSION}. Upgrade this node.`,
        { details: { version, supported: FORMAT_VERSION } },
      );
    }
  }

  next(): Section {
    const head = new ByteReader(this.#source.take(HEAD_BYTES), "snapshot");
    const kind = head.byte();
    const payload = this.#source.take(head.uint32());
    this.#check = hash64(this.#check, kind, payload);
    const expected = checkBytes(this.#check);
    const found = this.#source.take(CHECK_BYTES);
    if (expected.some((byte, at) => byte !== found[at])) {
      throw malformedSnapshot("a checksum does not fit its section");
    }
    return { kind, payload };
  }

  /** Checks that nothing follows. */
  end(): void {
    if (!this.#source.atEnd()) throw malformedSnapshot("bytes follow its end");
  }

  /** Lets the source of the chunks clean up. */
  close(): void {
    this.#source.close();
  }
}

/** Takes runs of bytes out of a stream of chunks. Never makes room for more than what has really come. */
class ChunkSource {
  readonly #chunks: Iterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);

  constructor(chunks: Iterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.iterator]();
  }

  take(length: number): Uint8Array {
    if (length <= this.#chunk.length) return this.#cut(length);
    const parts: Uint8Array[] = [];
    let missing = length;
    while (missing > 0) {
      if (this.atEnd()) throw malformedSnapshot("it ends too early");
      const part = this.#cut(Math.min(missing, this.#chunk.length));
      parts.push(part);
      missing -= part.length;
    }
    const taken = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      taken.set(part, at);
      at += part.length;
    }
    return taken;
  }

  atEnd(): boolean {
    while (this.#chunk.length === 0) {
      const next = this.#chunks.next();
      if (next.done === true) return true;
      this.#chunk = next.value;
    }
    return false;
  }

  close(): void {
    this.#chunks.return?.();
  }

  #cut(length: number): Uint8Array {
    const part = this.#chunk.subarray(0, length);
    this.#chunk = this.#chunk.subarray(length);
    return part;
  }
}

export function malformedSnapshot(why: string): SynodError {
  return new SynodError("Malformed", `This is no valid snapshot: ${why}. Restore another one.`);
}

function checkBytes(check: Hash64): Uint8Array {
  const writer = new ByteWriter(CHECK_BYTES);
  writer.uint32(check.high);
  writer.uint32(check.low);
  return writer.written();
}
