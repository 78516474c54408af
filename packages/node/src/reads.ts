import { SynodError, type Slot } from "@synod/interface";
import type { ReadVia } from "@synod/multipaxos";
import type { Sight } from "./sight.js";

export interface ReaderOptions {
  readonly deadlineMs: number;
  /** Runs the query. Not null: the index has become worthless meanwhile, and another one is needed, from there. */
  readonly answer: (untilMs: number) => ReadVia | null;
  readonly reject: (error: SynodError) => void;
  /** A read that may be stale: what ends it is its bound. */
  readonly stale?: boolean;
}

interface Reader {
  readonly deadlineMs: number;
  readonly answer: (untilMs: number) => ReadVia | null;
  readonly stale?: boolean;
  readonly reject: (error: SynodError) => void;
  /** Known once leadership was confirmed: all that have the same index. */
  group: Group | null;
  /** When what vouches for the index ends. */
  untilMs: number;
}

interface Group {
  readonly index: Slot;
  readonly tokens: Set<number>;
}

/** Reads of this node that wait: first for an index, then until everything up to it is applied. Then they are answered. */
export class Reads {
  readonly #readers = new Map<number, Reader>();
  /** In the order of their indexes. */
  #groups: Group[] = [];
  #lastToken = 0;

  get count(): number {
    return this.#readers.size;
  }

  /** `answer` runs the query; it is called in the turn in which enough is applied. Returns the token to ask an index with. */
  add(options: ReaderOptions): number {
    const token = ++this.#lastToken;
    this.#readers.set(token, { ...options, group: null, untilMs: Infinity });
    return token;
  }

  /** Indexes for some readers. */
  ready(tokens: readonly number[], index: Slot, untilMs: number = Infinity): void {
    const group = this.#groupOf(index);
    for (const token of tokens) {
      const reader = this.#readers.get(token);
      // A reader that was asked about twice keeps the first index: both are no older than its call.
      if (reader === undefined || reader.group !== null) continue;
      reader.group = group;
      reader.untilMs = untilMs;
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

  /** Answers every reader whose index is applied. Returns those that need another index. */
  serve(applied: Slot): { token: number; via: ReadVia }[] {
    const again: { token: number; via: ReadVia }[] = [];
    for (let group = this.#groups[0]; group !== undefined && group.index <= applied; group = this.#groups[0]) {
      this.#groups.shift();
      for (const token of group.tokens) {
        const reader = this.#readers.get(token);
        if (reader === undefined) continue;
        reader.group = null;
        const via = reader.answer(reader.untilMs);
        if (via === null) this.#readers.delete(token);
        else again.push({ token, via });
      }
    }
    return again;
  }

  /** Ends what is overdue. Returns the tokens that need no index any more. */
  expire(nowMs: number, sight: () => Sight): number[] {
    const expired: number[] = [];
    for (const [token, reader] of this.#readers) {
      if (reader.deadlineMs > nowMs) continue;
      const { text, details } = sight();
      expired.push(token);
      const error =
        reader.stale === true
          ? new SynodError(
              "TooStale",
              `the bound of the read was not met within the time limit (${text}): try again, or allow more`,
              { details },
            )
          : new SynodError("NoLeader", `no leader confirmed the read within the time limit (${text}): try again`, {
              details,
            });
      this.fail(token, error);
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
