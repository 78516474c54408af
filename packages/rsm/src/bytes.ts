import { SynodError } from "@synod/interface";

/**
 * Varint: seven bits a byte, lowest first, the high bit says that more follow. Integers from 0 to 2^53 - 1 in at most
 * eight bytes, always in the shortest form, so that equal contents are equal bytes.
 */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  if (value < 0x1000_0000) return 4;
  if (value < 2 ** 35) return 5;
  if (value < 2 ** 42) return 6;
  if (value < 2 ** 49) return 7;
  return 8;
}

/** So many bits are read as a whole number of V8, which is one of 31 bits. */
const WHOLE_BITS = 28;

/** Fills one array of a size that the caller has worked out before. */
export class ByteWriter {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(size: number) {
    this.#bytes = new Uint8Array(size);
  }

  get length(): number {
    return this.#at;
  }

  fits(size: number): boolean {
    return this.#at + size <= this.#bytes.length;
  }

  byte(value: number): void {
    this.#bytes[this.#at++] = value;
  }

  varint(value: number): void {
    let rest = value;
    // Bitwise operators work on 32 bits only; what lies above goes by division.
    while (rest >= 0x1000_0000) {
      this.#bytes[this.#at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#at++] = rest;
  }

  uint32(value: number): void {
    this.#bytes[this.#at++] = value & 0xff;
    this.#bytes[this.#at++] = (value >>> 8) & 0xff;
    this.#bytes[this.#at++] = (value >>> 16) & 0xff;
    this.#bytes[this.#at++] = value >>> 24;
  }

  raw(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** What has been written, without a copy. */
  written(): Uint8Array {
    return this.#at === this.#bytes.length ? this.#bytes : this.#bytes.subarray(0, this.#at);
  }
}

/** Reads from start to end and checks each length before it is used. Throws `Malformed` and nothing else. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #at = 0;

  /** @param what - names the input in error texts. */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw this.malformed("it ends too early");
    this.#at += 1;
    return value;
  }

  varint(): number {
    const first = this.byte();
    // Almost all: in whole numbers, since V8 keeps a box for each floating-point number that goes into an object.
    if (first < 0x80) return first;
    let value = first & 0x7f;
    for (let shift = 7; shift < WHOLE_BITS; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return this.#shortest(value, byte);
    }
    return this.#longVarint(value);
  }

  #longVarint(low: number): number {
    let value = low;
    let scale = 2 ** WHOLE_BITS;
    for (let count = WHOLE_BITS / 7 + 1; ; count += 1) {
      const byte = this.byte();
      // Seven bytes hold 49 bits: four are left for the eighth.
      if (count === 8 && byte > 0x0f) throw this.malformed("a number is above 2^53 - 1");
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return this.#shortest(value, byte);
      scale *= 128;
    }
  }

  #shortest(value: number, last: number): number {
    if (last === 0) throw this.malformed("a number is not in its shortest form");
    return value;
  }

  uint32(): number {
    const view = this.view(4);
    return ((view[0] ?? 0) | ((view[1] ?? 0) << 8) | ((view[2] ?? 0) << 16) | ((view[3] ?? 0) << 24)) >>> 0;
  }

  /** The next bytes, as a view. */
  view(length: number): Uint8Array {
    if (length > this.remaining) throw this.malformed("a length points past its end");
    const start = this.#at;
    this.#at += length;
    return this.#bytes.subarray(start, this.#at);
  }

  end(): void {
    if (this.remaining > 0) throw this.malformed(`${this.remaining} bytes follow its end`);
  }

  malformed(why: string): SynodError {
    return new SynodError("Malformed", `This is no valid ${this.#what}: ${why} (at byte ${this.#at}).`, {
      details: { offset: this.#at },
    });
  }
}
