import type { Clock } from "@synod/interface";
import { describe, expect, test } from "vitest";
import { clockSuite, type ClockWorld, type TestFunction } from "../src/index.js";
import { trials } from "./run.js";

type ClockBug =
  | "falls"
  | "stands still"
  | "is early"
  | "wraps at 31 bits"
  | "fires at once for zero"
  | "never fires for negative delays"
  | "fires twice"
  | "takes delays from the start"
  | "cannot cancel"
  | "cannot cancel what is due"
  | "cancels its neighbour"
  | "cancels another when cancelled twice"
  | "calls soon at once"
  | "calls soon as a promise"
  | "reverses soon"
  | "runs nested soon in the same turn"
  | "starves timers";

interface Entry {
  readonly dueMs: number;
  readonly callback: () => void;
  readonly isSoon: boolean;
}

/** Virtual time, a millisecond an advance at most. */
function world(bug?: ClockBug): ClockWorld {
  const has = (one: ClockBug): boolean => bug === one;
  let nowMs = 1000;
  let looks = 0;
  let entries: Entry[] = [];
  let running = false;
  const call = (entry: Entry): void => {
    if (!entries.includes(entry) && !has("cannot cancel what is due")) return;
    entries = entries.filter((other) => other !== entry);
    entry.callback();
    if (has("fires twice") && !entry.isSoon) entry.callback();
  };
  const clock: Clock = {
    now: () => (has("falls") ? nowMs - (++looks % 2) : has("stands still") ? 1000 : nowMs),
    timer(delayMs, callback) {
      if (has("fires at once for zero") && delayMs === 0) callback();
      let ms = has("wraps at 31 bits") && delayMs >= 2 ** 31 ? 1 : Math.max(0, delayMs);
      if (has("is early")) ms = Math.floor(ms);
      if (has("never fires for negative delays") && delayMs < 0) ms = Number.POSITIVE_INFINITY;
      const fromMs = has("takes delays from the start") ? 1000 : nowMs;
      const entry = { dueMs: fromMs + ms, callback, isSoon: false };
      entries.push(entry);
      let isCancelled = false;
      return () => {
        if (has("cannot cancel")) return;
        const place = entries.indexOf(entry);
        if (has("cancels its neighbour") && place >= 0) entries.splice(place, 2);
        else if (has("cancels another when cancelled twice") && (isCancelled || place < 0)) entries.pop();
        else if (place >= 0) entries.splice(place, 1);
        isCancelled = true;
      };
    },
    soon(callback) {
      if (has("calls soon at once") || (has("runs nested soon in the same turn") && running)) callback();
      else if (has("calls soon as a promise")) void Promise.resolve().then(callback);
      else if (has("reverses soon")) entries.unshift({ dueMs: nowMs, callback, isSoon: true });
      else entries.push({ dueMs: nowMs, callback, isSoon: true });
    },
  };
  const advance = (): void => {
    const soons = entries.filter(({ isSoon }) => isSoon);
    running = true;
    for (const entry of soons) call(entry);
    running = false;
    if (has("starves timers") && soons.length > 0) return;
    const timers = entries.filter(({ isSoon }) => !isSoon).sort((a, b) => a.dueMs - b.dueMs);
    nowMs = Math.min(nowMs + 1, Math.max(nowMs, timers[0]?.dueMs ?? nowMs));
    for (const entry of timers) if (entry.dueMs <= nowMs) call(entry);
  };
  return { clock, advance };
}

const suite = (bug?: ClockBug) => (register: TestFunction) =>
  clockSuite({ test: register, create: () => world(bug), guardMs: bug === undefined ? 5_000 : 60 });

describe("a clock that keeps the contract", () => {
  suite()(test);
});

const broken: [ClockBug, string][] = [
  ["falls", "now never falls"],
  ["stands still", "now counts milliseconds of its own timers"],
  ["is early", "no timer fires before its time"],
  ["wraps at 31 bits", "a timer far in the future does not fire now"],
  ["fires at once for zero", "zero and negative delays fire, but not inside of timer()"],
  ["never fires for negative delays", "zero and negative delays fire, but not inside of timer()"],
  ["fires twice", "a timer fires once"],
  ["takes delays from the start", "a timer may set another one"],
  ["cannot cancel", "a cancelled timer does not fire"],
  ["cannot cancel what is due", "a timer that is due at the same moment can still be cancelled"],
  ["cancels its neighbour", "cancelling one timer leaves the others"],
  ["cancels another when cancelled twice", "cancelling twice, or after the call, does nothing"],
  ["calls soon at once", "soon calls once, later than the present turn"],
  ["calls soon as a promise", "soon calls once, later than the present turn"],
  ["reverses soon", "soon keeps the order of its calls"],
  ["runs nested soon in the same turn", "what soon calls may call soon again, for a later turn"],
  ["starves timers", "timers fire though soon is used all the time"],
];

const trial = trials<ClockBug>(suite);

test.each(broken)("a clock that %s fails: %s", async (bug, name) => {
  const { failed, names } = await trial.of(bug);
  expect([...failed.keys()]).toContain(name);
  expect(failed.size).toBeLessThan(names.length);
});

test("every case of the suite can fail", async () => {
  expect(await trial.toothless(broken.map(([bug]) => bug))).toEqual([]);
});
