import { crc32 } from "node:zlib";
import { SynodError } from "@synod/interface";

/** Length of the payload (u32), CRC-32 of type and payload (u32), type (u8); big endian. Then comes the payload. */
export const FRAME_HEADER_BYTES = 9;

/** CRC-32 of each type byte alone: the payload's checksum goes on from there, so that a damaged type is found too. */
const seeds: readonly number[] = Array.from({ length: 256 }, (_, type) => crc32(Uint8Array.of(type)));

const checksum = (type: number, payload: Uint8Array): number => crc32(payload, seeds[type] ?? 0);

/**
 * What goes before `payload` on the wire; the payload itself is not copied.
 * @param type 0 to 255; its meaning belongs to the protocol that uses the framing.
 */
export function frameHeader(type: number, payload: Uint8Array): Uint8Array {
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  header.writeUInt32BE(payload.length, 0);
  header.writeUInt32BE(checksum(type, payload), 4);
  header[8] = type;
  return header;
}

export interface FrameDecoderOptions {
  /** Longest payload, in bytes. A longer one is refused on its header alone. */
  readonly frameBytesMax: number;
  /** Receives each frame. The payload is the receiver's own memory, and no more of it than the payload. */
  frame(type: number, payload: Uint8Array): void;
}

export interface FrameDecoder {
  /** As in the options; may be changed between frames, also from within `frame`. */
  frameBytesMax: number;
  /**
   * Takes the next bytes of the stream, cut anywhere; keeps none of `chunk`. After an error the stream is of no more use.
   * @throws SynodError `Malformed` for a bad checksum, `TooLarge` for a length above the limit
   */
  push(chunk: Uint8Array): void;
}

/** Finds the frames in a stream of bytes. */
export function frameDecoder(options: FrameDecoderOptions): FrameDecoder {
  return new Decoder(options);
}

class Decoder implements FrameDecoder {
  frameBytesMax: number;
  readonly #frame: (type: number, payload: Uint8Array) => void;
  readonly #header = Buffer.alloc(FRAME_HEADER_BYTES);
  #headerFill = 0;
  /** The payload under way, once its header is whole. */
  #payload: Uint8Array | null = null;
  #payloadFill = 0;
  #failed: SynodError | null = null;

  constructor(options: FrameDecoderOptions) {
    this.frameBytesMax = options.frameBytesMax;
    this.#frame = (type, payload) => options.frame(type, payload);
  }

  push(chunk: Uint8Array): void {
    if (this.#failed !== null) throw this.#failed;
    let at = 0;
    while (at < chunk.length) {
      at += this.#payload === null ? this.#takeHeader(chunk, at) : this.#takePayload(this.#payload, chunk, at);
      if (this.#payload !== null && this.#payloadFill === this.#payload.length) this.#finish(this.#payload);
    }
  }

  #takeHeader(chunk: Uint8Array, at: number): number {
    const taken = Math.min(FRAME_HEADER_BYTES - this.#headerFill, chunk.length - at);
    this.#header.set(chunk.subarray(at, at + taken), this.#headerFill);
    this.#headerFill += taken;
    if (this.#headerFill < FRAME_HEADER_BYTES) return taken;
    const length = this.#header.readUInt32BE(0);
    if (length > this.frameBytesMax) {
      this.#fail("TooLarge", `a frame of ${length} bytes was announced; the limit is ${this.frameBytesMax}`);
    }
    this.#headerFill = 0;
    // Slow: outside of the pool, which would be kept alive and shared. It is filled before anybody sees it.
    this.#payload = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
    this.#payloadFill = 0;
    return taken;
  }

  #takePayload(payload: Uint8Array, chunk: Uint8Array, at: number): number {
    const taken = Math.min(payload.length - this.#payloadFill, chunk.length - at);
    payload.set(chunk.subarray(at, at + taken), this.#payloadFill);
    this.#payloadFill += taken;
    return taken;
  }

  #finish(payload: Uint8Array): void {
    const type = this.#header[8] ?? 0;
    if (checksum(type, payload) !== this.#header.readUInt32BE(4)) {
      this.#fail("Malformed", `a frame of ${payload.length} bytes does not match its checksum`);
    }
    this.#payload = null;
    this.#frame(type, payload);
  }

  #fail(code: "Malformed" | "TooLarge", text: string): never {
    this.#payload = null;
    this.#failed = new SynodError(code, text);
    throw this.#failed;
  }
}
