import { checkSignal, type Slot, type Watched } from "@synod/interface";
import { withSignal } from "./signals.js";
import type { WatchStep } from "./watch-iterator.js";

/** How long one turn may go on asking watches. */
const SLICE_MS = 2;

interface Waiting<Query, Answer> {
  readonly query: Query;
  readonly resolve: (answer: Watched<Query, Answer> | null) => void;
  readonly reject: (cause: unknown) => void;
}

export interface WatchesOptions<Query, Answer> {
  readonly now: () => number;
  readonly applied: () => Slot;
  /** Whether one more may begin, beside so many. What it throws goes to who watches. */
  readonly check: (count: number) => void;
  /** A turn is to come. */
  readonly wake: () => void;
  /** What there is for a query; null if nothing yet. What it throws goes to who watches. */
  readonly ask: (query: Query) => Watched<Query, Answer> | null;
}

/** Watches that wait for something to happen, asked again after commands were executed: a slice of them a turn, new ones and those that were not asked for longest by turns. */
export class Watches<Query, Answer> {
  readonly #o: WatchesOptions<Query, Answer>;
  readonly #fresh = new Set<Waiting<Query, Answer>>();
  /** With the slot at which each was asked last, in this order. */
  readonly #asked = new Map<Waiting<Query, Answer>, Slot>();

  constructor(options: WatchesOptions<Query, Answer>) {
    this.#o = options;
  }

  get count(): number {
    return this.#fresh.size + this.#asked.size;
  }

  /** One step of a watch. */
  begin(query: Query, signal: AbortSignal | undefined): WatchStep<Query, Answer> {
    let end = (): void => undefined;
    const answer = new Promise<Watched<Query, Answer> | null>((resolve, reject) => {
      checkSignal(signal);
      if (signal?.aborted === true) return resolve(null);
      this.#o.check(this.count);
      withSignal<Watched<Query, Answer> | null>(signal, { resolve, reject }, (settle) => {
        end = this.add({ query, ...settle });
        return end;
      });
      this.#o.wake();
    });
    return { answer, end: () => end() };
  }

  /** @returns what ends the wait with null */
  add(waiting: Waiting<Query, Answer>): () => void {
    this.#fresh.add(waiting);
    return () => {
      const fresh = this.#fresh.delete(waiting);
      if (this.#asked.delete(waiting) || fresh) waiting.resolve(null);
    };
  }

  /** Asks those that were not asked since something was executed last. @returns whether some are left for another turn */
  serve(): boolean {
    if (this.#fresh.size === 0 && this.#asked.size === 0) return false;
    const applied = this.#o.applied();
    const untilMs = this.#o.now() + SLICE_MS;
    for (const waiting of this.#due(applied)) {
      this.#fresh.delete(waiting);
      this.#asked.delete(waiting);
      this.#ask(waiting, applied);
      if (this.#o.now() >= untilMs) return true;
    }
    return false;
  }

  failAll(cause: unknown): void {
    for (const waiting of [...this.#fresh, ...this.#asked.keys()]) waiting.reject(cause);
    this.#fresh.clear();
    this.#asked.clear();
  }

  /** One new one, then one that waits for long, and so on: neither keeps the others from their turn. */
  *#due(applied: Slot): Generator<Waiting<Query, Answer>> {
    const fresh = this.#fresh.values();
    const asked = this.#asked.entries();
    for (let isOver = false; ; ) {
      const next = fresh.next();
      if (next.done !== true) yield next.value;
      if (!isOver) {
        const old = asked.next();
        // What is asked goes to the end of the map: the rest is up to date.
        isOver = old.done === true || old.value[1] === applied;
        if (!isOver && old.value !== undefined) yield old.value[0];
      }
      if (next.done === true && isOver) return;
    }
  }

  #ask(waiting: Waiting<Query, Answer>, applied: Slot): void {
    try {
      const answer = this.#o.ask(waiting.query);
      if (answer === null) this.#asked.set(waiting, applied);
      else waiting.resolve(answer);
    } catch (cause) {
      waiting.reject(cause);
    }
  }
}
