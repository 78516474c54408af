import { type Codec, SynodError, type Watched } from "@synod/interface";
import { Call, type CallShared } from "./call.js";
import type { Connection } from "./connection.js";
import { decodedAnswer } from "./proposal.js";

export interface WatchShared<Query, Answer> {
  readonly shared: CallShared;
  readonly queryCodec: Codec<Query>;
  readonly answerCodec: Codec<Answer>;
  /** Throws where there may be no more calls. */
  readonly admit: () => void;
}

/** A watch that goes from answer to answer: what was not asked for is neither sent nor kept anywhere. */
export class WatchIterator<Query, Answer> implements AsyncIterableIterator<Watched<Query, Answer>> {
  readonly #options: WatchShared<Query, Answer>;
  readonly #signal: AbortSignal | undefined;
  #query: Uint8Array | null;
  #call: Call<{ answer: Watched<Query, Answer>; next: Uint8Array | null }> | null = null;
  #turn: Promise<unknown> = Promise.resolve();
  /** Replicas are not equally far: a watch stays where it is. */
  #at: Connection | null = null;
  #ended = false;

  constructor(options: WatchShared<Query, Answer>, query: Query, signal: AbortSignal | undefined) {
    this.#options = options;
    this.#query = options.queryCodec.encode(query);
    this.#signal = signal;
  }

  /** Calls that are made before the one before has ended follow it. */
  next(): Promise<IteratorResult<Watched<Query, Answer>>> {
    const result = this.#turn.then(() => this.#next());
    this.#turn = result.catch(() => {});
    return result;
  }

  return(): Promise<IteratorResult<Watched<Query, Answer>>> {
    this.#ended = true;
    this.#call?.giveUp("the watch ended");
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async #next(): Promise<IteratorResult<Watched<Query, Answer>>> {
    const query = this.#query;
    if (this.#over() || query === null) return { value: undefined, done: true };
    try {
      this.#options.admit();
      this.#call = this.#ask(query);
      const { answer, next } = await this.#call.promise;
      this.#query = next;
      return { value: answer, done: false };
    } catch (error) {
      if (this.#over()) return { value: undefined, done: true };
      this.#ended = true;
      throw error;
    } finally {
      this.#call = null;
    }
  }

  #over(): boolean {
    return this.#ended || this.#signal?.aborted === true;
  }

  #ask(query: Uint8Array): Call<{ answer: Watched<Query, Answer>; next: Uint8Array | null }> {
    const { shared, queryCodec, answerCodec } = this.#options;
    const call = new Call<{ answer: Watched<Query, Answer>; next: Uint8Array | null }>(
      shared,
      {
        kind: "watch",
        to: "any",
        bytes: query.length,
        repeatable: true,
        request: (id) => ({ kind: "watch", id, query }),
        read: (reply) => {
          if (reply.kind !== "watched") throw new SynodError("Malformed", "the server answered something else");
          const next = reply.next === null ? null : queryCodec.decode(reply.next);
          // A copy: what is asked next must not keep the whole answer in memory.
          const copy = reply.next?.slice() ?? null;
          return { answer: { answer: decodedAnswer(answerCodec, reply.answer), next }, next: copy };
        },
        // An attempt that was lost before had no effect, either: what a server says for good is how the watch ends.
        final: ({ error, retry }) => (retry ? null : error),
        conclude: ({ text, cause }) => new SynodError("Closed", `the watch ended: ${text}`, { cause }),
        prefer: () => this.#at,
        sent: (connection) => {
          this.#at = connection;
        },
      },
      { signal: this.#signal, timeoutMs: Infinity },
    );
    return call.begin().go();
  }
}
