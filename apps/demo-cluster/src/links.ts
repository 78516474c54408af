/** Which pairs of replicas are cut off from each other. */
export class Links {
  readonly #cut = new Map<string, readonly [number, number]>();

  get pairs(): readonly (readonly [number, number])[] {
    return [...this.#cut.values()];
  }

  cut(a: number, b: number): void {
    const pair = ordered(a, b);
    this.#cut.set(pair.join("-"), pair);
  }

  heal(a: number, b: number): void {
    this.#cut.delete(ordered(a, b).join("-"));
  }

  healAll(): void {
    this.#cut.clear();
  }

  /** Everybody whom this replica cannot reach. */
  cutFrom(id: number): number[] {
    return this.pairs.filter((pair) => pair.includes(id)).map(([a, b]) => (a === id ? b : a));
  }
}

const ordered = (a: number, b: number): readonly [number, number] => (a < b ? [a, b] : [b, a]);
