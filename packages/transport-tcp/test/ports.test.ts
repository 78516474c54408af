import { clockSuite } from "@synod/conformance";
import { describe, expect, test } from "vitest";
import { hostClock } from "../src/ports.js";

describe("contract of Clock: the default of the transport", () => {
  clockSuite({ test, create: () => ({ clock: { ...hostClock, soon: (callback) => void setImmediate(callback) } }) });
});

test("timers of the transport keep no process alive", () => {
  // Only what keeps it alive is listed.
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
  const before = timers();
  const cancel = hostClock.timer(60_000, () => {});
  expect(timers()).toBe(before);
  cancel();
});
