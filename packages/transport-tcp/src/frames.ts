import { crc32 } from "node:zlib";
import { SynodError } from "@synod/interface";

/**
 * Bytes before each payload: its length (u32), kind (u8), CRC-32 of the payload (u32), CRC-32 of these nine bytes (u32);
 * big-endian. The header has a checksum of its own because a damaged length would otherwise be believed, and all that
 * follows be swallowed, until so many bytes have come.
 */
export const frameHeaderBytes = 13;

const [kindAt, payloadChecksumAt, headerChecksumAt] = [4, 5, 9] as const;

/** A payload grows towards its announced length from here: a length is a claim until its bytes are there. */
const firstAllocationBytes = 1024 * 1024;

/** One frame. What a kind means is for the protocol above; it is an integer from 0 to 255. */
export interface Frame {
  readonly kind: number;
  readonly payload: Uint8Array;
}

/** What a frame is on the wire: both are to be written, one after the other. */
export type EncodedFrame = readonly [header: Uint8Array, payload: Uint8Array];

/**
 * Frames a payload without copying it. The result can be written to any number of sockets, so that a frame for several
 * peers is checksummed once.
 */
export function encodeFrame(kind: number, payload: Uint8Array): EncodedFrame {
  const header = new Uint8Array(frameHeaderBytes);
  const view = new DataView(header.buffer);
  view.setUint32(0, payload.length);
  header[kindAt] = kind;
  view.setUint32(payloadChecksumAt, crc32(payload));
  view.setUint32(headerChecksumAt, crc32(header.subarray(0, headerChecksumAt)));
  return [header, payload];
}

export interface FrameDecoderOptions {
  /** Longest payload that is taken. */
  readonly frameBytesMax: number;
}

/** Makes frames of a stream of chunks, however they are cut. */
export interface FrameDecoder {
  /** May be changed between two frames: a handshake needs less room than what follows it. */
  frameBytesMax: number;
  /**
   * Takes a chunk and gives the frames that it completes. Every payload is a copy of its own, so chunks may be pooled.
   * The frames must be taken to the end, or the decoder given up: a chunk is read as its frames are.
   * @throws SynodError `Malformed` (a checksum) or `TooLarge` (a length above `frameBytesMax`); from then on always.
   */
  push(chunk: Uint8Array): Generator<Frame, void, void>;
}

/** @see FrameDecoder */
export function frameDecoder(options: FrameDecoderOptions): FrameDecoder {
  return new Decoder(options.frameBytesMax);
}

class Decoder implements FrameDecoder {
  frameBytesMax: number;
  readonly #header = new Uint8Array(frameHeaderBytes);
  readonly #view = new DataView(this.#header.buffer);
  #headerFilled = 0;
  #payload: Uint8Array | null = null;
  #payloadFilled = 0;
  #failure: SynodError | null = null;

  constructor(frameBytesMax: number) {
    this.frameBytesMax = frameBytesMax;
  }

  *push(chunk: Uint8Array): Generator<Frame, void, void> {
    let offset = 0;
    for (;;) {
      if (this.#failure) throw this.#failure;
      offset += this.#fillHeader(chunk, offset);
      if (this.#headerFilled < frameHeaderBytes) return;
      const length = this.#view.getUint32(0);
      offset += this.#fillPayload(chunk, offset, length);
      if (this.#payloadFilled < length) return;
      yield this.#finish();
    }
  }

  #fillHeader(chunk: Uint8Array, offset: number): number {
    const end = Math.min(chunk.length, offset + frameHeaderBytes - this.#headerFilled);
    if (end === offset) return 0;
    // A few bytes: a loop is cheaper than a view.
    for (let i = offset; i < end; i++) this.#header[this.#headerFilled++] = chunk[i] ?? 0;
    if (this.#headerFilled === frameHeaderBytes) this.#checkHeader();
    return end - offset;
  }

  #checkHeader(): void {
    if (crc32(this.#header.subarray(0, headerChecksumAt)) !== this.#view.getUint32(headerChecksumAt)) {
      this.#fail("Malformed", "These bytes are no frame: the checksum of the header is wrong.");
    }
    const length = this.#view.getUint32(0);
    if (length > this.frameBytesMax) {
      this.#fail("TooLarge", `A frame of ${length} bytes was announced; the limit is ${this.frameBytesMax}.`);
    }
  }

  #fillPayload(chunk: Uint8Array, offset: number, length: number): number {
    const bytes = Math.min(chunk.length - offset, length - this.#payloadFilled);
    const filled = this.#payloadFilled + bytes;
    let payload = this.#payload;
    if (payload === null || payload.length < filled) {
      const room = new Uint8Array(Math.min(length, Math.max(firstAllocationBytes, filled, 2 * this.#payloadFilled)));
      if (payload) room.set(payload.subarray(0, this.#payloadFilled));
      this.#payload = payload = room;
    }
    if (bytes > 0) payload.set(chunk.subarray(offset, offset + bytes), this.#payloadFilled);
    this.#payloadFilled = filled;
    return bytes;
  }

  #finish(): Frame {
    const payload = this.#payload ?? new Uint8Array(0);
    if (crc32(payload) !== this.#view.getUint32(payloadChecksumAt)) {
      this.#fail("Malformed", `The checksum of a frame of ${payload.length} bytes is wrong: they changed on the way.`);
    }
    const kind = this.#header[kindAt] ?? 0;
    this.#headerFilled = 0;
    this.#payload = null;
    this.#payloadFilled = 0;
    return { kind, payload };
  }

  #fail(code: "Malformed" | "TooLarge", text: string): never {
    this.#failure = new SynodError(code, text);
    this.#payload = null;
    throw this.#failure;
  }
}
