import type { FileHandle } from "@synod/interface";
import { asBuffer } from "./bytes.js";

const READ_BYTES = 2 ** 20;

/** A file as it is read from front to back: large reads below, small views above. */
export class ReadWindow {
  readonly #handle: FileHandle;
  readonly #size: number;
  #buffer: Buffer = Buffer.alloc(0);
  #start = 0;

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle;
    this.#size = size;
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
    this.#buffer = asBuffer(await this.#handle.read(at, Math.min(Math.max(length, READ_BYTES), this.#size - at)));
    this.#start = at;
    return this.#buffer.length >= length;
  }

  /** The bytes themselves, good until the next `load`. */
  view(at: number, length: number): Buffer {
    return this.#buffer.subarray(at - this.#start, at - this.#start + length);
  }

  /** All that is loaded from here on. */
  rest(at: number): Buffer {
    return this.#buffer.subarray(at - this.#start);
  }
}
