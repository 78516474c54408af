import type { NodeId } from "@synod/interface";
import { Agenda } from "../agenda.js";
import type { SeededRandom } from "../random.js";
import { type TraceEvent, TraceHash } from "../trace.js";

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
  readonly #agenda = new Agenda<() => void>();

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
    this.#agenda.add(this.nowMs + delayMs, action);
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
    for (let atMs = this.#agenda.nextAtMs; atMs <= untilMs; atMs = this.#agenda.nextAtMs) {
      this.nowMs = atMs;
      this.#agenda.take()?.();
    }
    this.nowMs = untilMs;
  }
}
