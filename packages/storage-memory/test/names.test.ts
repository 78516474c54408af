import { expect, it } from "vitest";
import { memoryStorage } from "../src/index.js";

it("an option of an unknown name is refused", () => {
  expect(() => memoryStorage({ rondom: {} } as object)).toThrow(
    expect.objectContaining({
      code: "InvalidArgument",
      message: "memoryStorage has no option rondom: did you mean random?",
    }),
  );
});
