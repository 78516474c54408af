import type { NodeId } from "@synod/interface";
import type { SeededRandom } from "../random.js";
import { type TraceEvent, TraceHash } from "../trace.js";

interface Entry {
  readonly atMs: number;
  readonly order: number;
  readonly action: () => void;
}

const isBefore = (a: Entry, b: Entry): boolean => (a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs);

/**
 * What all parts of a run share: virtual time, random numbers, the trace. Unlike the timeline of whole nodes it never waits
 * for promises: the core has none.
 */
export class World {
  readonly random: SeededRandom;
  readonly hash: TraceHash = new TraceHash();
  /** How often rare things happened. */
  readonly counts: Map<string, number> = new Map();
  readonly trace: ((event: TraceEvent) => void) | undefined;
  nowMs = 0;
  readonly #heap: Entry[] = [];
  #added = 0;

  constructor(random: SeededRandom, trace?: (event: TraceEvent) => void) {
    this.random = random;
    this.trace = trace;
  }

  sometimes(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  note(node: NodeId, text: () => string): void {
    this.trace?.({ atMs: this.nowMs, kind: "node", node, text: text() });
  }

  noteWorld(text: () => string): void {
    this.trace?.({ atMs: this.nowMs, kind: "world", text: text() });
  }

  /** Runs the action after so many milliseconds; those of the same time in the order in which they were added. */
  after(delayMs: number, action: () => void): void {
    const heap = this.#heap;
    const entry: Entry = { atMs: this.nowMs + delayMs, order: this.#added++, action };
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

  /** Repeats an action at random times, until the time has come or the action returns false. */
  often(everyMs: number, untilMs: number, action: () => void): void {
    const again = (): void => {
      if (this.nowMs >= untilMs) return;
      action();
      this.after(this.random.between(0, 2 * everyMs), again);
    };
    this.after(this.random.between(0, everyMs), again);
  }

  /** Runs everything that is due until then. */
  run(untilMs: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= untilMs; next = this.#heap[0]) {
      this.#pop();
      this.nowMs = next.atMs;
      next.action();
    }
    this.nowMs = untilMs;
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
