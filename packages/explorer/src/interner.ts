/** Gives each distinct value a number, from 0 in the order in which they come. Values are told apart by their text. */
export class Interner<T> {
  readonly #numbers = new Map<string, number>();
  readonly #values: T[] = [];

  numberOf(text: string, value: T): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.#values.length);
    return this.#values.push(value) - 1;
  }

  value(number: number): T {
    return this.#values[number] as T;
  }
}

/** A sorted list of numbers with others added; the same list if it holds them all. */
export function withNumbers(sorted: readonly number[], added: readonly number[]): readonly number[] {
  const fresh = added.filter((number) => !sorted.includes(number));
  return fresh.length === 0 ? sorted : [...new Set([...sorted, ...fresh])].sort((a, b) => a - b);
}
