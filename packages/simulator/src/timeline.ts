import { Agenda } from "./agenda.js";

/** Waits until every promise that can settle by itself has settled. */
export type Drain = () => Promise<void>;

interface Host {
  setImmediate?: (callback: () => void) => unknown;
  setTimeout: (callback: () => void, delayMs: number) => unknown;
  MessageChannel?: new () => { port1: Port; port2: Port };
}

interface Port {
  onmessage: ((event: unknown) => void) | null;
  postMessage(value: unknown): void;
}

/** One turn of the host's event loop: all microtasks are over then, however long their chain. */
export function hostDrain(): Drain {
  const host = globalThis as unknown as Host;
  const { setImmediate: immediate } = host;
  if (immediate !== undefined) return () => new Promise((resolve) => void immediate(resolve));
  if (host.MessageChannel === undefined) return () => new Promise((resolve) => void host.setTimeout(resolve, 0));
  // Browsers round nested timers up to 4 ms; messages arrive at once.
  const { port1, port2 } = new host.MessageChannel();
  let next: (() => void) | null = null;
  port1.onmessage = () => next?.();
  return () =>
    new Promise((resolve) => {
      next = resolve;
      port2.postMessage(null);
    });
}

interface Event {
  /** Null once cancelled. */
  action: (() => void) | null;
  /** Nothing in it starts or settles a promise, so that no draining is needed after it. */
  readonly quiet: boolean;
}

/** Virtual time: events by time; events of the same time in the order in which they were added. */
export class Timeline {
  readonly #agenda = new Agenda<Event>();
  readonly #drain: Drain;
  nowMs = 0;
  /** Events so far. */
  events = 0;

  constructor(drain: Drain) {
    this.#drain = drain;
  }

  /** Runs the action after so many milliseconds. Returns the cancelling function. */
  after(delayMs: number, action: () => void, quiet = false): () => void {
    const event: Event = { action, quiet };
    this.#agenda.add(this.nowMs + Math.max(0, delayMs), event);
    return () => {
      event.action = null;
    };
  }

  /** Runs one event after the other, with promises drained in between, until the time has come or the condition holds. */
  async run(untilMs: number, condition: () => boolean): Promise<void> {
    // The caller may have started something.
    await this.#drain();
    while (!condition()) {
      const atMs = this.#agenda.nextAtMs;
      const next = atMs > untilMs ? undefined : this.#agenda.take();
      if (next === undefined) {
        this.nowMs = untilMs;
        return;
      }
      if (next.action === null) continue;
      this.nowMs = atMs;
      this.events++;
      next.action();
      if (!next.quiet) await this.#drain();
    }
  }
}
