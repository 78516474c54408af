import { SynodError } from "@synod/interface";
import { ByteReader, ByteWriter } from "./bytes.js";
import { type Hash64, HASH_START, hash64 } from "./hash.js";

/** Bytes of one chunk of a snapshot, except the last, which may be shorter. */
const CHUNK_BYTES = 64 * 1024;

const FORMAT_VERSION = 2;
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
 * Reads sections from chunks that come one at a time and may be cut anywhere; each section is checked before it is given out.
 * Payloads may be views into the chunks. Throws `Malformed` or `VersionUnsupported`.
 */
export class SectionReader {
  readonly #bytes = new ByteQueue();
  #started = false;
  #head: { readonly kind: number; readonly length: number } | null = null;
  #payload: Uint8Array | null = null;
  #check: Hash64 = HASH_START;

  write(chunk: Uint8Array): void {
    this.#bytes.add(chunk);
  }

  /** The next section, or null if it has not come as a whole. */
  next(): Section | null {
    if (!this.#started && !this.#start()) return null;
    const head = (this.#head ??= this.#readHead());
    if (head === null) return null;
    const payload = (this.#payload ??= this.#bytes.take(head.length));
    const found = payload === null ? null : this.#bytes.take(CHECK_BYTES);
    if (payload === null || found === null) return null;
    this.#head = null;
    this.#payload = null;
    this.#check = hash64(this.#check, head.kind, payload);
    const expected = checkBytes(this.#check);
    if (expected.some((byte, at) => byte !== found[at])) {
      throw malformedSnapshot("a checksum does not fit its section");
    }
    return { kind: head.kind, payload };
  }

  /** Whether bytes have come that belong to no section given out. */
  get atEnd(): boolean {
    return this.#bytes.length === 0 && this.#head === null;
  }

  /** Reads what stands before the first section. */
  #start(): boolean {
    const version = this.#bytes.take(1)?.[0];
    if (version === undefined) return false;
    this.#started = true;
    if (version === FORMAT_VERSION) return true;
    throw new SynodError(
      "VersionUnsupported",
      `The snapshot has format version ${version}; this release reads ${FORMAT_VERSION}. Start this node with the release that wrote it.`,
      { details: { version, supported: FORMAT_VERSION } },
    );
  }

  #readHead(): { readonly kind: number; readonly length: number } | null {
    const bytes = this.#bytes.take(HEAD_BYTES);
    if (bytes === null) return null;
    const head = new ByteReader(bytes, "snapshot");
    return { kind: head.byte(), length: head.uint32() };
  }
}

/** Gives out runs of the bytes that were added, as soon as they are there. Never makes room for more than what has really come. */
class ByteQueue {
  #chunks: Uint8Array[] = [];
  length = 0;

  add(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.length += chunk.length;
  }

  take(length: number): Uint8Array | null {
    if (length > this.length) return null;
    this.length -= length;
    const first = this.#chunks[0];
    if (first === undefined) return new Uint8Array(0);
    if (length <= first.length) {
      this.#dropFrom(first, length);
      return first.subarray(0, length);
    }
    const taken = new Uint8Array(length);
    for (let at = 0; at < length; ) {
      const chunk = this.#chunks[0] as Uint8Array;
      const part = chunk.subarray(0, length - at);
      taken.set(part, at);
      at += part.length;
      this.#dropFrom(chunk, part.length);
    }
    return taken;
  }

  #dropFrom(first: Uint8Array, length: number): void {
    if (length === first.length) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(length);
  }
}

export function malformedSnapshot(why: string): SynodError {
  return new SynodError("Malformed", `This is no valid snapshot: ${why}. Restore another one.`);
}

function checkBytes(check: Hash64): Uint8Array {
  const writer = new ByteWriter(CHECK_BYTES);
  writer.uint32(check.high >>> 0);
  writer.uint32(check.low >>> 0);
  return writer.written();
}
