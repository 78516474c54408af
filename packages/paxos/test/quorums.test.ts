import type { NodeId, QuorumSpec } from "@synod/interface";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  fastQuorumsOk,
  gridSizes,
  majority,
  type QuorumSystem,
  quorumSystem,
  sizesIntersect,
  tolerates,
} from "../src/index.js";

// The slow, obvious version: a quorum is a set of members, a system is two lists of sets, to meet is to share a member.
type Sets = readonly (readonly NodeId[])[];
const subsets = (members: readonly NodeId[]): NodeId[][] =>
  members.reduce<NodeId[][]>((sets, id) => [...sets, ...sets.map((set) => [...set, id])], [[]]);
const meet = (a: readonly NodeId[], b: readonly NodeId[]): boolean => a.some((id) => b.includes(id));
const allMeet = (one: Sets, two: Sets): boolean => one.every((a) => two.every((b) => meet(a, b)));
const range = (n: number): NodeId[] => Array.from({ length: n }, (_, index) => index + 1);
const ofSize = (n: number, size: number): Sets => subsets(range(n)).filter((set) => set.length === size);

function build(spec: QuorumSpec, members: readonly NodeId[]): QuorumSystem | null {
  try {
    return quorumSystem(spec, members);
  } catch (error) {
    expect(error).toMatchObject({ code: "InvalidConfiguration" });
    return null;
  }
}

/** Compares both phases with the obvious definition on every subset, with strangers mixed in. */
function expectSame(
  system: QuorumSystem,
  phase1: (set: readonly NodeId[]) => boolean,
  phase2: (set: readonly NodeId[]) => boolean,
): void {
  for (const set of subsets(system.members)) {
    const has = new Set([...set, 0, -1, 77, 1.5]);
    expect(system.phase1(has)).toBe(phase1(set));
    expect(system.phase2(has)).toBe(phase2(set));
  }
  const all = subsets(system.members);
  expect(
    allMeet(
      all.filter((set) => system.phase1(new Set(set))),
      all.filter((set) => system.phase2(new Set(set))),
    ),
  ).toBe(true);
}

const sumOf = (set: readonly NodeId[], weights: readonly (readonly [NodeId, number])[]): number =>
  weights.filter(([id]) => set.includes(id)).reduce((sum, [, weight]) => sum + weight, 0);

