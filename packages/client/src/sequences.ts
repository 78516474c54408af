/** Gives out the sequences of one session and keeps its floor: every sequence up to it is done with. */
export class Sequences {
  readonly #limit: number;
  readonly #done = new Set<number>();
  #last = 0;
  #floor = 0;
  /** Up to here none may be missing before new ones are given out. */
  #heldUpTo = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get floor(): number {
    return this.#floor;
  }

  /** Requests that have not ended. */
  get open(): number {
    return this.#last - this.#floor - this.#done.size;
  }

  /** Null until there is room; replies to later ones would take that which those that were refused wait for. */
  next(): number | null {
    return this.#last - this.#floor >= this.#limit || this.#floor < this.#heldUpTo ? null : ++this.#last;
  }

  /** The session kept too many bytes of replies to let this one in. */
  refused(sequence: number): void {
    this.#heldUpTo = Math.max(this.#heldUpTo, sequence);
  }

  done(sequence: number): void {
    if (sequence !== this.#floor + 1) {
      // Users may say it twice, or of what was never given out.
      if (sequence > this.#floor && sequence <= this.#last) this.#done.add(sequence);
      return;
    }
    if (sequence > this.#last) return;
    this.#floor = sequence;
    while (this.#done.delete(this.#floor + 1)) this.#floor++;
  }
}
