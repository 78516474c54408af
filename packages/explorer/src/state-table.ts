import { WORDS } from "./fingerprints.js";

const EMPTY = -1;

/**
 * The states seen so far, as fingerprints, each with the step by which it was first reached. About 50 bytes a state, in
 * flat arrays. States are numbered from 0 in the order in which they were added.
 */
export class StateTable {
  #count = 0;
  #fingerprints = new Uint32Array(1024 * WORDS);
  #parents = new Int32Array(1024);
  #steps = new Int32Array(1024);
  /** Open addressing; at most half full. */
  #slots = new Int32Array(4096).fill(EMPTY);

  get count(): number {
    return this.#count;
  }

  /** The state that this one was reached from; -1 for an initial one. */
  parent(state: number): number {
    return this.#parents[state] as number;
  }

  /** Index of the action among those of the parent, or among the initial states. */
  step(state: number): number {
    return this.#steps[state] as number;
  }

  /** Adds a state. Returns false if it is known. */
  add(fingerprint: Uint32Array, parent: number, step: number): boolean {
    if (2 * (this.#count + 1) > this.#slots.length) this.#growSlots();
    const slot = this.#slotOf(fingerprint, 0);
    if (this.#slots[slot] !== EMPTY) return false;
    if (this.#count === this.#parents.length) this.#growStates();
    this.#fingerprints.set(fingerprint, this.#count * WORDS);
    this.#parents[this.#count] = parent;
    this.#steps[this.#count] = step;
    this.#slots[slot] = this.#count++;
    return true;
  }

  /** Where this fingerprint (at `at` in `words`) is, or would go. */
  #slotOf(words: Uint32Array, at: number): number {
    const mask = this.#slots.length - 1;
    let slot = (words[at] as number) & mask;
    for (;;) {
      const state = this.#slots[slot] as number;
      if (state === EMPTY || this.#holds(state * WORDS, words, at)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #holds(own: number, words: Uint32Array, at: number): boolean {
    for (let i = 0; i < WORDS; i++) if (this.#fingerprints[own + i] !== words[at + i]) return false;
    return true;
  }

  #growStates(): void {
    const size = this.#parents.length * 2;
    const [fingerprints, parents, steps] = [this.#fingerprints, this.#parents, this.#steps];
    this.#fingerprints = new Uint32Array(size * WORDS);
    this.#fingerprints.set(fingerprints);
    this.#parents = new Int32Array(size);
    this.#parents.set(parents);
    this.#steps = new Int32Array(size);
    this.#steps.set(steps);
  }

  #growSlots(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(EMPTY);
    for (let state = 0; state < this.#count; state++) {
      this.#slots[this.#slotOf(this.#fingerprints, state * WORDS)] = state;
    }
  }
}
