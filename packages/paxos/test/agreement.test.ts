import { describe, expect, it } from "vitest";
import { type QuorumSystem, quorumSystem } from "../src/index.js";
import { chosenIn, events, keyOf, newWorld, type Rules, type World } from "./world.js";

/** Visits every reachable world, breadth first; throws where agreement breaks. */
function explore(rules: Rules): { worlds: number; chosen: Set<string | null> } {
  const seen = new Set<string>();
  const chosen = new Set<string | null>();
  let frontier: World[] = [newWorld(rules)];
  while (frontier.length > 0) {
    const found: World[] = [];
    for (const event of frontier.flatMap((old) => events(rules, old))) {
      const world = event();
      const key = keyOf(world);
      if (seen.has(key)) continue;
      seen.add(key);
      chosen.add(chosenIn(rules, world));
      found.push(world);
    }
    frontier = found;
  }
  return { worlds: seen.size, chosen };
}

/** Runs of random events; throws where agreement breaks. Gives the number of runs that decided. */
function walk(rules: Rules, runs: number): number {
  let seed = 7;
  const random = (below: number): number => {
    // Numerical Recipes' generator: the low bits are poor, so the high ones are used.
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  let decided = 0;
  for (let run = 0; run < runs; run += 1) {
    let world = newWorld(rules);
    for (let step = 0; step < 200; step += 1) {
      const possible = events(rules, world);
      world = possible[random(possible.length)]?.() ?? world;
    }
    if (chosenIn(rules, world) !== null) decided += 1;
  }
  return decided;
}

/** Quorums of plain sizes that nobody checked. */
function unchecked(q1: number, q2: number, n: number): QuorumSystem {
  const members = Array.from({ length: n }, (_, index) => index + 1);
  const count = (has: ReadonlySet<number>): number => members.filter((id) => has.has(id)).length;
  return { members, phase1: (has) => count(has) >= q1, phase2: (has) => count(has) >= q2 };
}

const violated: unknown = expect.objectContaining({ code: "InvariantViolated" });

describe("every order of events: three acceptors, two proposers, two ballots", () => {
  const duel: Rules = { members: 3, proposers: [1, 2], starts: 2, crashes: 0, lean: true };

  it("holds with majorities, and either value can win", () => {
    const { worlds, chosen } = explore(duel);
    expect(chosen).toEqual(new Set([null, "v1", "v2"]));
    // A model that lost its events would agree as well.
    expect(worlds).toBe(17_288);
  });

  it("holds with 3 promises and 1 vote", () => {
    const sizes = quorumSystem({ kind: "sizes", phase1: 3, phase2: 1 }, [1, 2, 3]);
    expect(explore({ ...duel, quorums: sizes }).chosen).toEqual(new Set([null, "v1", "v2"]));
  });

  it.each([
    ["acceptors ignore promises", { bug: "ignores promises" }],
    ["proposers ignore reported votes", { bug: "ignores votes" }],
    ["proposers share a ballot", { bug: "shares a ballot" }],
    ["an acceptor forgets in a crash", { bug: "forgets", crashes: 1 }],
    ["2 promises and 1 vote of 3", { quorums: unchecked(2, 1, 3) }],
    ["1 promise and 2 votes of 3", { quorums: unchecked(1, 2, 3) }],
  ] as const)("breaks when %s", (_name, change) => {
    expect(() => explore({ ...duel, ...change })).toThrow(violated);
  });
});

describe("random orders, with crashes and slow disks", () => {
  const crashing: Rules = { members: 3, proposers: [1, 2, 3], starts: 4, crashes: 2 };

  it("holds, and decides often enough to mean something", () => {
    expect(walk(crashing, 1000)).toBeGreaterThan(100);
    const grid = quorumSystem(
      {
        kind: "grid",
        rows: [
          [1, 2],
          [3, 4],
        ],
      },
      [1, 2, 3, 4],
    );
    expect(walk({ ...crashing, members: 4, quorums: grid }, 500)).toBeGreaterThan(50);
  });

  it("breaks when messages leave before the write", () => {
    expect(() => walk({ ...crashing, bug: "sends before the write" }, 1000)).toThrow(violated);
  });
});
