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

interface Entry {
  readonly atMs: number;
  readonly order: number;
  /** Null once cancelled. */
  action: (() => void) | null;
  /** Nothing in it starts or settles a promise, so that no draining is needed after it. */
  readonly quiet: boolean;
}

const isBefore = (a: Entry, b: Entry): boolean => (a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs);

/** Virtual time: events by time; events of the same time in the order in which they were added. */
export class Timeline {
  readonly #heap: Entry[] = [];
  readonly #drain: Drain;
  #added = 0;
  nowMs = 0;
  /** Events so far. */
  events = 0;

  constructor(drain: Drain) {
    this.#drain = drain;
  }

  /** Runs the action after so many milliseconds. Returns the cancelling function. */
  after(delayMs: number, action: () => void, quiet = false): () => void {
    const entry: Entry = { atMs: this.nowMs + Math.max(0, delayMs), order: this.#added++, action, quiet };
    this.#push(entry);
    return () => {
      entry.action = null;
    };
  }

  /** Runs one event after the other, with promises drained in between, until the time has come or the condition holds. */
  async run(untilMs: number, condition: () => boolean): Promise<void> {
    // The caller may have started something.
    await this.#drain();
    while (!condition()) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > untilMs) {
        this.nowMs = untilMs;
        return;
      }
      this.#pop();
      if (next.action === null) continue;
      this.nowMs = next.atMs;
      this.events++;
      next.action();
      if (!next.quiet) await this.#drain();
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const above = (i - 1) >> 1;
      const parent = heap[above] as Entry;
      if (!isBefore(entry, parent)) break;
      heap[i] = parent;
      i = above;
    }
    heap[i] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let least = 2 * i + 1;
      const left = heap[least];
      if (left === undefined) break;
      const right = heap[least + 1];
      if (right !== undefined && isBefore(right, left)) least++;
      const child = heap[least] as Entry;
      if (!isBefore(child, last)) break;
      heap[i] = child;
      i = least;
    }
    heap[i] = last;
  }
}
