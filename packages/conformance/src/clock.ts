import type { Clock } from "@synod/interface";
import { check, equal } from "./assert.js";
import { shaped } from "./shape.js";
import { caseRunner, type Scope, signal, type SuiteOptions } from "./suite.js";

export interface ClockWorld {
  readonly clock: Clock;
  /** Lets time pass, where it does not pass by itself. Called while the suite waits. */
  advance?(): void | Promise<void>;
  dispose?(): void | Promise<void>;
}

export interface ClockSuiteOptions extends SuiteOptions {
  /** A clock in its world: `{ clock, advance?(), dispose?() }`. Called anew for each case. */
  readonly create: () => ClockWorld | Promise<ClockWorld>;
}

const HINT = "If you have myClock(), return { clock: myClock() }. ";

type AddCase = (name: string, body: (clock: Clock, scope: Scope) => Promise<void>) => void;

/** Longer than the 24.8 days that a timer of JavaScript hosts can have. */
const FAR_MS = [2 ** 31 - 1, 2 ** 31, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];

/**
 * What every `Clock` must do: time that never falls, timers that fire once and never early, and `soon` after the present turn. Nothing
 * is asked about how late a timer is.
 */
export function clockSuite(options: ClockSuiteOptions): void {
  const register = caseRunner(options);
  const add: AddCase = (name, body) =>
    register(name, async (scope) => {
      const world = await options.create();
      shaped(world?.clock, ["now", "timer", "soon"], "{ clock } with a Clock in it", HINT);
      scope.defer("dispose() of the world", () => world.dispose?.());
      scope.advanceWith(world.advance && (() => world.advance?.()));
      await body(world.clock, scope);
    });
  timeCases(add);
  timerCases(add);
  cancelCases(add);
  soonCases(add);
}

/** Time goes on at least so far. */
async function pass(clock: Clock, scope: Scope, ms: number): Promise<void> {
  const over = signal();
  clock.timer(ms, over.fire);
  await scope.settled(`a timer of ${ms} ms`, over.promise);
}

function timeCases(add: AddCase): void {
  add("now never falls", async (clock, scope) => {
    let last = clock.now();
    check(Number.isFinite(last), `now() gives a finite number, not ${last}`);
    for (let round = 0; round < 20; round++) {
      for (let i = 0; i < 500; i++) {
        const nowMs = clock.now();
        check(Number.isFinite(nowMs) && nowMs >= last, `now() gave ${nowMs} after ${last}`);
        last = nowMs;
      }
      await pass(clock, scope, 1);
    }
  });

  add("now counts milliseconds of its own timers", async (clock, scope) => {
    const startMs = clock.now();
    for (let i = 0; i < 3; i++) await pass(clock, scope, 5);
    const passedMs = clock.now() - startMs;
    check(passedMs >= 15, `three timers of 5 ms one after the other take at least 15 ms; now() went on by ${passedMs}`);
  });
}

function timerCases(add: AddCase): void {
  add("no timer fires before its time", async (clock, scope) => {
    const early: string[] = [];
    const delaysMs = [0, 0.2, 1, 1.5, 2.5, 3.9, 7, 10.01, 20];
    const all: Promise<void>[] = [];
    for (let round = 0; round < 5; round++) {
      for (const delayMs of delaysMs) {
        const over = signal();
        all.push(over.promise);
        const startMs = clock.now();
        clock.timer(delayMs, () => {
          const passedMs = clock.now() - startMs;
          // A double of some millions has less than a nanosecond to spare.
          if (passedMs < delayMs - 1e-6) early.push(`a timer of ${delayMs} ms after ${passedMs} ms`);
          over.fire();
        });
      }
      await pass(clock, scope, 0.7);
    }
    await scope.settled("all timers", Promise.all(all));
    equal(early, [], "timers that fired early");
  });

  add("a timer far in the future does not fire now", async (clock, scope) => {
    const fired: number[] = [];
    const cancels = FAR_MS.map((delayMs) => clock.timer(delayMs, () => fired.push(delayMs)));
    for (let i = 0; i < 3; i++) await pass(clock, scope, 3);
    for (const cancel of cancels) cancel();
    equal(fired, [], "timers that fired long before their time");
  });

  add("zero and negative delays fire, but not inside of timer()", async (clock, scope) => {
    for (const delayMs of [0, -0, -1, -1e9]) {
      const over = signal();
      let inside = true;
      let wasInside = false;
      clock.timer(delayMs, () => {
        wasInside ||= inside;
        over.fire();
      });
      inside = false;
      await scope.settled(`a timer of ${delayMs} ms`, over.promise);
      equal(wasInside, false, `a timer of ${delayMs} ms that fires inside of timer()`);
    }
  });

  add("a timer fires once", async (clock, scope) => {
    let count = 0;
    for (const delayMs of [0, 1, 4]) clock.timer(delayMs, () => count++);
    for (let i = 0; i < 5; i++) await pass(clock, scope, 5);
    equal(count, 3, "calls of three timers");
  });

  add("a timer may set another one", async (clock, scope) => {
    const over = signal();
    const startMs = clock.now();
    clock.timer(2, () => void clock.timer(2, () => void clock.timer(0, over.fire)));
    await scope.settled("a timer of a timer of a timer", over.promise);
    check(clock.now() - startMs >= 4 - 1e-6, "timers that follow on each other take their time one after the other");
  });
}

