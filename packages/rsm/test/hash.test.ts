import fc from "fast-check";
import { expect, test } from "vitest";
import { HASH_START, hash64, hex64 } from "../src/hash.js";

const bytes = (length: number) => Uint8Array.from({ length }, (_, at) => (at * 37 + 11) & 0xff);

// The chain hash is stored in snapshots and compared between replicas of different releases: these must never change.
test.each([
  [1, 0, "d36c2e15a67a0865"],
  [1, 1, "26f3859ab3aa73c9"],
  [2, 7, "56bc005d07c61e1f"],
  [3, 8, "39b01066c5b9f161"],
  [4, 9, "4195a474277d1184"],
  [2 ** 32 + 5, 64, "5836a1a4afc2d6c4"],
  [Number.MAX_SAFE_INTEGER, 1000, "7d85caec82d78b86"],
])("golden: tag %i, %i bytes", (tag, length, expected) => {
  expect(hex64(hash64(HASH_START, tag, bytes(length)))).toBe(expected);
});

test("golden: a chain", () => {
  let hash = HASH_START;
  for (let slot = 1; slot <= 100; slot += 1) hash = hash64(hash, slot, bytes(slot));
  expect(hex64(hash)).toBe("0a6f49c98abd6399");
});

test("each part of the input counts", () => {
  const base = () => hex64(hash64({ high: 1, low: 2 }, 3, bytes(20)));
  const others = [
    hash64({ high: 0, low: 2 }, 3, bytes(20)),
    hash64({ high: 1, low: 3 }, 3, bytes(20)),
    hash64({ high: 2, low: 1 }, 3, bytes(20)),
    hash64({ high: 1, low: 2 }, 4, bytes(20)),
    hash64({ high: 1, low: 2 }, 3 + 2 ** 32, bytes(20)),
    hash64({ high: 1, low: 2 }, 3, bytes(21)),
    hash64({ high: 1, low: 2 }, 3, Uint8Array.of(...bytes(20), 0)),
  ].map(hex64);
  expect(new Set([base(), ...others]).size).toBe(8);
});

test("the offset of a view does not count; every bit does", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.nat(7), fc.nat(), (value, offset, bit) => {
      const shifted = new Uint8Array(value.length + offset);
      shifted.set(value, offset);
      expect(hash64(HASH_START, 1, shifted.subarray(offset))).toEqual(hash64(HASH_START, 1, value));
      const flipped = value.slice();
      const at = (bit >> 3) % value.length;
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (bit & 7));
      expect(hash64(HASH_START, 1, flipped)).not.toEqual(hash64(HASH_START, 1, value));
    }),
  );
});

test("no collisions among short values", () => {
  const seen = new Set<string>();
  for (let n = 0; n < 65_536; n += 1) seen.add(hex64(hash64(HASH_START, 1, Uint8Array.of(n >> 8, n & 0xff))));
  expect(seen.size).toBe(65_536);
});
