import { offAbort, onAbort } from "./aborts.js";

const BACKLOG_MAX = 1024;

/** Events for one reader that it has not taken yet. */
class Subscriber<T> implements AsyncIterableIterator<T> {
  #queue: T[] = [];
  /** Calls of `next` that wait, in order. */
  readonly #waiting: ((result: IteratorResult<T>) => void)[] = [];
  #ended = false;
  readonly #onEnd: (subscriber: Subscriber<T>) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = (): void => this.end();

  constructor(onEnd: (subscriber: Subscriber<T>) => void, signal: AbortSignal | undefined) {
    this.#onEnd = onEnd;
    this.#signal = signal;
    if (signal?.aborted === false) onAbort(signal, this.#abort);
  }

  push(event: T): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting({ done: false, value: event });
    this.#queue.push(event);
    if (this.#queue.length > BACKLOG_MAX) this.#queue.shift();
  }

  /** No further events. What is there may still be read; whoever never does holds nothing but that. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#signal !== undefined) offAbort(this.#signal, this.#abort);
    this.#onEnd(this);
    for (const waiting of this.#waiting.splice(0)) waiting({ done: true, value: undefined });
  }

  next(): Promise<IteratorResult<T>> {
    const event = this.#queue.shift();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<T>> {
    this.#queue = [];
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** Hands events to any number of async iterators, each with a backlog of its own: one that is 1,024 behind loses the oldest. */
export class EventHub<T> {
  readonly #subscribers = new Set<Subscriber<T>>();
  #closed = false;

  /** Readers that further events would go to. */
  get count(): number {
    return this.#subscribers.size;
  }

  emit(event: T): void {
    for (const subscriber of this.#subscribers) subscriber.push(event);
  }

  /** Readers get what is there, then the end. */
  close(): void {
    this.#closed = true;
    for (const subscriber of this.#subscribers) subscriber.end();
  }

  /** Subscribes at once, so that nothing is missed between the call and the first `next`; until `signal` aborts. */
  subscribe(signal?: AbortSignal): AsyncIterableIterator<T> {
    const subscriber = new Subscriber<T>((ended) => this.#subscribers.delete(ended), signal);
    if (this.#closed || signal?.aborted === true) subscriber.end();
    else this.#subscribers.add(subscriber);
    return subscriber;
  }
}
