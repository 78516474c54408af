import { SynodError } from "@synod/interface";

const utf8 = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true });

export const malformed = (text: string, cause?: unknown): SynodError =>
  new SynodError("Malformed", text, cause === undefined ? {} : { cause });

export const encodeText = (text: string): Uint8Array => utf8.encode(text);

export function decodeText(bytes: Uint8Array): string {
  try {
    return strict.decode(bytes);
  } catch (cause) {
    throw malformed("A text that is not UTF-8.", cause);
  }
}

/** Bytes of a frame with a fixed head, big-endian, and a body behind it. */
export class Writer {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(length: number) {
    this.bytes = new Uint8Array(length);
    this.#view = new DataView(this.bytes.buffer);
  }

  u8(value: number): this {
    this.bytes[this.#at++] = value;
    return this;
  }

  u32(value: number): this {
    this.#view.setUint32(this.#at, value);
    this.#at += 4;
    return this;
  }

  /** A safe integer from 0 in eight bytes. */
  u64(value: number): this {
    this.#view.setUint32(this.#at, Math.floor(value / 2 ** 32));
    this.#view.setUint32(this.#at + 4, value % 2 ** 32);
    this.#at += 8;
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.bytes.set(bytes, this.#at);
    this.#at += bytes.length;
    return this;
  }
}

/** The inverse of `Writer`: whatever does not fit is `Malformed`. Bodies are views of the frame. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u64(): number {
    const at = this.#take(8);
    const value = this.#view.getUint32(at) * 2 ** 32 + this.#view.getUint32(at + 4);
    if (!Number.isSafeInteger(value)) throw malformed("A number out of range.");
    return value;
  }

  raw(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  rest(): Uint8Array {
    return this.raw(this.#bytes.length - this.#at);
  }

  end(): void {
    if (this.#at < this.#bytes.length) throw malformed("A frame that is longer than it should be.");
  }

  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.#bytes.length) throw malformed("A frame that is shorter than it should be.");
    this.#at += length;
    return at;
  }
}
