import { SynodError, type Slot } from "@synod/interface";
import type { Sight } from "./sight.js";

interface Reader {
  readonly deadlineMs: number;
  readonly answer: () => void;
  readonly reject: (error: SynodError) => void;
  /** Known once leadership was confirmed: all that have the same index. */
  group: Group | null;
}

interface Group {
  readonly index: Slot;
  readonly tokens: Set<number>;
}

/** Linearizable reads of this node: first an index, then everything up to it applied, then the answer. */
export class Reads {
  /** In the order of their deadlines, since all have the same time. */
  readonly #readers = new Map<number, Reader>();
  /** In the order of their indexes. */
  #groups: Group[] = [];
  #lastToken = 0;

  get count(): number {
    return this.#readers.size;
  }

  /** `answer` runs the query; it is called in the turn in which enough is applied. Returns the token to ask an index with. */
  add(options: { deadlineMs: number; answer: () => void; reject: (error: SynodError) => void }): number {
    const token = ++this.#lastToken;
    this.#readers.set(token, { ...options, group: null });
    return token;
  }

  /** Indexes for some readers. */
  ready(tokens: readonly number[], index: Slot): void {
    const group = this.#groupOf(index);
    for (const token of tokens) {
      const reader = this.#readers.get(token);
      // A reader that was asked about twice keeps the first index: both are no older than its call.
      if (reader === undefined || reader.group !== null) continue;
      reader.group = group;
      group.tokens.add(token);
    }
  }

  #groupOf(index: Slot): Group {
    let at = this.#groups.length;
    while ((this.#groups[at - 1]?.index ?? 0) > index) at--;
    const before = this.#groups[at - 1];
    if (before?.index === index) return before;
    const group: Group = { index, tokens: new Set() };
    this.#groups.splice(at, 0, group);
    return group;
  }

  /** Answers every reader whose index is applied. */
  serve(applied: Slot): void {
    for (let group = this.#groups[0]; group !== undefined && group.index <= applied; group = this.#groups[0]) {
      this.#groups.shift();
      for (const token of group.tokens) {
        const reader = this.#readers.get(token);
        this.#readers.delete(token);
        reader?.answer();
      }
    }
  }

  /** Ends what is overdue. Returns the tokens that need no index any more. */
  expire(nowMs: number, sight: () => Sight): number[] {
    const expired: number[] = [];
    for (const [token, reader] of this.#readers) {
      if (reader.deadlineMs > nowMs) break;
      const { text, details } = sight();
      const error = `no leader confirmed the read within the time limit (${text}): try again`;
      expired.push(token);
      this.fail(token, new SynodError("NoLeader", error, { details }));
    }
    if (expired.length > 0) this.#groups = this.#groups.filter((group) => group.tokens.size > 0);
    return expired;
  }

  fail(token: number, error: SynodError): void {
    const reader = this.#readers.get(token);
    if (reader === undefined) return;
    this.#readers.delete(token);
    reader.group?.tokens.delete(token);
    reader.reject(error);
  }

  failAll(error: SynodError): void {
    for (const token of this.#readers.keys()) this.fail(token, error);
  }
}
