import { expect, it } from "vitest";
import { prometheusMetrics } from "../src/index.js";

it("an option of an unknown name is refused; names of labels are free", () => {
  expect(() => prometheusMetrics({ label: { node: "1" } } as object)).toThrow(
    expect.objectContaining({
      code: "InvalidArgument",
      message: "prometheusMetrics has no option label: did you mean labels?",
    }),
  );
  prometheusMetrics({ labels: { label: "1" } });
});
