import fc from "fast-check";
import { expect, test } from "vitest";
import { NumberMap } from "../src/index.js";

const key = fc.oneof(
  fc.integer({ min: 0, max: 40 }),
  // The same place in a table of any room: they make way for each other.
  fc.integer({ min: 1, max: 20 }).map((i) => i * 2 ** 32 + 5),
  fc.constant(Number.MAX_SAFE_INTEGER),
);
const value = fc.oneof(fc.constant(null), fc.constant("text"), fc.constant(Uint8Array.of(1)));
const step = fc.tuple(fc.constantFrom("set", "set", "delete", "delete", "delete"), key, value);

test("is a Map in the order of arrival, and so is a copy", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), fc.nat(300), fc.nat(300), (steps, copyAt, clearAt) => {
      let map = new NumberMap<Uint8Array | string | null>();
      const model = new Map<number, Uint8Array | string | null>();
      for (const [i, [kind, at, given]] of steps.entries()) {
        if (i === copyAt) {
          const copied = map;
          map = map.copy();
          // What becomes of the one is not seen in the other.
          for (const [each] of copied.entries()) copied.delete(each);
          expect(copied.size).toBe(0);
        }
        if (i === clearAt) {
          map.clear();
          model.clear();
        }
        expect(map.get(at)).toBe(model.get(at));
        expect(map.has(at)).toBe(model.has(at));
        if (kind === "delete") {
          expect(map.delete(at)).toBe(model.get(at));
          model.delete(at);
        } else {
          map.set(at, given);
          model.set(at, given);
        }
        expect(map.size).toBe(model.size);
      }
      for (const [at, given] of model) expect(map.get(at)).toBe(given);
      expect(map.entries()).toEqual([...model]);
      expect(map.values()).toEqual([...model.values()]);
    }),
  );
});

test("whoever had to make way is found when the other has gone", () => {
  const map = new NumberMap<{ readonly key: number }>();
  const left = new Set<number>();
  for (let key = 0; key < 2_000; key++) {
    map.set(key, { key });
    left.add(key);
  }
  for (let key = 0; key < 2_000; key += 3) {
    map.delete(key);
    left.delete(key);
  }
  for (const key of left) expect(map.get(key)).toEqual({ key });
});

test("thousands that come and go, the oldest first", () => {
  const map = new NumberMap<null>();
  for (let i = 1; i <= 10_000; i++) {
    map.set(i, null);
    if (i > 1_000) expect(map.delete(i - 1_000)).toBeNull();
  }
  expect(map.entries().map(([each]) => each)).toEqual(Array.from({ length: 1_000 }, (_, i) => 9_001 + i));
  for (let i = 9_001; i <= 10_000; i++) map.delete(i);
  expect(map.entries()).toEqual([]);
  expect(map.get(10_000)).toBeUndefined();
});
