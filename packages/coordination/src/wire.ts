import { SynodError } from "@synod/interface";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** UTF-8 of a text. @throws SynodError `InvalidArgument` for half of a surrogate pair: it would come back as another text. */
export function utf8(text: string): Uint8Array {
  if (!/[\ud800-\udfff]/.test(text)) return encoder.encode(text);
  const bytes = encoder.encode(text);
  if (decoder.decode(bytes) !== text) {
    throw new SynodError(
      "InvalidArgument",
      `${JSON.stringify(text)} is no well-formed text: it has half a surrogate pair.`,
    );
  }
  return bytes;
}

/** Length in UTF-8. */
export function utf8Length(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) continue;
    // Each half of a pair stands for two of its four bytes.
    length += code < 0x800 || (code >= 0xd800 && code <= 0xdfff) ? 1 : 2;
  }
  return length;
}

/** What short values are written into, one behind the other: memory of its own for each would cost more than to fill it. */
const SHARED_BYTES = 4096;
/** Less than this is not worth going on with. */
const REST_BYTES_MIN = 256;

/** Grows as it is written. Integers are varints: seven bits a byte, lowest first, in the shortest form. */
export class Writer {
  #bytes: Uint8Array;
  #from = 0;
  #at = 0;

  constructor(sizeHint: number = 64) {
    this.#bytes = new Uint8Array(sizeHint);
  }

  /** Begins another value, behind those that were taken; one that was not taken is dropped. */
  again(): this {
    if (this.#bytes.length > SHARED_BYTES || this.#bytes.length - this.#from < REST_BYTES_MIN) {
      this.#bytes = new Uint8Array(SHARED_BYTES);
      this.#from = 0;
    }
    this.#at = this.#from;
    return this;
  }

