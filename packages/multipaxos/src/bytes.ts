import { SynodError } from "@synod/interface";

/** Bytes that are no configuration value, range or history. */
export function malformed(what: string): SynodError {
  return new SynodError("Malformed", `${what}: these bytes were not written by a replica`);
}

/** Texts are short: names and addresses. The bound is in bytes of UTF-8. */
export const TEXT_BYTES_MAX = 255;

/** Collects bytes. Integers are varints: seven bits a byte, lowest first, always in the shortest form. */
export class Writer {
  readonly #bytes: number[] = [];

  byte(value: number): void {
    this.#bytes.push(value);
  }

  varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes.push((rest % 128) | 0x80);
      rest = Math.floor(rest / 128);
    }
    this.#bytes.push(rest);
  }

  /** One byte for the length, then UTF-8. */
  text(text: string): void {
    const bytes = new TextEncoder().encode(text);
    if (bytes.length > TEXT_BYTES_MAX) {
      throw new SynodError("InvalidArgument", `a text of ${bytes.length} bytes is longer than ${TEXT_BYTES_MAX}`);
    }
    this.#bytes.push(bytes.length, ...bytes);
  }

  raw(bytes: Uint8Array): void {
    for (const byte of bytes) this.#bytes.push(byte);
  }

  done(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** Reads what `Writer` wrote. Throws `Malformed` for anything else: also for a number or text in another than its one form. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #what: string;
  #at = 0;

  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#what = what;
  }

  byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw malformed(`${this.#what} ends too early`);
    return byte;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (!Number.isSafeInteger(value)) throw malformed(`${this.#what} has a number above 2^53 - 1`);
      if (byte < 0x80) {
        if (byte === 0 && scale > 1) throw malformed(`${this.#what} has a number that is not in its shortest form`);
        return value;
      }
      scale *= 128;
      if (scale > 2 ** 49) throw malformed(`${this.#what} has a number of too many bytes`);
    }
  }

  /** A varint that counts things, each of at least one byte. */
  count(max: number): number {
    const count = this.varint();
    if (count > max || count > this.#bytes.length - this.#at) throw malformed(`${this.#what} counts ${count} entries`);
    return count;
  }

  text(): string {
    const bytes = this.raw(this.byte());
    let text: string;
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      throw malformed(`${this.#what} has a text that is no UTF-8`);
    }
    return text;
  }

  raw(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw malformed(`${this.#what} ends too early`);
    this.#at += length;
    return this.#bytes.slice(this.#at - length, this.#at);
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw malformed(`${this.#what} has bytes behind its end`);
  }
}
