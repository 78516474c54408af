import { SynodError } from "@synod/interface";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createSearch, diagram, explore, find, type Model, startingAt } from "../src/index.js";

/** Counts up or doubles; a wrong turn at `bad`. */
const numbers = (max: number, bad: number = -1): Model<number, "+1" | "*2"> => ({
  processes: ["counter"],
  initial: () => [1],
  actions: () => ["+1", "*2"],
  next: (n, action) => (action === "+1" ? n + 1 : n * 2),
  key: (n) => [n],
  within: (n) => n <= max,
  check: (n) => (n === bad ? "not bad" : null),
  describe: (action, _, after) => ({ at: 0, text: `${action} = ${after}` }),
});

/** A graph as lists of neighbours. */
const graph = (edges: readonly (readonly number[])[], bad: readonly number[]): Model<number, number> => ({
  processes: ["node"],
  initial: () => [0],
  actions: (node) => edges[node] ?? [],
  next: (_, to) => to,
  key: String,
  check: (node) => (bad.includes(node) ? "bad" : null),
  describe: (to) => ({ at: 0, text: `to ${to}` }),
});

/** Distances by a method that shares nothing with the search: relax every edge until nothing gets shorter. */
function distances(edges: readonly (readonly number[])[]): number[] {
  const best = edges.map((_, node) => (node === 0 ? 0 : Infinity));
  for (const _ of edges) {
    for (const [node, next] of edges.entries()) {
      for (const to of next) best[to] = Math.min(best[to] ?? Infinity, (best[node] ?? Infinity) + 1);
    }
  }
  return best;
}

describe("the search", () => {
  it("visits every state once and counts every step", () => {
    expect(explore(numbers(10))).toMatchObject({ verdict: "holds", states: 10, generated: 15, depth: 5, open: 0 });
  });

  it("finds the shortest way to a violation, and shows it", () => {
    const model = numbers(100, 10);
    const { verdict, violation, path, depth } = explore(model);
    expect([verdict, violation, depth]).toEqual(["violated", "not bad", 5]);
    expect(path?.states).toEqual([1, 2, 4, 5, 10]);
    expect(path === null ? [] : diagram(model, path)).toEqual([
      "   counter",
      "1  *         +1 = 2",
      "2  *         *2 = 4",
      "3  *         +1 = 5",
      "4  *         *2 = 10",
    ]);
  });

  it("agrees with another method on random graphs", () => {
    const graphs = fc
      .integer({ min: 1, max: 12 })
      .chain((size) =>
        fc.tuple(
          fc.array(fc.array(fc.nat(size - 1), { maxLength: 3 }), { minLength: size, maxLength: size }),
          fc.array(fc.nat(size - 1), { maxLength: 2 }),
        ),
      );
    fc.assert(
      fc.property(graphs, ([edges, bad]) => {
        const best = distances(edges);
        const reachable = best.filter((distance) => distance < Infinity);
        const nearest = Math.min(Infinity, ...bad.map((node) => best[node] ?? Infinity));
        const { verdict, states, depth, path } = explore(graph(edges, bad));
        if (nearest < Infinity) {
          expect([verdict, path?.actions.length]).toEqual(["violated", nearest]);
        } else expect([verdict, states, depth]).toEqual(["holds", reachable.length, Math.max(...reachable) + 1]);
      }),
    );
  });

  it("gives the same report in slices as in one go", () => {
    const search = createSearch(numbers(500));
    let slices = 0;
    while (search.run(7).verdict === "unfinished") slices++;
    expect(slices).toBeGreaterThan(50);
    expect(search.run()).toEqual(explore(numbers(500)));
  });

  it("gives up at its limit, and says so", () => {
    expect(explore(numbers(1000), { statesMax: 20 })).toMatchObject({ verdict: "unfinished" });
    expect(() => createSearch(numbers(3), { statesMax: 0 })).toThrow(/statesMax must be an integer from 1/);
  });

  it("finds goals, also from where another search ended", () => {
    const goal = find(numbers(100), (n) => n === 9);
    expect([goal.verdict, goal.path?.states]).toEqual(["found", [1, 2, 4, 8, 9]]);
    expect(find(startingAt(numbers(100), [9, 48]), (n) => n === 96).path?.states).toEqual([48, 96]);
    expect(find(numbers(8), (n) => n === 9).verdict).toBe("holds");
  });

  it("keeps one of several states that are alike, and still shows a real way", () => {
    const pair: Model<readonly [number, number], number> = {
      processes: ["left", "right"],
      initial: () => [[0, 0]],
      actions: () => [0, 1],
      next: ([a, b], side) => (side === 0 ? [a + 1, b] : [a, b + 1]),
      key: (state) => state,
      within: (state) => state.every((n) => n <= 4),
      alike: ([a, b]) => [[b, a]],
      check: ([a, b]) => (a + b === 7 && a > b ? "seven" : null),
      describe: (side) => ({ at: side, text: "up" }),
    };
    expect(explore({ ...pair, check: () => null }).states).toBe(15);
    const { states, path } = explore(pair);
    expect(states).toBeLessThanOrEqual(15);
    expect(path?.states.at(-1)).toEqual([4, 3]);
  });

  it("checks every step, not only the first one to a state", () => {
    const back = {
      ...graph([[1], [2], [1]], []),
      check: (n: number, before: number | null) => (before === 2 && n === 1 ? "back" : null),
    };
    expect(explore(back)).toMatchObject({ verdict: "violated", violation: "back", depth: 4 });
  });

  it("tells many keys apart", () => {
    expect(
      explore({ ...numbers(0, 1), actions: () => [], initial: () => Array.from({ length: 100_000 }, (_, n) => -n) })
        .states,
    ).toBe(100_000);
    const text: Model<string, string> = {
      processes: [],
      initial: () => ["", "a", "b", "ab", "ba", "aab", "aba", "baa", "\u0000", "\u0000\u0000"],
      actions: () => [],
      next: () => null,
      key: (state) => state,
      describe: () => ({ at: 0, text: "" }),
    };
    expect(explore(text).states).toBe(10);
  });

  it("refuses a key that is none", () => {
    expect(() => createSearch({ ...numbers(9), key: () => [0.5] })).toThrow(/32-bit integers, not 0.5/);
  });

  it.each([
    [7, "7"],
    [undefined, "undefined"],
    [null, "null"],
    [{ n: 1 }, "an object"],
    [new Uint8Array(3), "an object"],
  ])("refuses the key %j, which would merge states", (key, text) => {
    const run = () => explore({ ...numbers(9), key: () => key as never });
    expect(run).toThrow(`key(state) must return text, or an Int32Array or array of 32-bit integers, not ${text}.`);
    expect(run).toThrow(SynodError);
  });

  it("takes an Int32Array as a key", () => {
    expect(explore({ ...numbers(10), key: (n) => Int32Array.of(n) })).toEqual(explore(numbers(10)));
  });
});

