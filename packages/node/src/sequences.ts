import type { SessionId, SessionTicket } from "@synod/interface";

/** When a session was used last, by the clock of this node and by the time in the log. */
export class LastUse {
  #atMs = 0;
  #loggedMs = 0;

  used(nowMs: number, loggedMs: number): void {
    this.#atMs = nowMs;
    this.#loggedMs = loggedMs;
  }

  isIdle(nowMs: number, loggedMs: number, limitMs: number): boolean {
    return nowMs - this.#atMs > limitMs || loggedMs - this.#loggedMs > limitMs;
  }
}

/** Gives out the sequences of one session and keeps its floor: every sequence up to it is done with. */
export class SequenceBook {
  readonly id: SessionId;
  readonly #limit: number;
  readonly #done = new Set<number>();
  #last = 0;
  #floor = 0;
  /** Up to here none may be missing before new ones are given out. */
  #heldUpTo = 0;

  constructor(id: SessionId, limit: number) {
    this.id = id;
    this.#limit = limit;
  }

  /** Sequences given out and not done with. */
  get open(): number {
    return this.#last - this.#floor - this.#done.size;
  }

  get floor(): number {
    return this.#floor;
  }

  /**
   * The next ticket, or null at the limit: a command above floor + limit would be refused in the log. Null also until those that were refused
   * are done with: replies to later ones would take the room that they wait for.
   */
  next(): SessionTicket | null {
    if (this.#last - this.#floor >= this.#limit || this.#floor < this.#heldUpTo) return null;
    return { session: this.id, sequence: ++this.#last, floor: this.#floor };
  }

  /** The session kept too many bytes of replies to let this one in. It is sent again. */
  refused(sequence: number): void {
    this.#heldUpTo = Math.max(this.#heldUpTo, sequence);
  }

  done(sequence: number): void {
    if (sequence <= this.#floor || sequence > this.#last) return;
    this.#done.add(sequence);
    while (this.#done.delete(this.#floor + 1)) this.#floor++;
  }
}
