import { getEventListeners } from "node:events";
import { expect, it } from "vitest";
import { offAbort, onAbort } from "../src/index.js";

const listeners = (signal: AbortSignal): number => getEventListeners(signal, "abort").length;

it("many who wait share one listener, which goes with the last of them", () => {
  const controller = new AbortController();
  const { signal } = controller;
  const told: string[] = [];
  const waiters = ["a", "b", "c"].map((name) => (reason: unknown) => void told.push(`${name} ${String(reason)}`));
  for (const waiter of waiters) onAbort(signal, waiter);
  expect(listeners(signal)).toBe(1);
  for (const waiter of waiters.slice(0, 2)) offAbort(signal, waiter);
  expect(listeners(signal)).toBe(1);
  for (const waiter of waiters) offAbort(signal, waiter);
  expect(listeners(signal)).toBe(0);
  for (const waiter of waiters.slice(1)) onAbort(signal, waiter);
  expect(listeners(signal)).toBe(1);
  controller.abort("enough");
  expect(told).toEqual(["b enough", "c enough"]);
  expect(listeners(signal)).toBe(0);
  for (const waiter of waiters) offAbort(signal, waiter);
  expect(listeners(signal)).toBe(0);
});

it("who is told may take others out, and one that throws leaves nobody out", () => {
  let listener = (): void => undefined;
  const signal = {
    addEventListener: (_: string, given: () => void) => void (listener = given),
    removeEventListener: () => undefined,
  } as unknown as AbortSignal;
  const told: string[] = [];
  const taken = (): void => void told.push("taken out");
  onAbort(signal, () => {
    told.push("first");
    offAbort(signal, taken);
  });
  onAbort(signal, taken);
  onAbort(signal, () => {
    throw new Error("a bug");
  });
  onAbort(signal, () => void told.push("last"));
  expect(() => listener()).toThrow("a bug");
  expect(told).toEqual(["first", "last"]);
});
