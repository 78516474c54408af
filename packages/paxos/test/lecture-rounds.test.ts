import fc from "fast-check";
import { expect, it } from "vitest";
import { firstRounds, roundAbove, roundOwner } from "../src/index.js";

it("deals the rounds of the lecture", () => {
  expect(firstRounds(4, 1, 3)).toEqual([1, 4, 7, 10]);
  expect(firstRounds(3, 2, 3)).toEqual([2, 5, 8]);
  expect(firstRounds(3, 3, 3)).toEqual([3, 6, 9]);
  expect(firstRounds(0, 3, 3)).toEqual([]);
  expect(roundAbove(7, 3, 3)).toBe(9);
  expect(roundAbove(9, 3, 3)).toBe(12);
  expect(roundAbove(0, 3, 3)).toBe(3);
  expect(roundAbove(7, 1, 1)).toBe(8);
  expect([1, 2, 3, 4, 8, 9].map((round) => roundOwner(round, 3))).toEqual([1, 2, 3, 1, 2, 3]);
});

it("agrees with counting upwards", () => {
  const server = fc.integer({ min: 1, max: 7 }).chain((n) => fc.tuple(fc.integer({ min: 1, max: n }), fc.constant(n)));
  fc.assert(
    fc.property(fc.nat(60), server, (round, [me, n]) => {
      let slow = round + 1;
      while (roundOwner(slow, n) !== me) slow += 1;
      expect(roundAbove(round, me, n)).toBe(slow);
      const owned = Array.from({ length: 40 }, (_, i) => i + 1).filter((r) => roundOwner(r, n) === me);
      expect(firstRounds(owned.length, me, n)).toEqual(owned);
    }),
  );
});

it("refuses servers and rounds that do not exist", () => {
  const refused = expect.objectContaining({ code: "InvalidArgument" });
  expect(() => firstRounds(1, 4, 3)).toThrow(refused);
  expect(() => firstRounds(-1, 1, 3)).toThrow(refused);
  expect(() => roundAbove(Number.POSITIVE_INFINITY, 1, 3)).toThrow(refused);
  expect(() => roundAbove(1.5, 1, 3)).toThrow(refused);
  expect(() => roundAbove(1, 0, 3)).toThrow(refused);
  expect(() => roundOwner(0, 3)).toThrow(refused);
  expect(() => roundAbove(Number.MAX_SAFE_INTEGER, 1, 3)).toThrow(expect.objectContaining({ code: "RoundsExhausted" }));
});
