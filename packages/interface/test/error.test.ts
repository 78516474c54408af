import { expect, it, vi } from "vitest";
import { SynodError } from "../src/index.js";

it("carries code, text, cause and details", () => {
  const cause = new Error("below");
  const error = new SynodError("Busy", "too much", { cause, details: { retryAfterMs: 5 } });
  expect(error).toMatchObject({
    name: "SynodError",
    code: "Busy",
    message: "too much",
    cause,
    details: { retryAfterMs: 5 },
  });
  expect(error).toBeInstanceOf(Error);
  expect("cause" in new SynodError("Busy", "without")).toBe(false);
});

it("is recognised across two copies of the package", async () => {
  vi.resetModules();
  const copy = await import("../src/error.js");
  expect(copy.SynodError).not.toBe(SynodError);
  const foreign: unknown = new copy.SynodError("Closed", "from the other copy");
  expect(foreign instanceof SynodError).toBe(true);
  for (const other of [new Error("plain"), null, "text", { code: "Closed" }]) {
    expect((other as unknown) instanceof SynodError).toBe(false);
  }
});
