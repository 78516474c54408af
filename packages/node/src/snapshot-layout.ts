import { SynodError, type SnapshotSink } from "@synod/interface";
import { checksumOf, ContentHash, type ReplicatedMachine } from "@synod/rsm";

const VERSION = 1;
/** Version, length of the head, lowest byte first, its checksum. */
const FRONT_BYTES = 1 + 4 + 16;
/** Far more than any head; a wrong length must not make this node wait for gigabytes. */
const HEAD_BYTES_MAX = 16 * 1024 * 1024;

/** What stands in front of the state in a snapshot: the part of the protocol itself. */
export function snapshotFront(head: Uint8Array): Uint8Array {
  const front = new Uint8Array(FRONT_BYTES + head.length);
  const view = new DataView(front.buffer);
  view.setUint8(0, VERSION);
  view.setUint32(1, head.length, true);
  front.set(new TextEncoder().encode(checksumOf(head)), 5);
  front.set(head, FRONT_BYTES);
  return front;
}

/** Takes a snapshot apart as its chunks come: the head for the protocol, the rest for the machine. */
export class SnapshotInstall {
  readonly #sink: SnapshotSink;
  readonly #hash = new ContentHash();
  #front: Uint8Array = new Uint8Array(0);
  #head: Uint8Array | null = null;

  constructor(machine: Pick<ReplicatedMachine<never, unknown>, "restore">) {
    this.#sink = machine.restore();
  }

  /** The part for the protocol, once it has come. */
  get head(): Uint8Array | null {
    return this.#head;
  }

  write(chunk: Uint8Array): void {
    this.#hash.add(chunk);
    if (this.#head !== null) return this.#sink.write(chunk);
    const bytes = new Uint8Array(this.#front.length + chunk.length);
    bytes.set(this.#front);
    bytes.set(chunk, this.#front.length);
    this.#front = bytes;
    const end = headEnd(bytes);
    if (end === null || bytes.length < end) return;
    this.#head = readHead(bytes, end);
    this.#front = new Uint8Array(0);
    if (bytes.length > end) this.#sink.write(bytes.subarray(end));
  }

  end(): { readonly head: Uint8Array; readonly hash: string } {
    if (this.#head === null) throw malformed("it ends too early");
    this.#sink.end();
    return { head: this.#head, hash: this.#hash.hex() };
  }
}

function headEnd(bytes: Uint8Array): number | null {
  const version = bytes[0];
  if (version !== undefined && version !== VERSION) {
    const text = `the snapshot has layout ${version}; this release reads ${VERSION}: upgrade this node`;
    throw new SynodError("VersionUnsupported", text, { details: { version, supported: VERSION } });
  }
  if (bytes.length < FRONT_BYTES) return null;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(1, true);
  if (length > HEAD_BYTES_MAX) throw malformed("the length of its head is impossible");
  return FRONT_BYTES + length;
}

function readHead(bytes: Uint8Array, end: number): Uint8Array {
  const head = bytes.slice(FRONT_BYTES, end);
  if (new TextDecoder().decode(bytes.subarray(5, FRONT_BYTES)) !== checksumOf(head)) {
    throw malformed("the checksum of its head is wrong");
  }
  return head;
}

const malformed = (why: string): SynodError => new SynodError("Malformed", `this is no valid snapshot: ${why}`);
