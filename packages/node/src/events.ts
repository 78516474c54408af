import type { NodeEvent } from "./types.js";

const BACKLOG_MAX = 1024;

interface Subscriber {
  queue: NodeEvent[];
  wake: (() => void) | null;
  ended: boolean;
}

/** Hands events to any number of async iterators, each with a bounded backlog of its own. */
export class EventHub {
  readonly #subscribers = new Set<Subscriber>();
  #closed = false;

  emit(event: NodeEvent): void {
    for (const subscriber of this.#subscribers) {
      subscriber.queue.push(event);
      if (subscriber.queue.length > BACKLOG_MAX) subscriber.queue.shift();
      subscriber.wake?.();
    }
  }

  close(): void {
    this.#closed = true;
    for (const subscriber of this.#subscribers) {
      subscriber.ended = true;
      subscriber.wake?.();
    }
  }

  /** Subscribes at once, so that nothing is missed between the call and the first `next`. */
  subscribe(signal?: AbortSignal): AsyncIterable<NodeEvent> {
    const subscriber: Subscriber = { queue: [], wake: null, ended: this.#closed || signal?.aborted === true };
    this.#subscribers.add(subscriber);
    const end = (): void => {
      subscriber.ended = true;
      this.#subscribers.delete(subscriber);
      subscriber.wake?.();
    };
    signal?.addEventListener("abort", end, { once: true });
    return this.#drain(subscriber, () => {
      signal?.removeEventListener("abort", end);
      end();
    });
  }

  async *#drain(subscriber: Subscriber, done: () => void): AsyncGenerator<NodeEvent> {
    try {
      for (;;) {
        const event = subscriber.queue.shift();
        if (event !== undefined) yield event;
        else if (subscriber.ended) return;
        else {
          await new Promise<void>((resolve) => {
            subscriber.wake = resolve;
          });
          subscriber.wake = null;
        }
      }
    } finally {
      done();
    }
  }
}
