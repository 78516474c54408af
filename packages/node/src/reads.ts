import { SynodError, type Slot } from "@synod/interface";
import type { ReadVia } from "@synod/multipaxos";
import type { Sight } from "./sight.js";

/** How long one turn may go on answering, and ending what is overdue; then the sockets get their turn. */
const SLICE_MS = 5;

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

/** The time limit of a read that may be stale is over. */
export const tooStale = ({ text, details }: Sight): SynodError =>
  new SynodError(
    "TooStale",
    `the bound of the read was not met within the time limit (${text}): try again, or allow more`,
    { details },
  );

/** The time limit of a read is over. */
export const notConfirmed = ({ text, details }: Sight): SynodError =>
  new SynodError("NoLeader", `no leader confirmed the read within the time limit (${text}): try again`, { details });

/** Reads of this node that wait: first for an index, then until everything up to it is applied. Then they are answered. */
export class Reads {
  readonly #now: () => number;
  /** In the order of their tokens, which is that of their deadlines, but for those that have none. */
  readonly #readers = new Map<number, Reader>();
  /** In the order of their indexes. */
  #groups: Group[] = [];
  /** Groups before it are done with. */
  #head = 0;
  /** Groups that lost their last reader before it was answered, about. */
  #deserted = 0;
  #lastToken = 0;

  constructor(now: () => number) {
    this.#now = now;
  }

  get count(): number {
    return this.#readers.size;
  }

  /** Indexes that are waited for, about. */
  get groups(): number {
    return this.#groups.length - this.#head;
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
    while (at > this.#head && (this.#groups[at - 1]?.index ?? 0) > index) at--;
    const before = at > this.#head ? this.#groups[at - 1] : undefined;
    if (before?.index === index) return before;
    const group: Group = { index, tokens: new Set() };
    this.#groups.splice(at, 0, group);
    return group;
  }

  /** The first group with readers in it. */
  #first(): Group | undefined {
    while (this.#groups[this.#head]?.tokens.size === 0) this.#head++;
    if (this.#head * 2 > this.#groups.length) {
      this.#groups.splice(0, this.#head);
      this.#head = 0;
    }
    return this.#groups[this.#head];
  }

  /**
   * Answers readers whose index is applied, for a while.
   * @returns `again`: those that need another index; `more`: whether some are left for another turn
   */
  serve(applied: Slot): { again: { token: number; via: ReadVia }[]; more: boolean } {
    const again: { token: number; via: ReadVia }[] = [];
    const isDue = (group: Group | undefined): group is Group => group !== undefined && group.index <= applied;
    let group = this.#first();
    if (!isDue(group)) return { again, more: false };
    const untilMs = this.#now() + SLICE_MS;
    for (; isDue(group); group = this.#first()) {
      for (const token of group.tokens) {
        group.tokens.delete(token);
        const reader = this.#readers.get(token);
        if (reader === undefined) continue;
        reader.group = null;
        const via = reader.answer(reader.untilMs);
        if (via === null) this.#readers.delete(token);
        else again.push({ token, via });
        if (this.#now() >= untilMs) return { again, more: isDue(this.#first()) };
      }
    }
    return { again, more: false };
  }

  /**
   * Ends what is overdue, for a while.
   * @returns `expired`: the tokens that need no index any more; `more`: whether some are left for another turn
   */
  expire(nowMs: number, sight: () => Sight): { expired: number[]; more: boolean } {
    const expired: number[] = [];
    const untilMs = this.#now() + SLICE_MS;
    for (const [token, reader] of this.#readers) {
      if (reader.deadlineMs === Infinity) continue;
      if (reader.deadlineMs > nowMs) break;
      if (expired.length > 0 && this.#now() >= untilMs) return { expired, more: true };
      expired.push(token);
      this.fail(token, reader.stale === true ? tooStale(sight()) : notConfirmed(sight()));
    }
    return { expired, more: false };
  }

  fail(token: number, error: SynodError): void {
    const reader = this.#readers.get(token);
    if (reader === undefined) return;
    this.#readers.delete(token);
    this.#leave(reader.group, token);
    reader.reject(error);
  }

  #leave(group: Group | null, token: number): void {
    if (group === null || !group.tokens.delete(token) || group.tokens.size > 0) return;
    // Not one by one, or many that give up would cost as much as their number squared.
    if (++this.#deserted * 2 <= this.#groups.length) return;
    this.#groups = this.#groups.filter(({ tokens }, i) => i >= this.#head && tokens.size > 0);
    this.#head = 0;
    this.#deserted = 0;
  }

  failAll(error: SynodError): void {
    for (const token of this.#readers.keys()) this.fail(token, error);
  }
}
