import { malformed } from "./errors.js";
import { isUtf8 } from "./utf8.js";

/** Arrays inside each other in a frame, the outermost counted: frame, list of votes, vote, ballot. */
const DEPTH_MAX = 4;

/**
 * Reads one MessagePack value of what frames consist of: nil, booleans, numbers, texts, byte strings (as copies) and arrays. Every declared
 * length is there before it is used, nothing follows, nesting is bounded, text is UTF-8. Extension types, maps, 32-bit floats and 64-bit
 * integers (which JavaScript numbers cannot hold) are refused. The time is linear in the bytes.
 * @throws SynodError `Malformed`.
 */
export function unpack(bytes: Uint8Array): unknown {
  const reader = new Unpacker(bytes);
  const value = reader.value(1);
  reader.end();
  return value;
}

class Unpacker {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    // Copies out of a Buffer would be Buffers, or views.
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  end(): void {
    const left = this.#bytes.length - this.#at;
    if (left > 0) throw malformed(`${left} bytes follow after the end of the value`);
  }

  value(depth: number): unknown {
    const token = this.#bytes[this.#at++];
    if (token === undefined) throw malformed("the bytes end inside a value");
    if (token < 0x80) return token;
    if (token >= 0xe0) return token - 0x100;
    if (token >= 0x90 && token < 0xa0) return this.#array(token & 0x0f, depth);
    if (token >= 0xa0 && token < 0xc0) return this.#text(token & 0x1f);
    switch (token) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return this.#bin(this.#uint(1));
      case 0xc5:
        return this.#bin(this.#uint(2));
      case 0xc6:
        return this.#bin(this.#uint(4));
      case 0xcb:
        return this.#float();
      case 0xcc:
        return this.#uint(1);
      case 0xcd:
        return this.#uint(2);
      case 0xce:
        return this.#uint(4);
      case 0xd0:
        return (this.#uint(1) << 24) >> 24;
      case 0xd1:
        return (this.#uint(2) << 16) >> 16;
      case 0xd2:
        return this.#uint(4) | 0;
      case 0xd9:
        return this.#text(this.#uint(1));
      case 0xda:
        return this.#text(this.#uint(2));
      case 0xdb:
        return this.#text(this.#uint(4));
      case 0xdc:
        return this.#array(this.#uint(2), depth);
      case 0xdd:
        return this.#array(this.#uint(4), depth);
      default:
        throw malformed(`type 0x${token.toString(16)} at offset ${this.#at - 1} is not allowed`);
    }
  }

  /** The place of so many bytes; behind them it goes on. */
  #skip(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) throw malformed(`a length at offset ${at} runs past the end`);
    this.#at += length;
    return at;
  }

  #uint(size: number): number {
    const start = this.#skip(size);
    let value = 0;
    for (let at = start; at < start + size; at++) value = value * 256 + (this.#bytes[at] ?? 0);
    return value;
  }

  #float(): number {
    const { buffer, byteOffset } = this.#bytes;
    return new DataView(buffer, byteOffset).getFloat64(this.#skip(8));
  }

  #bin(length: number): Uint8Array {
    const start = this.#skip(length);
    return this.#bytes.slice(start, start + length);
  }

  #text(length: number): string {
    const start = this.#skip(length);
    return textOf(this.#bytes, start, start + length);
  }

  #array(length: number, depth: number): unknown[] {
    if (depth > DEPTH_MAX) throw malformed(`nested deeper than ${DEPTH_MAX}`);
    // Every element takes a byte at least, so a length beyond what is left is a lie.
    if (length > this.#bytes.length - this.#at) throw malformed(`a length at offset ${this.#at} runs past the end`);
    const elements: unknown[] = [];
    for (let i = 0; i < length; i++) elements.push(this.value(depth + 1));
    return elements;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** The same few texts stand in every frame: by their length and last byte, what was read last. */
const recent: { readonly bytes: Uint8Array; readonly text: string }[] = [];
const RECENT_MAX = 64;
const RECENT_LENGTH_MAX = 256;

function textOf(bytes: Uint8Array, start: number, end: number): string {
  const place = (31 * (end - start) + (bytes[end - 1] ?? 0)) % RECENT_MAX;
  const before = recent[place];
  if (before !== undefined && isSame(before.bytes, bytes, start, end)) return before.text;
  if (!isUtf8(bytes, start, end)) throw malformed(`the text at offset ${start} is not UTF-8, or begins with U+FEFF`);
  const own = bytes.slice(start, end);
  const text = utf8.decode(own);
  if (own.length <= RECENT_LENGTH_MAX) recent[place] = { bytes: own, text };
  return text;
}

function isSame(before: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (before.length !== end - start) return false;
  for (let i = 0; i < before.length; i++) if (before[i] !== bytes[start + i]) return false;
  return true;
}
