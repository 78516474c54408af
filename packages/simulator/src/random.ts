import type { Random } from "@synod/interface";

/**
 * Seeded random numbers (the generator sfc32): the same seed gives the same numbers on every machine. Only arithmetic whose
 * result the language fixes to the last bit.
 */
export class SeededRandom implements Random {
  #a: number;
  #b: number;
  #c: number;
  #d = 1;

  /** @param seed any safe integer. */
  constructor(seed: number, stream: number = 0) {
    this.#a = seed | 0;
    this.#b = Math.floor(seed / 2 ** 32) | 0;
    this.#c = stream | 0;
    // Near seeds are near states; after some rounds they are not.
    for (let i = 0; i < 15; i++) this.uint32();
  }

  uint32(): number {
    const sum = (this.#a + this.#b + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + sum;
    return sum >>> 0;
  }

  /** Uniform in [0, 1). */
  fraction(): number {
    return this.uint32() / 2 ** 32;
  }

  /** Uniform in [min, max). */
  between(min: number, max: number): number {
    return min + this.fraction() * (max - min);
  }

  /** Integer from `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.fraction() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError("nothing to pick from");
    return items[this.int(0, items.length - 1)] as T;
  }

  /** The items in another order. */
  shuffle<T>(items: readonly T[]): T[] {
    const rest = [...items];
    const result: T[] = [];
    while (rest.length > 0) result.push(...rest.splice(this.int(0, rest.length - 1), 1));
    return result;
  }

  /** Each item or not. */
  subset<T>(items: readonly T[]): T[] {
    return items.filter(() => this.chance(0.5));
  }

  /** A generator of its own, so that what one part draws does not change what another one gets. */
  fork(): SeededRandom {
    return new SeededRandom(this.uint32() * 2 ** 21 + (this.uint32() >>> 11), this.uint32());
  }
}
