import type { Ballot } from "@synod/interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  ballotFault,
  ballotsEqual,
  checkBallot,
  compareBallots,
  formatBallot,
  highestBallot,
  isBallot,
  isRound,
  nextBallot,
} from "../src/index.js";

const MAX = Number.MAX_SAFE_INTEGER;
const b = (round: number, node: number): Ballot => ({ round, node });
const ballot = fc.record({ round: fc.nat(5), node: fc.integer({ min: 1, max: 5 }) });
const nullable = fc.option(ballot, { nil: null });

describe("order of ballots", () => {
  it.each([
    [b(4, 1), b(4, 3), -1],
    [b(5, 1), b(4, 3), 1],
    [b(4, 2), b(4, 2), 0],
    [null, b(0, 1), -1],
    [b(0, 1), null, 1],
    [null, null, 0],
  ])("compares %o with %o: %i", (x, y, order) => {
    expect(compareBallots(x, y)).toBe(order);
    expect(ballotsEqual(x, y)).toBe(order === 0);
    expect(highestBallot(x, y)).toBe(order >= 0 ? x : y);
  });

  it("is total, antisymmetric and transitive", () => {
    fc.assert(
      fc.property(nullable, nullable, nullable, (x, y, z) => {
        expect(compareBallots(x, y) + compareBallots(y, x)).toBe(0);
        if (compareBallots(x, y) <= 0 && compareBallots(y, z) <= 0) expect(compareBallots(x, z)).toBeLessThanOrEqual(0);
        expect(ballotsEqual(x, y)).toBe(formatBallot(x) === formatBallot(y));
      }),
    );
  });
});

describe("the next ballot", () => {
  it("is above everything seen, and differs between nodes", () => {
    fc.assert(
      fc.property(nullable, (seen) => {
        expect(compareBallots(nextBallot(seen, 1), seen)).toBe(1);
        expect(ballotsEqual(nextBallot(seen, 1), nextBallot(seen, 2))).toBe(false);
      }),
    );
    expect(nextBallot(null, 3)).toEqual(b(1, 3));
    expect(nextBallot(b(6, 3), 1)).toEqual(b(7, 1));
    expect(nextBallot(b(MAX - 1, 3), 1)).toEqual(b(MAX, 1));
  });

  it("ends at 2^53 - 1", () => {
    expect(() => nextBallot(b(MAX, 3), 1)).toThrow(expect.objectContaining({ code: "RoundsExhausted" }));
  });

  it.each([0, -1, 1.5, Number.NaN])("refuses node %d", (node) => {
    expect(() => nextBallot(null, node)).toThrow(expect.objectContaining({ code: "InvalidArgument" }));
  });
});

describe("bad ballots", () => {
  const bad: [unknown, RegExp][] = [
    [b(Number.NaN, 1), /round NaN/],
    [b(Number.POSITIVE_INFINITY, 1), /round Infinity/],
    [b(1.5, 1), /round 1.5/],
    [b(-1, 1), /round -1/],
    [b(2 ** 53, 1), /round 9007199254740992/],
    [{ round: "7", node: 1 }, /round "7"/],
    [{ round: 7n, node: 1 }, /round 7/],
    [{ node: 1 }, /round a value of type undefined/],
    [b(1, 0), /node 0/],
    [b(1, Number.NaN), /node NaN/],
    [b(1, 2 ** 53), /node/],
    [null, /not null/],
    ["9".repeat(1000), /^.{1,120}$/],
    [undefined, /undefined/],
  ];
  it.each(bad)("%o is no ballot", (x, text) => {
    expect(isBallot(x)).toBe(false);
    expect(ballotFault(x, 0)).toMatch(text);
    expect(() => checkBallot(x)).toThrow(expect.objectContaining({ code: "InvalidArgument" }));
  });

  it("a jump of more than 2^32 is wild, from wherever it starts", () => {
    expect(ballotFault(b(2 ** 32, 1), 0)).toBeNull();
    expect(ballotFault(b(2 ** 32 + 1, 1), 0)).toMatch(/more than 2\^32 above 0/);
    expect(ballotFault(b(2 ** 32 + 1, 1), 1)).toBeNull();
    expect(ballotFault(b(MAX, 1), MAX - 2 ** 32)).toBeNull();
    expect(ballotFault(b(3, 1), MAX)).toBeNull();
    checkBallot(b(2 ** 32 + 8, 1), b(8, 1));
    expect(() => checkBallot(b(2 ** 32 + 9, 1), b(8, 1))).toThrow(/Ballot refused: round 4294967305/);
    // Shape alone does not know what was seen.
    expect(isBallot(b(MAX, 1))).toBe(true);
  });

  it.each([
    [0, true],
    [MAX, true],
    [MAX + 1, false],
    [Number.POSITIVE_INFINITY, false],
    [Number.NaN, false],
    [-1, false],
    [0.5, false],
    ["1", false],
  ])("isRound(%o) is %o", (x, valid) => {
    expect(isRound(x)).toBe(valid);
  });
});
