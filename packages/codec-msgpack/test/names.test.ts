import { expect, it } from "vitest";
import { messageCodec, msgpackCodec } from "../src/index.js";

it.each([
  // Without `validate` whatever comes would pass.
  [
    () => msgpackCodec({ validates: () => 1 } as object),
    "msgpackCodec has no option validates: did you mean validate?",
  ],
  [
    () => msgpackCodec({ frameBytesMax: 1 } as object),
    "msgpackCodec has no option frameBytesMax: it takes bytesMax, validate",
  ],
  [
    () => messageCodec({ framebytesMax: 1 } as object),
    "messageCodec has no option framebytesMax: did you mean frameBytesMax?",
  ],
])("an option of an unknown name is refused: %s", (make, message) => {
  expect(make).toThrow(expect.objectContaining({ code: "InvalidArgument", message }));
});
