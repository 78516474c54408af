import { type Hash64, HASH_START, hash64, hex64 } from "./hash.js";

const BLOCK_BYTES = 64 * 1024;

/** 16 hexadecimal digits: equal for equal bytes. */
export function checksumOf(bytes: Uint8Array): string {
  return hex64(hash64(HASH_START, bytes.length, bytes));
}

/** Hash of a stream of bytes, however it is cut into chunks. */
export class ContentHash {
  readonly #block = new Uint8Array(BLOCK_BYTES);
  #filled = 0;
  #bytes = 0;
  #hash: Hash64 = HASH_START;

  /** Bytes so far. */
  get bytes(): number {
    return this.#bytes;
  }

  add(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + BLOCK_BYTES - this.#filled);
      at += part.length;
      if (part.length === BLOCK_BYTES) {
        this.#hash = hash64(this.#hash, BLOCK_BYTES, part);
        continue;
      }
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      if (this.#filled === BLOCK_BYTES) this.#flush();
    }
  }

  /** Of everything so far; more may be added afterwards. */
  hex(): string {
    return hex64(hash64(this.#hash, this.#bytes, this.#block.subarray(0, this.#filled)));
  }

  #flush(): void {
    this.#hash = hash64(this.#hash, this.#filled, this.#block.subarray(0, this.#filled));
    this.#filled = 0;
  }
}
