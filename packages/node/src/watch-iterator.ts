import type { Watched } from "@synod/interface";

/** One step of a watch: its answer, or null where it was ended; and what ends it. */
export interface WatchStep<Query, Answer> {
  readonly answer: Promise<Watched<Query, Answer> | null>;
  readonly end: () => void;
}

/** A watch that goes from answer to answer. Not a generator: one that waits could not be returned from before something happens. */
export class WatchIterator<Query, Answer> implements AsyncIterableIterator<Watched<Query, Answer>> {
  readonly #ask: (query: Query) => WatchStep<Query, Answer>;
  #query: Query | null;
  #step: WatchStep<Query, Answer> | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(query: Query, ask: (query: Query) => WatchStep<Query, Answer>) {
    this.#query = query;
    this.#ask = ask;
  }

  /** Calls that are made before the one before has ended follow it. */
  next(): Promise<IteratorResult<Watched<Query, Answer>>> {
    const result = this.#turn.then(() => this.#next());
    this.#turn = result.catch(() => undefined);
    return result;
  }

  return(): Promise<IteratorResult<Watched<Query, Answer>>> {
    this.#query = null;
    this.#step?.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #next(): Promise<IteratorResult<Watched<Query, Answer>>> {
    if (this.#query === null) return { value: undefined, done: true };
    let answer: Watched<Query, Answer> | null = null;
    try {
      this.#step = this.#ask(this.#query);
      answer = await this.#step.answer;
    } catch (error) {
      this.#query = null;
      throw error;
    } finally {
      this.#step = null;
    }
    // What came together with the end is not told any more.
    if (answer === null || this.#query === null) {
      this.#query = null;
      return { value: undefined, done: true };
    }
    this.#query = answer.next;
    return { value: answer, done: false };
  }
}
