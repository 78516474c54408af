import { SynodError } from "@synod/interface";
import { checksumOf } from "./checksum.js";
import { frameHeaderBytes } from "./frames.js";

/** A payload that comes in several chunks grows towards its announced length from here: a length is a claim until its bytes are there. */
const firstAllocationBytes = 64 * 1024;

const nothing = new Uint8Array(0);

/** Takes a frame: its payload is `bytes[from]` to `bytes[to - 1]`. They belong to a chunk with other frames: what is kept is copied. */
export type TakeFrame = (kind: number, bytes: Uint8Array, from: number, to: number) => void;

/** Makes frames of a stream of chunks, however they are cut; a frame that lies in one chunk is read where it lies. */
export class FrameInput {
  /** Longest payload that is taken; may be changed between two frames. */
  frameBytesMax: number;
  readonly #take: TakeFrame;
  /** A frame of which some bytes are still to come, from its header on. */
  #part: Uint8Array = nothing;
  #filled = 0;
  #stopped = false;

  constructor(frameBytesMax: number, take: TakeFrame) {
    this.frameBytesMax = frameBytesMax;
    this.#take = take;
  }

  /** Nothing is taken any more. */
  stop(): void {
    this.#stopped = true;
    this.#part = nothing;
  }

  /** @throws SynodError `Malformed` (a checksum) or `TooLarge` (a length above `frameBytesMax`); nothing more is taken then. */
  push(chunk: Uint8Array): void {
    let at = this.#filled === 0 || this.#stopped ? 0 : this.#complete(chunk);
    while (!this.#stopped && chunk.length - at >= frameHeaderBytes) {
      const length = this.#payloadBytes(chunk, at);
      const from = at + frameHeaderBytes;
      if (chunk.length - from < length) break;
      at = from + length;
      this.#give(chunk, from, at);
    }
    if (!this.#stopped && at < chunk.length) this.#keep(chunk, at);
  }

  /** Fills up the frame that has begun. @returns how much of the chunk it took */
  #complete(chunk: Uint8Array): number {
    let at = this.#append(chunk, 0, frameHeaderBytes);
    if (this.#filled < frameHeaderBytes) return at;
    const size = frameHeaderBytes + this.#payloadBytes(this.#part, 0);
    at = this.#append(chunk, at, size);
    if (this.#filled < size) return at;
    const frame = this.#part;
    this.#part = nothing;
    this.#filled = 0;
    this.#give(frame, frameHeaderBytes, size);
    return at;
  }

  #keep(chunk: Uint8Array, from: number): void {
    this.#append(chunk, from, this.#filled + chunk.length - from);
  }

  /** Copies bytes until the frame has `size` of them, or the chunk ends. @returns where it stopped in the chunk */
  #append(chunk: Uint8Array, from: number, size: number): number {
    const bytes = Math.max(0, Math.min(chunk.length - from, size - this.#filled));
    const filled = this.#filled + bytes;
    if (this.#part.length < filled) {
      const room = Math.max(filled, Math.min(size, Math.max(firstAllocationBytes, 2 * this.#filled)));
      const part = new Uint8Array(room);
      part.set(this.#part.subarray(0, this.#filled));
      this.#part = part;
    }
    if (bytes > 0) this.#part.set(chunk.subarray(from, from + bytes), this.#filled);
    this.#filled = filled;
    return from + bytes;
  }

  #payloadBytes(bytes: Uint8Array, at: number): number {
    if (checksumOf(bytes, at, at + 9) !== u32At(bytes, at + 9)) {
      this.#fail("Malformed", "These bytes are no frame: the checksum of the header is wrong.");
    }
    const length = u32At(bytes, at);
    if (length <= this.frameBytesMax) return length;
    return this.#fail("TooLarge", `A frame of ${length} bytes was announced; the limit is ${this.frameBytesMax}.`);
  }

  #give(bytes: Uint8Array, from: number, to: number): void {
    const header = from - frameHeaderBytes;
    if (checksumOf(bytes, from, to) !== u32At(bytes, header + 5)) {
      this.#fail("Malformed", `The checksum of a frame of ${to - from} bytes is wrong: they changed on the way.`);
    }
    this.#take(bytes[header + 4] as number, bytes, from, to);
  }

  #fail(code: "Malformed" | "TooLarge", text: string): never {
    this.stop();
    throw new SynodError(code, text);
  }
}

/** An integer below 2^32, big-endian, at an index where there are four bytes. */
export function u32At(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) << 24) |
      ((bytes[at + 1] as number) << 16) |
      ((bytes[at + 2] as number) << 8) |
      (bytes[at + 3] as number)) >>>
    0
  );
}