function cancelCases(add: AddCase): void {
  add("a cancelled timer does not fire", async (clock, scope) => {
    let fired = 0;
    const cancels = [0, 1, 3, 5].map((delayMs) => clock.timer(delayMs, () => fired++));
    for (const cancel of cancels) cancel();
    for (let i = 0; i < 3; i++) await pass(clock, scope, 5);
    equal(fired, 0, "cancelled timers that fired");
  });

  add("a timer that is due at the same moment can still be cancelled", async (clock, scope) => {
    let fired = 0;
    const cancels: (() => void)[] = [];
    for (let i = 0; i < 2; i++) {
      const timer = clock.timer(3, () => {
        fired++;
        for (const cancel of cancels) cancel();
      });
      cancels.push(timer);
    }
    for (let i = 0; i < 3; i++) await pass(clock, scope, 5);
    equal(fired, 1, "of two timers, whichever fires first cancels the other; timers that fired");
  });

  add("cancelling twice, or after the call, does nothing", async (clock, scope) => {
    let fired = 0;
    const first = clock.timer(1, () => {
      fired++;
      first();
    });
    await pass(clock, scope, 5);
    const second = clock.timer(2, () => fired++);
    const third = clock.timer(2, () => fired++);
    first();
    third();
    third();
    await pass(clock, scope, 5);
    second();
    equal(fired, 2, "timers that fired");
  });

  add("cancelling one timer leaves the others", async (clock, scope) => {
    const fired: number[] = [];
    const cancels = [0, 1, 2, 3].map((i) => clock.timer(2, () => fired.push(i)));
    cancels[1]?.();
    cancels[3]?.();
    await pass(clock, scope, 6);
    equal(
      fired.sort((a, b) => a - b),
      [0, 2],
      "timers that fired",
    );
  });
}

function soonCases(add: AddCase): void {
  add("soon calls once, later than the present turn", async (clock, scope) => {
    const over = signal();
    const order: string[] = [];
    clock.soon(() => {
      order.push("soon");
      over.fire();
    });
    order.push("present turn");
    // What can settle at once belongs to the present turn.
    for (let i = 0; i < 20; i++) await Promise.resolve();
    order.push("promises");
    await scope.settled("soon()", over.promise);
    await pass(clock, scope, 2);
    equal(order, ["present turn", "promises", "soon"], "the order");
  });

  add("soon keeps the order of its calls", async (clock, scope) => {
    const over = signal();
    const order: number[] = [];
    for (let i = 0; i < 50; i++) clock.soon(() => order.push(i));
    clock.soon(over.fire);
    await scope.settled("51 calls of soon()", over.promise);
    equal(
      order,
      Array.from({ length: 50 }, (_, i) => i),
      "the order",
    );
  });

  add("what soon calls may call soon again, for a later turn", async (clock, scope) => {
    const over = signal();
    const order: string[] = [];
    clock.soon(() => {
      clock.soon(() => {
        order.push("inner");
        over.fire();
      });
      void Promise.resolve().then(() => order.push("promise of the outer one"));
      order.push("outer");
    });
    await scope.settled("soon() within soon()", over.promise);
    equal(order, ["outer", "promise of the outer one", "inner"], "the order");
  });

  add("timers fire though soon is used all the time", async (clock, scope) => {
    const over = signal();
    let fired = false;
    clock.timer(3, () => {
      fired = true;
      over.fire();
    });
    // As long as a node that is never idle would go on, with an end for clocks that stand still meanwhile.
    let left = 100_000;
    const again = (): void => {
      if (!fired && left-- > 0) clock.soon(again);
    };
    clock.soon(again);
    await scope.settled("a timer of 3 ms beside soon()", over.promise);
  });
}
