/** What the comparison of states found. */
export interface CheckView {
  /** How often two replicas were seen at the same slot. */
  readonly compared: number;
  /** Wall clock of the last time, or null. */
  readonly atMs: number | null;
  /** The slot of the last time. */
  readonly slot: number;
  /** A slot at which two replicas had executed different things, which must never be seen. */
  readonly differs: { readonly slot: number; readonly replicas: readonly [number, number] } | null;
}

interface Known {
  readonly id: number;
  readonly hash: string;
}

const SLOTS_MAX = 4096;

/** Holds the hashes over everything that replicas executed against each other, wherever two were seen at the same slot, even at different times. */
export class StateCheck {
  readonly #known = new Map<number, Known>();
  #compared = 0;
  #atMs: number | null = null;
  #slot = 0;
  #differs: CheckView["differs"] = null;

  see(id: number, slot: number, hash: string, nowMs: number): void {
    if (slot === 0 || hash === "") return;
    const known = this.#known.get(slot);
    if (known === undefined) {
      this.#known.set(slot, { id, hash });
      const [oldest] = this.#known.keys();
      if (this.#known.size > SLOTS_MAX && oldest !== undefined) this.#known.delete(oldest);
      return;
    }
    if (known.id === id && known.hash === hash) return;
    if (slot !== this.#slot || known.hash !== hash) this.#compared++;
    this.#atMs = nowMs;
    this.#slot = slot;
    if (known.hash !== hash) this.#differs ??= { slot, replicas: [known.id, id] };
  }

  get view(): CheckView {
    return { compared: this.#compared, atMs: this.#atMs, slot: this.#slot, differs: this.#differs };
  }
}
