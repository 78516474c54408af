import { expect, test } from "vitest";
import { Pace } from "../src/pace.js";

/** So many flushes that took so long; says whether the next one is waited for. */
function after(pace: Pace, count: number, ms: number): boolean {
  for (let i = 0; i < count; i++) pace.took(ms);
  return pace.mayWait;
}

test("flushes are waited for once the disk has shown that it is fast", () => {
  const pace = new Pace();
  expect(pace.mayWait).toBe(false);
  expect(after(pace, 31, 0.1)).toBe(false);
  expect(after(pace, 1, 0.1)).toBe(true);
  expect(after(pace, 1000, 0.9)).toBe(true);
});

test("a busy machine, on which most hand-overs take long, still shows a fast disk", () => {
  const pace = new Pace();
  expect(after(pace, 24, 5)).toBe(false);
  expect(after(pace, 8, 0.3)).toBe(true);
});

test("a slow disk is never waited for", () => {
  const pace = new Pace();
  for (let i = 0; i < 1000; i++) {
    pace.took(2);
    expect(pace.mayWait).toBe(false);
  }
});

test("a disk that stalls is waited for once, one that becomes slow not for long", () => {
  const stalls = new Pace();
  after(stalls, 32, 0.1);
  expect(after(stalls, 1, 50)).toBe(false);
  // It has to show anew that it is fast.
  expect(after(stalls, 31, 0.1)).toBe(false);
  expect(after(stalls, 1, 0.1)).toBe(true);

  const slows = new Pace();
  after(slows, 32, 0.1);
  expect(after(slows, 4, 2)).toBe(true);
  expect(after(slows, 20, 2)).toBe(false);
});
