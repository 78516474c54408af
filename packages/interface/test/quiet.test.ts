import { expect, it } from "vitest";
import { type Metrics, quietMetrics } from "../src/index.js";

it("metrics that forget labels do so quietly, and others do not offer it", () => {
  const nothing = (): void => undefined;
  const plain: Metrics = { count: nothing, gauge: nothing, observe: nothing };
  expect("forget" in quietMetrics(plain)).toBe(false);
  expect("forget" in quietMetrics(undefined)).toBe(false);
  const seen: unknown[] = [];
  const metrics: Metrics = {
    ...plain,
    forget: (labels) => {
      seen.push(labels);
      throw new Error("a bug in the adapter");
    },
  };
  quietMetrics(metrics).forget?.({ peer: "3" });
  expect(seen).toEqual([{ peer: "3" }]);
});
