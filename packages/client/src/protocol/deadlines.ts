import type { Clock } from "@synod/interface";

/** Nothing ends more than this too late. */
const lookEveryMs = 5;

/** Something that must have ended by a time. */
export interface Timed {
  /** By the clock; Infinity: never. */
  readonly untilMs: number;
  expire(): void;
}

/** Ends what is overdue, with one timer for all: most deadlines are never reached. */
export class Deadlines {
  readonly #clock: Pick<Clock, "now" | "timer">;
  readonly #timed = new Set<Timed>();
  /** By the clock: looking costs as much as there are deadlines. */
  #lookedMs = Number.NEGATIVE_INFINITY;
  /** When the timer fires; Infinity: there is none. */
  #armedMs = Infinity;
  #cancel: () => void = () => {};

  constructor(clock: Pick<Clock, "now" | "timer">) {
    this.#clock = clock;
  }

  add(timed: Timed): void {
    if (timed.untilMs === Infinity) return;
    this.#timed.add(timed);
    this.#armBy(timed.untilMs);
  }

  /** The timer stays: it may fire for nothing once, which costs less than to set it for each. */
  delete(timed: Timed): void {
    this.#timed.delete(timed);
  }

  /** Nothing keeps the process alive any more. */
  close(): void {
    this.#timed.clear();
    this.#disarm();
  }

  #armBy(deadlineMs: number): void {
    const untilMs = Math.max(deadlineMs, this.#lookedMs + lookEveryMs);
    if (untilMs >= this.#armedMs) return;
    this.#disarm();
    this.#armedMs = untilMs;
    this.#cancel = this.#clock.timer(Math.max(0, untilMs - this.#clock.now()), () => this.#look());
  }

  #disarm(): void {
    this.#cancel();
    this.#cancel = () => {};
    this.#armedMs = Infinity;
  }

  #look(): void {
    this.#disarm();
    const nowMs = this.#clock.now();
    this.#lookedMs = nowMs;
    for (const timed of this.#timed) {
      if (timed.untilMs > nowMs || !this.#timed.delete(timed)) continue;
      timed.expire();
    }
    let earliestMs = Infinity;
    for (const { untilMs } of this.#timed) earliestMs = Math.min(earliestMs, untilMs);
    this.#armBy(earliestMs);
  }
}
