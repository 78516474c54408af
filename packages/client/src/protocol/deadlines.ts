import type { Clock } from "@synod/interface";

/** Nothing ends more than this too late. */
const lookEveryMs = 5;

/** Of what waits for no deadline. */
export const NOWHERE = -1;

/** Something that must have ended by a time. */
export interface Timed {
  /** For `Deadlines`, where it is among them; `NOWHERE` at first. */
  place: number;
  /** By the clock; Infinity: never. */
  readonly untilMs: number;
  expire(): void;
}

/** Ends what is overdue, with one timer for all: most deadlines are never reached. */
export class Deadlines {
  readonly #clock: Pick<Clock, "now" | "timer">;
  /** In no order. Not a Set: see `NumberMap`. */
  readonly #timed: Timed[] = [];
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
    timed.place = this.#timed.length;
    this.#timed.push(timed);
    this.#armBy(timed.untilMs);
  }

  /** The timer stays: it may fire for nothing once, which costs less than to set it for each. */
  delete(timed: Timed): void {
    const { place } = timed;
    if (place === NOWHERE) return;
    timed.place = NOWHERE;
    const last = this.#timed.pop();
    if (last === undefined || last === timed) return;
    last.place = place;
    this.#timed[place] = last;
  }

  /** Nothing keeps the process alive any more. */
  close(): void {
    for (const timed of this.#timed) timed.place = NOWHERE;
    this.#timed.length = 0;
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
    for (const timed of this.#timed.filter(({ untilMs }) => untilMs <= nowMs)) {
      // One that expires may end others.
      if (timed.place === NOWHERE) continue;
      this.delete(timed);
      timed.expire();
    }
    let earliestMs = Infinity;
    for (const { untilMs } of this.#timed) earliestMs = Math.min(earliestMs, untilMs);
    this.#armBy(earliestMs);
  }
}
