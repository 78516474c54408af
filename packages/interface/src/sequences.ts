import { NumberMap } from "./number-map.js";

/** Gives out the sequences of one session, from 1, and keeps its floor: every sequence up to it is done with. */
export class Sequences {
  readonly #limit: number;
  /** Above the floor. */
  readonly #done = new NumberMap<null>();
  #last = 0;
  #floor = 0;
  /** Up to here none may be missing before new ones are given out. */
  #heldUpTo = 0;

  /** @param limit - how far above the floor a command may be, as the cluster said when it opened the session */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get floor(): number {
    return this.#floor;
  }

  /** Those given out and not done with. */
  get open(): number {
    return this.#last - this.#floor - this.#done.size;
  }

  /** Null until there is room: at the limit, and while those that were refused are not done with: replies to later ones would take the room that they wait for. */
  next(): number | null {
    return this.#last - this.#floor >= this.#limit || this.#floor < this.#heldUpTo ? null : ++this.#last;
  }

  /** The session kept too many bytes of replies to let this one in. It is sent again. */
  refused(sequence: number): void {
    this.#heldUpTo = Math.max(this.#heldUpTo, sequence);
  }

  /** Nothing happens where it was said before, or was never given out. */
  done(sequence: number): void {
    if (sequence <= this.#floor || sequence > this.#last || !Number.isInteger(sequence)) return;
    if (sequence !== this.#floor + 1) return this.#done.set(sequence, null);
    this.#floor = sequence;
    while (this.#done.delete(this.#floor + 1) !== undefined) this.#floor++;
  }
}
