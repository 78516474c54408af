import fc from "fast-check";
import { expect, test } from "vitest";
import { Replies } from "../src/replies.js";
import type { Reply } from "../src/sessions.js";

const sequence = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  // The same place in a table of any room: they make way for each other.
  fc.integer({ min: 1, max: 20 }).map((i) => i * 2 ** 32 + 5),
  fc.constant(Number.MAX_SAFE_INTEGER),
);
const reply = fc.oneof(fc.constant(null), fc.constant("unencodable" as const), fc.constant(Uint8Array.of(1)));
const step = fc.tuple(fc.constantFrom("add", "delete", "delete"), sequence, reply);

test("is a Map in the order of arrival, and so is a copy", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), fc.nat(300), (steps, copyAt) => {
      let replies = new Replies();
      const model = new Map<number, Reply>();
      for (const [i, [kind, at, value]] of steps.entries()) {
        if (i === copyAt) {
          const copied = replies;
          replies = replies.copy();
          // What becomes of the one is not seen in the other.
          for (const [each] of copied) copied.delete(each);
          expect(copied.size).toBe(0);
        }
        expect(replies.get(at)).toBe(model.get(at));
        if (kind === "delete") {
          expect(replies.delete(at)).toBe(model.get(at));
          model.delete(at);
        } else if (!model.has(at)) {
          replies.add(at, value);
          model.set(at, value);
        }
        expect(replies.size).toBe(model.size);
      }
      expect([...replies]).toEqual([...model]);
    }),
  );
});

test("thousands that come and go, the oldest first", () => {
  const replies = new Replies();
  for (let i = 1; i <= 10_000; i++) {
    replies.add(i, null);
    if (i > 1_000) expect(replies.delete(i - 1_000)).toBeNull();
  }
  expect(Array.from(replies, ([each]) => each)).toEqual(Array.from({ length: 1_000 }, (_, i) => 9_001 + i));
  for (let i = 9_001; i <= 10_000; i++) replies.delete(i);
  expect([...replies]).toEqual([]);
  expect(replies.get(10_000)).toBeUndefined();
});
