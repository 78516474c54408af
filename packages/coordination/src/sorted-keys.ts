const BLOCK_MAX = 512;

/** A set of texts in the order of `<`. Blocks of some hundred, so that no change moves more than one of them. */
export class SortedKeys {
  readonly #blocks: string[][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @returns false if it was there */
  add(key: string): boolean {
    const at = Math.min(this.#blockOf(key), this.#blocks.length - 1);
    const block = this.#blocks[at];
    if (block === undefined) {
      this.#blocks.push([key]);
      this.#size++;
      return true;
    }
    const position = lowerBound(block, key);
    if (block[position] === key) return false;
    block.splice(position, 0, key);
    if (block.length > BLOCK_MAX) this.#blocks.splice(at + 1, 0, block.splice(BLOCK_MAX / 2));
    this.#size++;
    return true;
  }

  /** @returns false if it was not there */
  delete(key: string): boolean {
    const at = this.#blockOf(key);
    const block = this.#blocks[at];
    if (block === undefined) return false;
    const position = lowerBound(block, key);
    if (block[position] !== key) return false;
    block.splice(position, 1);
    if (block.length === 0) this.#blocks.splice(at, 1);
    this.#size--;
    return true;
  }

  first(): string | undefined {
    return this.#blocks[0]?.[0];
  }

  /** How many are below the key; all for null. */
  rank(key: string | null): number {
    if (key === null) return this.#size;
    const at = this.#blockOf(key);
    let below = 0;
    for (let i = 0; i < at; i++) below += this.#blocks[i]?.length ?? 0;
    const block = this.#blocks[at];
    return block === undefined ? below : below + lowerBound(block, key);
  }

  /** From the key on, upwards. Not to be changed meanwhile. */
  *up(from: string): Generator<string, void> {
    let at = this.#blockOf(from);
    const first = this.#blocks[at];
    let position = first === undefined ? 0 : lowerBound(first, from);
    for (let block = first; block !== undefined; block = this.#blocks[++at], position = 0) {
      for (; position < block.length; position++) yield block[position] as string;
    }
  }

  /** Below the key, downwards; from the last one for null. Not to be changed meanwhile. */
  *down(below: string | null): Generator<string, void> {
    let at = below === null ? this.#blocks.length - 1 : Math.min(this.#blockOf(below), this.#blocks.length - 1);
    const first = this.#blocks[at];
    if (first === undefined) return;
    let position = (below === null ? first.length : lowerBound(first, below)) - 1;
    for (let block: string[] | undefined = first; block !== undefined; block = this.#blocks[--at]) {
      if (block !== first) position = block.length - 1;
      for (; position >= 0; position--) yield block[position] as string;
    }
  }

  /** The first block whose last key is not below the key. */
  #blockOf(key: string): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#blocks[middle]?.at(-1) as string) < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The least text above all that begin with the prefix; null if there is none. For comparing alone: it may be no well-formed text. */
export function prefixEnd(prefix: string): string | null {
  for (let length = prefix.length; length > 0; length--) {
    const unit = prefix.charCodeAt(length - 1);
    if (unit < 0xffff) return prefix.slice(0, length - 1) + String.fromCharCode(unit + 1);
  }
  return null;
}
