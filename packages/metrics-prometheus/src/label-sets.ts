type Labels = Readonly<Record<string, string>>;

/** Different label sets that one metric may have. The rest is counted together: each set costs memory here and in Prometheus. */
export const LABEL_SETS_MAX = 256;
const REST = "other";

/** Keeps the label sets of one metric few. */
export class LabelSets {
  readonly #names: readonly string[];
  readonly #seen = new Map<string, Labels>();
  readonly #rest: Labels;

  constructor(names: readonly string[]) {
    this.#names = names;
    this.#rest = Object.fromEntries(names.map((name) => [name, REST]));
  }

  /** The described labels alone, each with a value; "other" for all of them when there are too many already. */
  bounded(labels: Labels = {}): Labels {
    if (this.#names.length === 0) return {};
    const values = this.#names.map((name) => labels[name] ?? "");
    const key = values.join("\n");
    const known = this.#seen.get(key);
    if (known !== undefined) return known;
    if (this.#seen.size >= LABEL_SETS_MAX) return this.#rest;
    const set = Object.fromEntries(this.#names.map((name, i) => [name, values[i] ?? ""]));
    this.#seen.set(key, set);
    return set;
  }

  /** Makes room: who these labels name is gone. @returns the sets that have all of them */
  forget(labels: Labels): Labels[] {
    const gone = [...this.#seen].filter(([, set]) =>
      Object.entries(labels).every(([name, value]) => set[name] === value),
    );
    for (const [key] of gone) this.#seen.delete(key);
    return gone.map(([, set]) => set);
  }
}
