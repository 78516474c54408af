import type { Moment } from "./moments.js";
import { type Telling, tellingOf } from "./words.js";

/** Something that happened, in words. */
export interface Told extends Telling {
  /** Counts up from 1. */
  readonly number: number;
  readonly atMs: number;
  /** The replica that it is about; 0 for none in particular. */
  readonly at: number;
}

interface Waiting {
  readonly at: number;
  readonly atMs: number;
  readonly moment: Moment;
}

const LINES_MAX = 200;
/** Reports of different replicas come this much apart; held back so long, they can be told in the order in which things happened. */
const HOLD_MS = 350;
/** The same kind of thing, of the same replica in the same round, is told once in this time. */
const AGAIN_MS = 4000;

/** What happened lately, in the words of a lecture. */
export class Story {
  readonly #told: Told[] = [];
  readonly #lately = new Map<string, number>();
  readonly #listeners = new Set<(told: Told) => void>();
  #waiting: Waiting[] = [];
  #last = 0;

  get lines(): readonly Told[] {
    return this.#told;
  }

  add(at: number, moment: Moment, atMs: number): void {
    this.#waiting.push({ at, moment, atMs });
  }

  /** Tells what is old enough. To be called a few times a second. */
  tell(nowMs: number): void {
    const ripe = this.#waiting.filter(({ atMs }) => atMs <= nowMs - HOLD_MS).sort((a, b) => a.atMs - b.atMs);
    if (ripe.length === 0) return;
    this.#waiting = this.#waiting.filter(({ atMs }) => atMs > nowMs - HOLD_MS);
    for (const one of ripe) this.#one(one);
    for (const [key, atMs] of this.#lately) if (atMs < nowMs - AGAIN_MS) this.#lately.delete(key);
  }

  onTold(listener: (told: Told) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #one({ at, moment, atMs }: Waiting): void {
    const key = keyOf(at, moment);
    const last = this.#lately.get(key);
    if (last !== undefined && atMs < last + AGAIN_MS) return;
    this.#lately.set(key, atMs);
    const told: Told = { number: ++this.#last, atMs, at, ...tellingOf(at, moment) };
    this.#told.push(told);
    if (this.#told.length > LINES_MAX) this.#told.shift();
    for (const listener of this.#listeners) listener(told);
  }
}

/** Two moments with the same key say the same to a reader. */
function keyOf(at: number, moment: Moment): string {
  switch (moment.kind) {
    case "refuses":
      return `${at} refuses ${moment.what} ${moment.from} ${moment.ballot.round}.${moment.ballot.node}`;
    case "promises":
    case "prepares":
    case "accepts":
    case "proposesAgain":
    case "leads":
      return `${at} ${moment.kind} ${moment.ballot.round}.${moment.ballot.node}`;
    case "fetches":
    case "offersSnapshot":
      return `${at} ${moment.kind}`;
    default:
      return `${at} ${JSON.stringify(moment)}`;
  }
}
