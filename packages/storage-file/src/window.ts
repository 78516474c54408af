import type { FileHandle } from "@synod/interface";
import { asBuffer } from "./bytes.js";

/** Read at once: each hand-over to the thread that reads costs time. */
const READ_BYTES = 2 ** 21;
/** Room in front of what is read ahead, for what is left of the bytes before: a frame may lie across the two. */
const FRONT_BYTES = 2 ** 18;

/** What follows the bytes that are loaded, on its way. */
interface Ahead {
  readonly room: Buffer;
  /** Bytes that there are in it from `FRONT_BYTES` on. Never rejects: what failed is told to whoever needs the bytes. */
  readonly bytes: Promise<number | { readonly error: unknown }>;
}

/** A file as it is read from front to back: large reads below, small views above. The views stay good: no memory is used twice. */
export class ReadWindow {
  readonly #handle: FileHandle;
  readonly #size: number;
  readonly #readsAhead: boolean;
  #buffer: Buffer = Buffer.alloc(0);
  #start = 0;
  #ahead: Ahead | undefined;

  /** @param readsAhead - whether the next bytes are read while those before are looked at: where all are needed */
  constructor(handle: FileHandle, size: number, readsAhead: boolean) {
    this.#handle = handle;
    this.#size = size;
    this.#readsAhead = readsAhead;
  }

  get size(): number {
    return this.#size;
  }

  /** True if `view` may be called for these bytes without `load`. */
  has(at: number, length: number): boolean {
    return at >= this.#start && at + length <= this.#start + this.#buffer.length;
  }

  /** Makes these bytes readable. False if the file ends before them: no length is trusted further than that. */
  async load(at: number, length: number): Promise<boolean> {
    if (at + length > this.#size) return false;
    const ahead = await this.#takeAhead();
    const left = this.#start + this.#buffer.length - at;
    const fits = left >= 0 && left <= Math.min(this.#buffer.length, FRONT_BYTES);
    if (ahead !== undefined && fits && length <= left + ahead.bytes) {
      this.#buffer.copy(ahead.room, FRONT_BYTES - left, this.#buffer.length - left);
      this.#buffer = ahead.room.subarray(FRONT_BYTES - left, FRONT_BYTES + ahead.bytes);
    } else {
      this.#buffer = asBuffer(await this.#handle.read(at, Math.min(Math.max(length, READ_BYTES), this.#size - at)));
    }
    this.#start = at;
    this.#readAhead();
    return this.#buffer.length >= length;
  }

  /** The bytes themselves. */
  view(at: number, length: number): Buffer {
    return this.#buffer.subarray(at - this.#start, at - this.#start + length);
  }

  /** All that is loaded from here on. */
  rest(at: number): Buffer {
    return this.#buffer.subarray(at - this.#start);
  }

  /** Settles when nothing is read any more: the file may be closed. */
  async release(): Promise<void> {
    await this.#ahead?.bytes;
  }

  #readAhead(): void {
    const from = this.#start + this.#buffer.length;
    const length = Math.min(READ_BYTES, this.#size - from);
    if (!this.#readsAhead || length <= 0) return;
    const room = Buffer.allocUnsafeSlow(FRONT_BYTES + length);
    const into = room.subarray(FRONT_BYTES);
    const bytes = this.#handle.read(from, length, into).then(
      (read) => {
        if (read.buffer !== into.buffer) into.set(read);
        return read.length;
      },
      (error: unknown) => ({ error }),
    );
    this.#ahead = { room, bytes };
  }

  async #takeAhead(): Promise<{ readonly room: Buffer; readonly bytes: number } | undefined> {
    const ahead = this.#ahead;
    if (ahead === undefined) return undefined;
    const bytes = await ahead.bytes;
    this.#ahead = undefined;
    if (typeof bytes !== "number") throw bytes.error;
    return { room: ahead.room, bytes };
  }
}
