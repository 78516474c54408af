export type Pair = readonly [number, number];

/** All links between these replicas. */
export function pairsOf(ids: readonly number[]): Pair[] {
  return ids.flatMap((a, index) => ids.slice(index + 1).map((b): Pair => [a, b]));
}

/** The links of a star, or of a chain in the order of the ids; every other one is to be cut. */
export function topology(ids: readonly number[], shape: { readonly center: number } | "chain"): Pair[] {
  return pairsOf(ids).filter(([a, b]) =>
    shape === "chain" ? ids.indexOf(b) === ids.indexOf(a) + 1 : a === shape.center || b === shape.center,
  );
}

/** Which pairs of replicas are cut off from each other. */
export class Links {
  readonly #cut = new Map<string, Pair>();

  get pairs(): readonly Pair[] {
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

  /** The links of a replica that is no more. */
  forget(id: number): void {
    for (const other of this.cutFrom(id)) this.heal(id, other);
  }

  /** Everybody whom this replica cannot reach. */
  cutFrom(id: number): number[] {
    return this.pairs.filter((pair) => pair.includes(id)).map(([a, b]) => (a === id ? b : a));
  }
}

const ordered = (a: number, b: number): Pair => (a < b ? [a, b] : [b, a]);