describe("arithmetic", () => {
  it("majority is the smallest size of which any two sets meet", () => {
    for (const n of range(7)) {
      const smallest = range(n).find((size) => allMeet(ofSize(n, size), ofSize(n, size)));
      expect(majority(n)).toBe(smallest);
    }
    expect(() => majority(0)).toThrow(expect.objectContaining({ code: "InvalidArgument" }));
  });

  it("sizes meet exactly if all sets of those sizes do", () => {
    for (const n of range(5)) {
      for (const q1 of range(n)) {
        for (const q2 of range(n)) {
          const meets = allMeet(ofSize(n, q1), ofSize(n, q2));
          expect(sizesIntersect(n, q1, q2)).toBe(meets);
          expect(build({ kind: "sizes", phase1: q1, phase2: q2 }, range(n)) !== null).toBe(meets);
        }
      }
    }
    for (const q of [0, -1, 6, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) expect(sizesIntersect(5, q, 5)).toBe(false);
  });

  it("tolerates as many failures as leave a quorum", () => {
    expect(tolerates(5, 4, 2)).toEqual({ steady: 3, election: 1 });
    expect(tolerates(5, 3, 3)).toEqual({ steady: 2, election: 2 });
    expect(tolerates(1, 1, 1)).toEqual({ steady: 0, election: 0 });
    expect(() => tolerates(5, 3, 2)).toThrow(expect.objectContaining({ code: "InvalidConfiguration" }));
  });

  it("a grid's row has as many members as there are columns", () => {
    expect(gridSizes(2, 3)).toEqual({ q1: 3, q2: 2 });
    expect(gridSizes(4, 1)).toEqual({ q1: 1, q2: 4 });
    expect(() => gridSizes(0, 3)).toThrow(expect.objectContaining({ code: "InvalidArgument" }));
  });

  it("fast sizes: a classic quorum meets the common part of any two fast ones", () => {
    for (const n of range(5)) {
      for (const classic of range(n)) {
        for (const fast of range(n)) {
          const [c, f] = [ofSize(n, classic), ofSize(n, fast)];
          const common = f.flatMap((a) => f.map((b) => a.filter((id) => b.includes(id))));
          expect(fastQuorumsOk(n, classic, fast)).toBe(allMeet(c, c) && allMeet(c, common));
        }
      }
    }
    expect(fastQuorumsOk(4, 3, 3)).toBe(true);
    expect(fastQuorumsOk(4, 2, 4)).toBe(false);
    expect(fastQuorumsOk(4, 5, 4)).toBe(false);
  });
});

describe("quorum systems", () => {
  it("majority and sizes count members", () => {
    const members = [2, 3, 5, 7, 11];
    expectSame(
      quorumSystem({ kind: "majority" }, members),
      (set) => set.length >= 3,
      (set) => set.length >= 3,
    );
    expectSame(
      quorumSystem({ kind: "sizes", phase1: 4, phase2: 2 }, members),
      (set) => set.length >= 4,
      (set) => set.length >= 2,
    );
  });

  it("a grid takes a full row, then a full column", () => {
    const rows = [
      [1, 2, 3],
      [4, 5, 6],
    ];
    const columns = [
      [1, 4],
      [2, 5],
      [3, 6],
    ];
    const holds = (lines: Sets, set: readonly NodeId[]): boolean =>
      lines.some((line) => line.every((id) => set.includes(id)));
    expectSame(
      quorumSystem({ kind: "grid", rows }, [6, 5, 4, 3, 2, 1]),
      (set) => holds(rows, set),
      (set) => holds(columns, set),
    );
  });

  it("weights are summed, and accepted only if all quorums meet", () => {
    let accepted = 0;
    let refused = 0;
    const arbitrary = fc.tuple(fc.array(fc.nat(4), { minLength: 1, maxLength: 5 }), fc.nat(12), fc.nat(12));
    fc.assert(
      fc.property(arbitrary, ([sizes, phase1, phase2]) => {
        const weights = sizes.map((weight, index) => [index + 1, weight] as const);
        const members = range(sizes.length);
        const system = build({ kind: "weights", weights, phase1, phase2 }, members);
        const heavy = (threshold: number): Sets => subsets(members).filter((set) => sumOf(set, weights) >= threshold);
        if (system === null) {
          refused += 1;
          // Refused although all meet: only where there is no quorum at all, or a threshold can be raised to a sum that exists.
          const sums = subsets(members).map((set) => sumOf(set, weights));
          const raised = Math.min(...sums.filter((sum) => sum >= phase1));
          const total = sumOf(members, weights);
          const isSane = phase1 >= 1 && phase2 >= 1 && phase1 <= total && phase2 <= total;
          expect(isSane && phase1 + phase2 > total).toBe(false);
          if (isSane && allMeet(heavy(phase1), heavy(phase2))) expect(raised).toBeGreaterThan(total - phase2);
        } else {
          accepted += 1;
          expectSame(
            system,
            (set) => sumOf(set, weights) >= phase1,
            (set) => sumOf(set, weights) >= phase2,
          );
        }
      }),
      { numRuns: 500, seed: 1 },
    );
    expect(accepted).toBeGreaterThan(20);
    expect(refused).toBeGreaterThan(20);
  });

  it("keeps no hold on what it was given", () => {
    const members = [1, 2, 3];
    const weights: [number, number][] = [
      [1, 1],
      [2, 1],
      [3, 1],
    ];
    const system = quorumSystem({ kind: "weights", weights, phase1: 2, phase2: 2 }, members);
    members.push(4);
    (weights[0] as [number, number])[1] = 9;
    expect(system.members).toEqual([1, 2, 3]);
    expect(system.phase1(new Set([1]))).toBe(false);
  });

  const w = (...weights: number[]): QuorumSpec => ({
    kind: "weights",
    weights: weights.map((weight, index) => [index + 1, weight] as const),
    phase1: 2,
    phase2: 2,
  });
  const bad: [string, unknown, unknown, RegExp][] = [
    ["no members", { kind: "majority" }, [], /at least one member/],
    ["no list", { kind: "majority" }, 3, /list of node ids/],
    ["a member twice", { kind: "majority" }, [1, 2, 1], /1 twice/],
    ["member 0", { kind: "majority" }, [0, 1], /integers from 1, not 0/],
    ["member 1.5", { kind: "majority" }, [1.5], /integers from 1/],
    ["an unknown kind", { kind: "minority" }, [1], /kind must be/],
    ["nothing", undefined, [1], /kind must be/],
    ["sizes that miss each other", { kind: "sizes", phase1: 3, phase2: 2 }, range(5), /nobody in common/],
    ["size 0", { kind: "sizes", phase1: 0, phase2: 5 }, range(5), /phase1 must be an integer from 1 to 5/],
    ["size 6 of 5", { kind: "sizes", phase1: 5, phase2: 6 }, range(5), /phase2 must be/],
    ["size NaN", { kind: "sizes", phase1: Number.NaN, phase2: 5 }, range(5), /phase1 must be/],
    ["a ragged grid", { kind: "grid", rows: [[1, 2], [3]] }, range(3), /same length/],
    ["a grid with an empty row", { kind: "grid", rows: [[]] }, range(3), /1 is missing/],
    ["an empty grid", { kind: "grid", rows: [] }, range(3), /1 is missing/],
    ["a grid without a member", { kind: "grid", rows: [[1, 2]] }, range(3), /3 is missing/],
    ["a grid with a stranger", { kind: "grid", rows: [[1, 2, 3, 4]] }, range(3), /4 is none/],
    [
      "a grid with a member twice",
      {
        kind: "grid",
        rows: [
          [1, 2],
          [3, 1],
        ],
      },
      range(3),
      /1 twice/,
    ],
    ["a grid that is none", { kind: "grid", rows: [1, 2] }, range(2), /lists of node ids/],
    ["weights of a stranger", w(1, 1, 1), range(2), /3 is none/],
    ["weights that miss a member", w(1, 1), range(3), /3 is missing/],
    ["a negative weight", w(1, 3, -1), range(3), /weight of member 3/],
    ["an infinite weight", w(1, 1, Number.POSITIVE_INFINITY), range(3), /weight of member 3/],
    ["a fractional weight", w(1, 1.5), range(2), /weight of member 2/],
    ["weights too low", w(1, 0, 0), range(3), /phase1 must be an integer from 1 to 1/],
    ["weights that miss each other", w(2, 2, 0), range(3), /nobody in common/],
    ["weights beyond 2^53", w(2 ** 53 - 1, 1), range(2), /more than 2\^53 - 1/],
    ["weights that are none", { kind: "weights", weights: {}, phase1: 1, phase2: 1 }, [1], /list of \[id, weight\]/],
  ];
  it.each(bad)("refuses %s", (_name, spec, members, text) => {
    const refused = expect.objectContaining({ code: "InvalidConfiguration", message: expect.stringMatching(text) });
    expect(() => quorumSystem(spec as QuorumSpec, members as NodeId[])).toThrow(refused);
  });
});
