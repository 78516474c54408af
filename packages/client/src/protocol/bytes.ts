import { SynodError } from "@synod/interface";
import { putU32, u32At } from "@synod/transport-tcp/framing";

const nothing = new Uint8Array(0);
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

/** Writes heads of fixed length, big-endian, and bodies behind them, into bytes that have room for them. */
export class Writer {
  #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array = nothing, at: number = 0) {
    this.#bytes = bytes;
    this.#at = at;
  }

  /** Goes on elsewhere: one writer serves any number of frames. */
  into(bytes: Uint8Array, at: number): this {
    this.#bytes = bytes;
    this.#at = at;
    return this;
  }

  u8(value: number): this {
    this.#bytes[this.#at++] = value;
    return this;
  }

  u32(value: number): this {
    putU32(this.#bytes, this.#at, value);
    this.#at += 4;
    return this;
  }

  /** A safe integer from 0 in eight bytes. */
  u64(value: number): this {
    putU32(this.#bytes, this.#at, Math.floor(value / 2 ** 32));
    putU32(this.#bytes, this.#at + 4, value % 2 ** 32);
    this.#at += 8;
    return this;
  }

  raw(bytes: Uint8Array): this {
    const { length } = bytes;
    // For a few bytes a loop is cheaper.
    if (length > 32) this.#bytes.set(bytes, this.#at);
    else for (let i = 0; i < length; i++) this.#bytes[this.#at + i] = bytes[i] as number;
    this.#at += length;
    return this;
  }
}

/** The inverse of `Writer`: whatever does not fit is `Malformed`. Bodies are views of what is read. */
export class Reader {
  #bytes: Uint8Array;
  #at: number;
  #end: number;

  constructor(bytes: Uint8Array = nothing, from: number = 0, to: number = bytes.length) {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = to;
  }

  /** Goes on elsewhere: one reader serves any number of frames. */
  over(bytes: Uint8Array, from: number, to: number): this {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = to;
    return this;
  }

  u8(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  u32(): number {
    return u32At(this.#bytes, this.#take(4));
  }

  u64(): number {
    const at = this.#take(8);
    const high = u32At(this.#bytes, at);
    const low = u32At(this.#bytes, at + 4);
    // Almost always: and a product would be a floating-point number for V8, which then keeps a box for each that goes into an object.
    if (high === 0) return low;
    const value = high * 2 ** 32 + low;
    if (!Number.isSafeInteger(value)) throw malformed("A number out of range.");
    return value;
  }

  raw(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  rest(): Uint8Array {
    return this.raw(this.#end - this.#at);
  }

  end(): void {
    if (this.#at < this.#end) throw malformed("A frame that is longer than it should be.");
  }

  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.#end) throw malformed("A frame that is shorter than it should be.");
    this.#at = at + length;
    return at;
  }
}
