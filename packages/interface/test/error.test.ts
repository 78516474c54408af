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

it("is turned into JSON whatever its cause and details are", () => {
  const circular: Record<string, unknown> = { name: "loop" };
  circular.self = circular;
  const bare: unknown = Object.create(null);
  const json = (cause: unknown, details: Record<string, unknown> = {}): unknown =>
    JSON.parse(JSON.stringify(new SynodError("Busy", "too much", { cause, details })));
  expect(json(circular)).toMatchObject({ cause: "[object Object]" });
  expect(json(5n)).toMatchObject({ cause: "5" });
  expect(json("text")).toMatchObject({ cause: "text" });
  expect(json(bare)).toMatchObject({ cause: "[object]" });
  expect(json(Symbol("why"))).toMatchObject({ cause: "Symbol(why)" });
  expect(json(new RangeError("below"))).toMatchObject({ cause: "RangeError: below" });
  expect(json(new SynodError("Closed", "gone", { cause: 5n }))).toMatchObject({
    cause: { code: "Closed", cause: "5" },
  });
  // What JSON can say stays as it is; only a value that it cannot becomes text.
  expect(json(null, { revision: 5n, circular, bare, file: "a", range: [1, 2] })).toMatchObject({
    cause: "null",
    details: { revision: "5", circular: "[object Object]", bare: {}, file: "a", range: [1, 2] },
  });
});
