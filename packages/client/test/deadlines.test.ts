import fc from "fast-check";
import { expect, test } from "vitest";
import { Deadlines, NOWHERE, type Timed } from "../src/protocol.js";

/** Time that passes when it is told to, with one timer. */
class OneTimer {
  nowMs = 0;
  #next: { readonly atMs: number; readonly run: () => void } | null = null;

  now(): number {
    return this.nowMs;
  }

  timer(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.nowMs + delayMs, run };
    this.#next = timer;
    return () => {
      if (this.#next === timer) this.#next = null;
    };
  }

  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.#next !== null && this.#next.atMs <= untilMs) {
      const { atMs, run } = this.#next;
      this.#next = null;
      this.nowMs = atMs;
      run();
    }
    this.nowMs = untilMs;
  }
}

class Item implements Timed {
  place: number = NOWHERE;
  readonly untilMs: number;
  /** When it expired. */
  readonly ended: number[] = [];
  onEnd: () => void = () => undefined;
  readonly #clock: OneTimer;

  constructor(untilMs: number, clock: OneTimer) {
    this.untilMs = untilMs;
    this.#clock = clock;
  }

  expire(): void {
    this.ended.push(this.#clock.now());
    this.onEnd();
  }
}

const item = fc.record({
  afterMs: fc.integer({ min: 0, max: 60 }),
  fate: fc.constantFrom("expires", "is deleted", "ends another"),
});

test("each ends once, in time, unless it was taken out before", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(item, fc.integer({ min: 0, max: 20 })), { minLength: 1, maxLength: 40 }), (given) => {
      const clock = new OneTimer();
      const deadlines = new Deadlines(clock);
      const all: Item[] = [];
      const deleted = new Set<Item>();
      const remove = (one: Item | undefined): void => {
        if (one === undefined || one.ended.length > 0) return;
        deadlines.delete(one);
        deleted.add(one);
      };
      for (const [{ afterMs, fate }, passMs] of given) {
        const one = new Item(clock.now() + afterMs, clock);
        const other = all[Math.floor(all.length / 2)];
        deadlines.add(one);
        all.push(one);
        if (fate === "is deleted") remove(one);
        if (fate === "ends another") one.onEnd = () => remove(other);
        clock.pass(passMs);
      }
      clock.pass(200);
      for (const one of all) {
        if (deleted.has(one)) expect(one.ended).toEqual([]);
        else {
          expect(one.ended).toHaveLength(1);
          expect(one.ended[0]).toBeGreaterThanOrEqual(one.untilMs);
          // One timer looks at all, and not more often than that.
          expect(one.ended[0]).toBeLessThanOrEqual(one.untilMs + 5);
        }
      }
    }),
  );
});

test("none ends after the end", () => {
  const clock = new OneTimer();
  const deadlines = new Deadlines(clock);
  const all = [1, 2, 3].map((ms) => new Item(ms, clock));
  for (const one of all) deadlines.add(one);
  deadlines.close();
  deadlines.delete(all[1] as Item);
  clock.pass(100);
  expect(all.flatMap(({ ended }) => ended)).toEqual([]);
});
