import fc from "fast-check";
import { expect, test } from "vitest";
import { Sequences } from "../src/index.js";

const LIMIT = 8;

test("each sequence once, up to the limit above the floor, which rises over what is done without a gap", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.constant("next" as const), fc.nat(60))), (steps) => {
      const sequences = new Sequences(LIMIT);
      const done = new Set<number>();
      let [last, floor] = [0, 0];
      for (const step of steps) {
        if (step === "next") {
          const given = sequences.next();
          expect(given).toBe(last - floor < LIMIT ? last + 1 : null);
          last = given ?? last;
        } else {
          // Of what was never given out as well, and twice.
          sequences.done(step);
          if (step > 0 && step <= last) done.add(step);
          while (done.has(floor + 1)) floor++;
        }
        expect(sequences.floor).toBe(floor);
        expect(sequences.open).toBe(last - done.size);
      }
    }),
  );
});

test("gives out none after one that was refused, until all up to that are done", () => {
  const sequences = new Sequences(LIMIT);
  for (let i = 0; i < 3; i++) sequences.next();
  sequences.refused(2);
  sequences.done(3);
  sequences.done(1);
  expect(sequences.next()).toBeNull();
  sequences.done(2);
  expect(sequences.next()).toBe(4);
});
