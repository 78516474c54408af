import { afterEach, expect, test, vi } from "vitest";
import { contextOf } from "../src/options.js";

afterEach(() => void vi.useRealTimers());

test("a call may take longer than a timer of the host can hold", () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  const { clock } = contextOf({ cluster: "shop", servers: ["127.0.0.1:1"] });
  let fired = 0;
  clock.timer(2 ** 31 + 5, () => fired++);
  vi.advanceTimersByTime(2 ** 31 + 4);
  expect(fired).toBe(0);
  vi.advanceTimersByTime(1);
  expect(fired).toBe(1);
});
