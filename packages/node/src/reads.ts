import { SynodError, type Slot } from "@synod/interface";

interface Reader {
  readonly deadlineMs: number;
  readonly answer: () => void;
  readonly reject: (error: SynodError) => void;
  /** Known once leadership was confirmed. */
  index: Slot | null;
}

/** Linearizable reads of this node: first an index, then everything up to it applied, then the answer. */
export class Reads {
  readonly #readers = new Map<number, Reader>();
  #lastToken = 0;

  get count(): number {
    return this.#readers.size;
  }

  /** `answer` runs the query; it is called in the turn in which enough is applied. Returns the token to ask an index with. */
  add(options: { deadlineMs: number; answer: () => void; reject: (error: SynodError) => void }): number {
    const token = ++this.#lastToken;
    this.#readers.set(token, { ...options, index: null });
    return token;
  }

  /** Indexes for some readers. */
  ready(tokens: readonly number[], index: Slot): void {
    for (const token of tokens) {
      const reader = this.#readers.get(token);
      // A reader that was asked about twice keeps the first index: both are no older than its call.
      if (reader !== undefined) reader.index ??= index;
    }
  }

  /** Answers every reader whose index is applied. */
  serve(applied: Slot): void {
    for (const [token, reader] of this.#readers) {
      if (reader.index === null || reader.index > applied) continue;
      this.#readers.delete(token);
      reader.answer();
    }
  }

  /** Ends what is overdue. Returns the tokens that need no index any more. */
  expire(nowMs: number): number[] {
    const expired: number[] = [];
    for (const [token, reader] of this.#readers) {
      if (reader.deadlineMs > nowMs) continue;
      expired.push(token);
      this.fail(token, new SynodError("NoLeader", "no leader confirmed the read within the time limit: try again"));
    }
    return expired;
  }

  fail(token: number, error: SynodError): void {
    const reader = this.#readers.get(token);
    if (reader === undefined) return;
    this.#readers.delete(token);
    reader.reject(error);
  }

  failAll(error: SynodError): void {
    for (const token of this.#readers.keys()) this.fail(token, error);
  }
}
