import { expect, it } from "vitest";
import { memoryNetwork } from "../src/index.js";

it("an option of an unknown name is refused", () => {
  expect(() => memoryNetwork({ queueBytes: 1 } as object)).toThrow(
    expect.objectContaining({
      code: "InvalidArgument",
      message: "memoryNetwork has no option queueBytes: it takes clock, queueBytesMax",
    }),
  );
});
