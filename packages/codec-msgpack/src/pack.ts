/** What frames consist of: null, booleans, whole numbers from 0 to 2^53 - 1, texts, byte strings, and arrays of these. */
export type Packable = unknown;

const utf8 = new TextEncoder();

/**
 * The MessagePack form of an array of such values, each number and length in its shortest form; integers above 32 bits as 64-bit floats, as
 * msgpackr writes them. It fills one array of exactly the right size, so that every byte of a value is copied once.
 */
export function pack(value: Packable): Uint8Array {
  const to = new Uint8Array(sizeOf(value));
  new Packer(to).put(value);
  return to;
}

const uintSize = (value: number): number => {
  if (value < 0x80) return 1;
  if (value < 0x100) return 2;
  if (value < 0x1_0000) return 3;
  return value < 0x1_0000_0000 ? 5 : 9;
};
const textHeadSize = (length: number): number => (length < 0x20 ? 1 : length < 0x100 ? 2 : length < 0x1_0000 ? 3 : 5);
const binHeadSize = (length: number): number => (length < 0x100 ? 2 : length < 0x1_0000 ? 3 : 5);
const arrayHeadSize = (length: number): number => (length < 0x10 ? 1 : length < 0x1_0000 ? 3 : 5);

function sizeOf(value: Packable): number {
  if (typeof value === "number") return uintSize(value);
  if (typeof value === "string") {
    const { length } = bytesOf(value);
    return textHeadSize(length) + length;
  }
  if (value instanceof Uint8Array) return binHeadSize(value.length) + value.length;
  if (!Array.isArray(value)) return 1;
  let size = arrayHeadSize(value.length);
  for (const element of value) size += sizeOf(element);
  return size;
}

/** The same few texts stand in every frame. */
const known = new Map<string, Uint8Array>();
const KNOWN_MAX = 64;

function bytesOf(text: string): Uint8Array {
  let bytes = known.get(text);
  if (bytes !== undefined) return bytes;
  bytes = utf8.encode(text);
  if (known.size === KNOWN_MAX) known.clear();
  known.set(text, bytes);
  return bytes;
}

class Packer {
  readonly #to: Uint8Array;
  #at = 0;

  constructor(to: Uint8Array) {
    this.#to = to;
  }

  put(value: Packable): void {
    if (typeof value === "number") this.#number(value);
    else if (typeof value === "string") {
      const bytes = bytesOf(value);
      this.#head(bytes.length, 0x20, 0xa0, 0xd9);
      this.#raw(bytes);
    } else if (value instanceof Uint8Array) {
      this.#head(value.length, 0, 0, 0xc4);
      this.#raw(value);
    } else if (Array.isArray(value)) {
      // There is no array with a length of one byte.
      if (value.length < 0x10) this.#to[this.#at++] = 0x90 | value.length;
      else this.#uint(value.length < 0x1_0000 ? 0xdc : 0xdd, value.length, value.length < 0x1_0000 ? 2 : 4);
      for (const element of value) this.put(element);
    } else this.#to[this.#at++] = value === true ? 0xc3 : value === false ? 0xc2 : 0xc0;
  }

  #number(value: number): void {
    if (value < 0x80) this.#to[this.#at++] = value;
    else if (value < 0x100) this.#uint(0xcc, value, 1);
    else if (value < 0x1_0000) this.#uint(0xcd, value, 2);
    else if (value < 0x1_0000_0000) this.#uint(0xce, value, 4);
    else {
      this.#to[this.#at++] = 0xcb;
      new DataView(this.#to.buffer).setFloat64(this.#at, value);
      this.#at += 8;
    }
  }

  /** @param short lengths below this go into the token `shortToken`; longer ones follow `token`, or one of the two after it */
  #head(length: number, short: number, shortToken: number, token: number): void {
    if (length < short) this.#to[this.#at++] = shortToken | length;
    else if (length < 0x100) this.#uint(token, length, 1);
    else if (length < 0x1_0000) this.#uint(token + 1, length, 2);
    else this.#uint(token + 2, length, 4);
  }

  #uint(token: number, value: number, size: number): void {
    this.#to[this.#at++] = token;
    for (let shift = 8 * (size - 1); shift >= 0; shift -= 8) this.#to[this.#at++] = value >>> shift;
  }

  #raw(bytes: Uint8Array): void {
    this.#to.set(bytes, this.#at);
    this.#at += bytes.length;
  }
}
