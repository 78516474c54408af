import { Sequences, type SessionId, type SessionTicket } from "@synod/interface";

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

/** Gives out the tickets of one session. */
export class SequenceBook {
  readonly id: SessionId;
  readonly #sequences: Sequences;

  constructor(id: SessionId, limit: number) {
    this.id = id;
    this.#sequences = new Sequences(limit);
  }

  /** Sequences given out and not done with. */
  get open(): number {
    return this.#sequences.open;
  }

  get floor(): number {
    return this.#sequences.floor;
  }

  /** The next ticket; null until there is room. */
  next(): SessionTicket | null {
    const sequence = this.#sequences.next();
    return sequence === null ? null : { session: this.id, sequence, floor: this.#sequences.floor };
  }

  /** The session kept too many bytes of replies to let this one in. It is sent again. */
  refused(sequence: number): void {
    this.#sequences.refused(sequence);
  }

  done(sequence: number): void {
    this.#sequences.done(sequence);
  }
}
