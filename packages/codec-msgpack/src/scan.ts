import { malformed } from "./errors.js";
import { isUtf8 } from "./utf8.js";

/**
 * Reads the skeleton of one MessagePack value before msgpackr does, so that it meets only what this package writes: every
 * declared length is there, nothing follows, nesting is bounded, text is UTF-8. Extension types, 32-bit floats and 64-bit
 * integers (which JavaScript numbers cannot hold) are refused. The time is linear in the bytes; nothing is kept.
 * @param depthMax arrays and maps inside each other, the outermost counted
 * @throws SynodError `Malformed`.
 */
export function scan(bytes: Uint8Array, depthMax: number): void {
  const end = new Scanner(bytes, depthMax).value(0, 1);
  if (end !== bytes.length) throw malformed(`${bytes.length - end} bytes follow after the end of the value`);
}

const PROTO: readonly number[] = Array.from("__proto__", (character) => character.charCodeAt(0));

/** Bytes that follow the token. A token that is neither here nor in `Scanner.value` is not allowed. */
const FIXED: ReadonlyMap<number, number> = new Map([
  [0xc0, 0], // nil
  [0xc2, 0], // false
  [0xc3, 0], // true
  [0xcb, 8], // float 64: fractions and integers above 32 bits
  [0xcc, 1],
  [0xcd, 2],
  [0xce, 4], // uint 8, 16, 32
  [0xd0, 1],
  [0xd1, 2],
  [0xd2, 4], // int 8, 16, 32
]);

/** Every method takes the offset of what it reads and returns the offset after it. */
class Scanner {
  readonly #bytes: Uint8Array;
  readonly #depthMax: number;

  constructor(bytes: Uint8Array, depthMax: number) {
    this.#bytes = bytes;
    this.#depthMax = depthMax;
  }

  value(at: number, depth: number): number {
    const token = this.#bytes[at];
    if (token === undefined) throw malformed("the bytes end inside a value");
    const next = at + 1;
    if (token < 0x80 || token >= 0xe0) return next;
    if (token < 0x90) return this.#map(next, token & 0x0f, depth);
    if (token < 0xa0) return this.#array(next, token & 0x0f, depth);
    if (token < 0xc0) return this.#text(next, token & 0x1f);
    switch (token) {
      case 0xc4:
        return this.#skip(next + 1, this.#uint(next, 1));
      case 0xc5:
        return this.#skip(next + 2, this.#uint(next, 2));
      case 0xc6:
        return this.#skip(next + 4, this.#uint(next, 4));
      case 0xd9:
        return this.#text(next + 1, this.#uint(next, 1));
      case 0xda:
        return this.#text(next + 2, this.#uint(next, 2));
      case 0xdb:
        return this.#text(next + 4, this.#uint(next, 4));
      case 0xdc:
        return this.#array(next + 2, this.#uint(next, 2), depth);
      case 0xdd:
        return this.#array(next + 4, this.#uint(next, 4), depth);
      case 0xde:
        return this.#map(next + 2, this.#uint(next, 2), depth);
      case 0xdf:
        return this.#map(next + 4, this.#uint(next, 4), depth);
      default:
    }
    const length = FIXED.get(token);
    if (length === undefined) throw malformed(`type 0x${token.toString(16)} at offset ${at} is not allowed`);
    return this.#skip(next, length);
  }

  #skip(at: number, length: number): number {
    if (length > this.#bytes.length - at) throw malformed(`a length at offset ${at} runs past the end`);
    return at + length;
  }

  #uint(at: number, size: number): number {
    this.#skip(at, size);
    let value = 0;
    for (let i = at; i < at + size; i++) value = value * 256 + (this.#bytes[i] ?? 0);
    return value;
  }

  #text(at: number, length: number): number {
    const end = this.#skip(at, length);
    if (!isUtf8(this.#bytes, at, end)) throw malformed(`the text at offset ${at} is not UTF-8, or begins with U+FEFF`);
    return end;
  }

  #array(at: number, length: number, depth: number): number {
    this.#enter(at, length, depth);
    let next = at;
    for (let i = 0; i < length; i++) next = this.value(next, depth + 1);
    return next;
  }

  #map(at: number, length: number, depth: number): number {
    this.#enter(at, 2 * length, depth);
    let next = at;
    for (let i = 0; i < length; i++) next = this.value(this.#key(next), depth + 1);
    return next;
  }

  /** Every element takes a byte at least, so a length beyond what is left is a lie. */
  #enter(at: number, elements: number, depth: number): void {
    if (depth > this.#depthMax) throw malformed(`nested deeper than ${this.#depthMax}`);
    this.#skip(at, elements);
  }

  #key(at: number): number {
    const token = this.#bytes[at] ?? 0;
    const header = token >= 0xa0 && token < 0xc0 ? 1 : token === 0xd9 ? 2 : token === 0xda ? 3 : token === 0xdb ? 5 : 0;
    if (header === 0) throw malformed(`the key at offset ${at} is not text`);
    const start = at + header;
    const end = this.value(at, 1);
    // msgpackr would give it another name.
    if (end - start === PROTO.length && PROTO.every((byte, i) => this.#bytes[start + i] === byte)) {
      throw malformed("a key named __proto__ is not allowed");
    }
    return end;
  }
}