describe("a model that mutates what it was given", () => {
  type Box = { n: number };
  const boxes: Model<Box, "up"> = {
    initial: () => [{ n: 0 }],
    actions: () => ["up"],
    next: ({ n }) => (n < 5 ? { n: n + 1 } : null),
    key: ({ n }) => String(n),
    check: () => null,
  };
  const spoilt = (box: Box | null): void => {
    if (box?.n === 3) box.n = 9;
  };

  it.each<[string, Partial<Model<Box, "up">>]>([
    ["actions", { actions: (box) => (spoilt(box), ["up"]) }],
    ["next", { next: (box) => ((box.n += box.n < 5 ? 1 : 0), box) }],
    ["next", { next: (box) => (spoilt(box), box.n < 5 ? { n: box.n + 1 } : null) }],
    ["check", { check: (box) => (spoilt(box), null) }],
    ["check", { check: (_, before) => (spoilt(before), null) }],
  ])("in %s is told", (name, part) => {
    expect(explore(boxes).verdict).toBe("holds");
    expect(() => explore({ ...boxes, ...part })).toThrow(`${name} changed the state it was given. Never mutate`);
    expect(() => explore({ ...boxes, ...part })).toThrow(SynodError);
  });

  it("or forgets to return it is told", () => {
    expect(() => explore({ ...boxes, next: () => undefined as never })).toThrow(
      /next\(state, action\) must return a state/,
    );
  });

  it("needs processes and describe for a diagram alone", () => {
    const { path } = find(boxes, ({ n }) => n === 2);
    if (path === null) throw new Error("not found");
    expect(find(startingAt(boxes, [{ n: 4 }]), ({ n }) => n === 5).verdict).toBe("found");
    expect(() => diagram(boxes, path)).toThrow("A diagram needs processes (the names of the columns) in the model.");
    expect(() => diagram({ ...boxes, processes: ["box"] }, path)).toThrow(/^A diagram needs describe\(action, before/);
    expect(diagram({ ...boxes, processes: ["box"], describe: () => ({ at: 0, text: "up" }) }, path)).toHaveLength(3);
  });
});
