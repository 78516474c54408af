import { expect, it } from "vitest";
import { fileStorage } from "../src/index.js";

it.each([
  [{ segmentByte: 4096 }, "fileStorage has no option segmentByte: did you mean segmentBytes?"],
  [{ filesystem: {} }, "fileStorage has no option filesystem: did you mean fileSystem?"],
  [{ path: "." }, "fileStorage has no option path: it takes directory, fileSystem, random, segmentBytes, now"],
])("an option of an unknown name is refused: %j", (more, message) => {
  expect(() => fileStorage({ directory: "nowhere", ...(more as object) })).toThrow(
    expect.objectContaining({ code: "InvalidArgument", message }),
  );
});