  get length(): number {
    return this.#at - this.#from;
  }

  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#at++] = value;
  }

  flag(value: boolean): void {
    this.byte(value ? 1 : 0);
  }

  /** An integer from 0 to 2^53 - 1. */
  int(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new SynodError("InvalidArgument", `${String(value)} is no integer from 0 to 2^53 - 1.`);
    }
    this.#room(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#at++] = (rest % 128) | 0x80;
      rest = Math.floor(rest / 128);
    }
    this.#bytes[this.#at++] = rest;
  }

  /** An integer of either sign, or nothing: 0 for nothing, else sign and size. */
  maybe(value: number | null): void {
    if (value === null) return this.byte(0);
    this.byte(value < 0 ? 2 : 1);
    this.int(Math.abs(value));
  }

  bytes(value: Uint8Array): void {
    this.int(value.length);
    this.#room(value.length);
    this.#bytes.set(value, this.#at);
    this.#at += value.length;
  }

  text(value: string): void {
    const { length } = value;
    // Short texts are nearly always ASCII; the first character that is not sends it the long way.
    if (length >= 0x80) return this.bytes(utf8(value));
    this.#room(1 + length);
    const bytes = this.#bytes;
    const start = this.#at + 1;
    for (let at = 0; at < length; at++) {
      const code = value.charCodeAt(at);
      if (code >= 0x80) return this.bytes(utf8(value));
      bytes[start + at] = code;
    }
    bytes[this.#at] = length;
    this.#at = start + length;
  }

  maybeText(value: string | null): void {
    this.flag(value !== null);
    if (value !== null) this.text(value);
  }

  list<T>(values: readonly T[], write: (value: T) => void): void {
    this.int(values.length);
    for (const value of values) write(value);
  }

  /** What has been written, which nobody writes over; `again` begins the next value. */
  done(): Uint8Array {
    const written = this.#bytes.subarray(this.#from, this.#at);
    this.#from = this.#at;
    return written;
  }

  #room(size: number): void {
    if (this.#at + size <= this.#bytes.length) return;
    const length = this.#at - this.#from;
    const grown = new Uint8Array(Math.max(2 * length, length + size, SHARED_BYTES));
    grown.set(this.#bytes.subarray(this.#from, this.#at));
    this.#bytes = grown;
    this.#from = 0;
    this.#at = length;
  }
}

/** Short values that are kept share memory: a buffer for each costs several times what is in it. No value keeps more than this in memory. */
const KEPT_BYTES = 1024;
/** A longer one has memory of its own. */
const KEPT_SHARED_MAX = KEPT_BYTES / 4;
/** Shorter ones have no buffer of their own in V8. */
const KEPT_SHARED_MIN = 65;
let kept = new Uint8Array(KEPT_BYTES);
let keptAt = 0;

function keep(bytes: Uint8Array, from: number, to: number): Uint8Array {
  const length = to - from;
  const view = bytes.subarray(from, to);
  if (length > KEPT_SHARED_MAX || length < KEPT_SHARED_MIN) return new Uint8Array(view);
  if (keptAt + length > KEPT_BYTES) {
    kept = new Uint8Array(KEPT_BYTES);
    keptAt = 0;
  }
  const start = keptAt;
  keptAt += length;
  kept.set(view, start);
  return kept.subarray(start, keptAt);
}

/** Texts that were read last, by a hash of their bytes: most commands name a key that others named before them. */
const known: string[] = Array.from({ length: 4096 }, () => "");
const KNOWN_LENGTH_MAX = 64;

/** A known text, which is ASCII, that has these bytes: it need not be made, hashed and compared again. Else its place. */
function knownText(bytes: Uint8Array, from: number, length: number): string | number {
  let hash = length;
  for (let at = 0; at < length; at++) hash = Math.imul(hash ^ (bytes[from + at] as number), 0x01000193);
  const place = (hash ^ (hash >>> 15)) & (known.length - 1);
  const text = known[place] as string;
  if (text.length !== length) return place;
  for (let at = 0; at < length; at++) if (text.charCodeAt(at) !== bytes[from + at]) return place;
  return text;
}

/** Reads what a `Writer` wrote; each length is checked before it is used. Throws `Malformed` and nothing else. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  readonly #isLasting: boolean;
  #at = 0;

  /** @param isLasting whether nobody changes the bytes any more, and values of the state may be views of them */
  constructor(bytes: Uint8Array, what: string, isLasting = false) {
    this.#bytes = bytes;
    this.#what = what;
    this.#isLasting = isLasting;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  byte(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) throw this.malformed("it ends too early");
    this.#at++;
    return value;
  }

  flag(): boolean {
    const value = this.byte();
    if (value > 1) throw this.malformed("a flag is neither 0 nor 1");
    return value === 1;
  }

  int(): number {
    const first = this.#bytes[this.#at];
    if (first !== undefined && first < 0x80) {
      this.#at++;
      return first;
    }
    let value = 0;
    let scale = 1;
    for (let count = 1; ; count++) {
      const byte = this.byte();
      // Seven bytes hold 49 bits: four are left for the eighth.
      if (count === 8 && byte > 0x0f) throw this.malformed("a number is above 2^53 - 1");
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && count > 1) throw this.malformed("a number is not in its shortest form");
        return value;
      }
      scale *= 128;
    }
  }

  maybe(): number | null {
    const kind = this.byte();
    if (kind === 0) return null;
    if (kind > 2) throw this.malformed("a number has an impossible sign");
    const size = this.int();
    if (kind === 2 && size === 0) throw this.malformed("a number is a negative 0");
    return kind === 2 ? -size : size;
  }

  /** For values of the state: a copy, or a view where that lasts. Short ones are copied and share memory. */
  kept(): Uint8Array {
    const length = this.int();
    const end = this.#skip(length);
    const from = this.#at;
    this.#at = end;
    if (!this.#isLasting || length <= KEPT_SHARED_MAX) return keep(this.#bytes, from, end);
    // Not `subarray`, which of a Buffer gives a Buffer.
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + from, length);
  }

  /** A copy. */
  bytes(): Uint8Array {
    // Not `slice`, which of a Buffer gives a view.
    return new Uint8Array(this.#view(this.int()));
  }

  text(): string {
    const length = this.int();
    const end = this.#skip(length);
    const isShort = length <= KNOWN_LENGTH_MAX;
    const found = isShort ? knownText(this.#bytes, this.#at, length) : 0;
    if (typeof found === "string") {
      this.#at = end;
      return found;
    }
    const text = this.#utf8(length);
    // As many characters as bytes: it is ASCII. Of others the characters may be the bytes of another text.
    if (isShort && text.length === length) known[found] = text;
    return text;
  }

  maybeText(): string | null {
    return this.flag() ? this.text() : null;
  }

  /** `countMax` is checked before anything is read: each element has at least one byte. */
  list<T>(countMax: number, read: () => T): T[] {
    const count = this.int();
    if (count > countMax || count > this.left) throw this.malformed("a list is too long");
    const values: T[] = [];
    for (let i = 0; i < count; i++) values.push(read());
    return values;
  }

  end(): void {
    if (this.left > 0) throw this.malformed(`${this.left} bytes follow its end`);
  }

  malformed(why: string): SynodError {
    return new SynodError("Malformed", `This is no valid ${this.#what}: ${why} (at byte ${this.#at}).`, {
      details: { offset: this.#at },
    });
  }

  #utf8(length: number): string {
    const view = this.#view(length);
    try {
      return decoder.decode(view);
    } catch {
      throw this.malformed("a text is no UTF-8");
    }
  }

  #view(length: number): Uint8Array {
    const end = this.#skip(length);
    return this.#bytes.subarray(this.#at, (this.#at = end));
  }

  /** @returns where so many bytes end */
  #skip(length: number): number {
    if (length > this.left) throw this.malformed("a length points past its end");
    return this.#at + length;
  }
}
