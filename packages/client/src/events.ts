import { type NodeId, offAbort, onAbort, type SessionId, type SynodError } from "@synod/interface";

/** Changes worth a log line or a row on a screen. */
export type ClientEvent =
  | { readonly kind: "connected"; readonly server: string; readonly nodeId: NodeId }
  /** A connection ended; another one is tried. */
  | { readonly kind: "disconnected"; readonly server: string; readonly error: SynodError }
  /** A server could not be reached, or refuses this client: `error.code` says why. */
  | { readonly kind: "notConnected"; readonly server: string; readonly error: SynodError }
  | { readonly kind: "leader"; readonly leader: NodeId | null }
  /** The cluster forgot the session of this client; calls that were open in it end as `OutcomeUnknown`. */
  | { readonly kind: "sessionLost"; readonly session: SessionId };

const backlogMax = 1024;

/** Hands events to any number of consumers, each with a bounded backlog: one that is slow loses the oldest. */
export class Events<T> {
  readonly #subscriptions = new Set<Subscription<T>>();
  #closed = false;

  emit(event: T): void {
    for (const subscription of this.#subscriptions) subscription.push(event);
  }

  close(): void {
    this.#closed = true;
    for (const subscription of this.#subscriptions) subscription.end();
  }

  /** Subscribes at once, so that nothing is missed before the first `next`. */
  subscribe(signal: AbortSignal | undefined): AsyncIterableIterator<T> {
    const subscription = new Subscription<T>(signal, () => this.#subscriptions.delete(subscription));
    this.#subscriptions.add(subscription);
    if (this.#closed || signal?.aborted === true) subscription.end();
    return subscription;
  }
}

class Subscription<T> implements AsyncIterableIterator<T> {
  readonly #onEnd: () => void;
  readonly #signal: AbortSignal | undefined;
  readonly #queue: T[] = [];
  readonly #waiting: ((result: IteratorResult<T>) => void)[] = [];
  readonly #onAbort = (): void => this.end();
  #ended = false;

  constructor(signal: AbortSignal | undefined, onEnd: () => void) {
    this.#signal = signal;
    this.#onEnd = onEnd;
    if (signal?.aborted === false) onAbort(signal, this.#onAbort);
  }

  push(event: T): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) return waiting({ value: event, done: false });
    this.#queue.push(event);
    if (this.#queue.length > backlogMax) this.#queue.shift();
  }

  /** No more events; those that wait are still given out. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#signal !== undefined) offAbort(this.#signal, this.#onAbort);
    this.#onEnd();
    for (const waiting of this.#waiting.splice(0)) waiting({ value: undefined, done: true });
  }

  next(): Promise<IteratorResult<T>> {
    const event = this.#queue.shift();
    if (event !== undefined) return Promise.resolve({ value: event, done: false });
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  return(): Promise<IteratorResult<T>> {
    this.#queue.length = 0;
    this.end();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
