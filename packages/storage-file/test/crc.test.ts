import { crc32 } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { JoinedCrc } from "../src/crc.js";

test("the checksums of pieces make that of the whole", () => {
  const pieces = fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 16, maxLength: 16 })));
  fc.assert(
    fc.property(pieces, (parts) => {
      const joined = new JoinedCrc();
      for (const part of parts) joined.add(crc32(part), part.length);
      expect(joined.value).toBe(crc32(Buffer.concat(parts)));
    }),
  );
});

test("pieces as large as those of a snapshot", () => {
  const parts = [2 ** 18, 2 ** 18, 2 ** 18, 77].map((length, i) => Buffer.alloc(length, `piece ${i}`));
  const joined = new JoinedCrc();
  for (const part of parts) joined.add(crc32(part), part.length);
  expect(joined.value).toBe(crc32(Buffer.concat(parts)));
});
