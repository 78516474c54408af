import { afterEach, expect, test, vi } from "vitest";
import { comparison, type Load, runLoad, summary } from "../src/load/index.js";

const load: Load = {
  seconds: 0.1,
  warmSeconds: 0,
  outstanding: 4,
  perSecond: null,
  keys: 10,
  valueBytes: 3,
  readShare: 0.25,
};

/** Answers when the event loop comes round. */
function target(answer: () => Promise<unknown> = () => new Promise((resolve) => setImmediate(resolve))) {
  const calls = { put: 0, get: 0, open: 0, most: 0 };
  const one = async (kind: "put" | "get"): Promise<void> => {
    calls[kind]++;
    calls.most = Math.max(calls.most, ++calls.open);
    await answer();
    calls.open--;
  };
  return { calls, put: () => one("put"), get: () => one("get") };
}

afterEach(() => void vi.useRealTimers());

test("a closed loop keeps as many operations under way as it is told, in the share that it is told", async () => {
  const to = target();
  const result = await runLoad(to, load);
  expect(result.operations).toBeGreaterThan(4);
  expect(result.perSecond).toBeCloseTo(result.operations / result.seconds, 3);
  const reads = to.calls.get / (to.calls.get + to.calls.put - 10);
  expect(reads).toBeGreaterThan(0.1);
  expect(reads).toBeLessThan(0.4);
  const counted = result.histogram.reduce((sum, [, count]) => sum + count, 0);
  expect(counted).toBeGreaterThan(0);
  expect(counted).toBeLessThanOrEqual(result.operations);
  expect(to.calls).toMatchObject({ open: 0, most: 10 }); // filling puts all keys at once
});

test("an open loop counts a stall for everything that was due meanwhile", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "performance"] });
  let release: () => void = () => {};
  const stalled = new Promise<void>((resolve) => (release = resolve));
  let calls = 0;
  const to = target(() => (calls++ < 10 ? Promise.resolve() : stalled));
  const running = runLoad(to, { ...load, outstanding: 5, perSecond: 1_000, seconds: 0.3, readShare: 0 });
  await vi.advanceTimersByTimeAsync(200);
  // Five are under way, the others of 200 ms wait to begin.
  expect(to.calls).toMatchObject({ open: 5, put: 15, most: 10 });
  release();
  await vi.advanceTimersByTimeAsync(101);
  const result = await running;
  expect(to.calls).toMatchObject({ open: 0, most: 10 });
  expect(result.operations).toBeGreaterThanOrEqual(299);
  expect(result.latencyMs.p50).toBeGreaterThan(20);
  // The first one was due after 1 ms.
  expect(result.latencyMs.max).toBeCloseTo(199, -1);
});

test("errors are counted by code and told; a comparison is by name", async () => {
  let calls = 0;
  const to = target(() =>
    calls++ < 10 ? Promise.resolve() : Promise.reject(Object.assign(new Error(), { code: "Busy" })),
  );
  const result = await runLoad(to, load);
  expect(result).toMatchObject({ operations: 0, histogram: [], errors: { Busy: expect.any(Number) as number } });
  expect(summary([{ name: "put x4", result }])).toContain("Busy");
  const good = await runLoad(target(), load);
  const twice = { ...good, perSecond: 2 * good.perSecond };
  const text = comparison(new Map([["put x4", good]]), [
    { name: "put x4", result: twice },
    { name: "unknown", result: good },
  ]);
  expect(text).toContain("2.00");
  expect(text).not.toContain("unknown");
});
