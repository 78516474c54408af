import { beginRun, extend, lastWorld, playScenario, PROTOCOLS, replay, type Run, SCENARIOS } from "@synod/lecture";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeAction, encodeAction } from "../src/model/action-code.js";
import { linkOf, readLink } from "../src/model/link.js";
import { clientsOf, freshValue, randomMove } from "../src/model/moves.js";
import { act, branchOf, moveTo, newTree, rowsIn, showBranch, tipsOf, treeOf, worldAt } from "../src/model/tree.js";

const scenario = (id: string) => {
  const found = SCENARIOS.find((one) => one.id === id);
  if (found === undefined) throw new Error(`There is no scenario ${id}.`);
  return found;
};

/** A run by chance. */
function wander(id: string, seed: number, steps: number, servers?: number): Run {
  const protocol = PROTOCOLS.find((one) => one.id === id);
  if (protocol === undefined) throw new Error(`There is no protocol ${id}.`);
  let run = beginRun(protocol, servers);
  for (let step = 0; step < steps; step++) {
    const action = randomMove(protocol, lastWorld(run), clientsOf(protocol, []), seed);
    if (action !== null) run = extend(run, action);
  }
  return run;
}

const IDS = PROTOCOLS.filter((protocol) => !protocol.id.startsWith("synod-")).map((protocol) => protocol.id);
const anyRun = fc
  .record({
    id: fc.constantFrom(...IDS),
    seed: fc.integer({ min: 1, max: 9_999 }),
    steps: fc.integer({ min: 0, max: 40 }),
  })
  .map(({ id, seed, steps }) => wander(id, seed, steps));

describe("links", () => {
  test.each(SCENARIOS.map((one) => [one.id, one] as const))(
    "of %s: the whole story needs no steps in its address",
    (id, one) => {
      const run = playScenario(one);
      expect(linkOf({ scenario: one, run, at: 0, seed: 1 })).toBe(`#/${id}`);
      const place = readLink(linkOf({ scenario: one, run, at: run.rows.length, seed: 1 }));
      expect(place).toMatchObject({ page: "lesson", at: run.rows.length, note: "" });
    },
  );

  test("any run by chance, of any protocol, comes back from its address", () => {
    fc.assert(
      fc.property(anyRun, fc.nat(40), (run, row) => {
        const at = Math.min(row, run.rows.length);
        const link = linkOf({ scenario: null, run, at, seed: 5 });
        const place = readLink(link);
        if (place.page !== "free") throw new Error(`${link} leads to ${place.page}`);
        expect(place.run.actions).toEqual(run.actions);
        expect(lastWorld(place.run)).toEqual(lastWorld(run));
        expect([place.at, place.seed, place.note]).toEqual([at, 5, ""]);
        expect(link).toMatch(/^#[\w\-./?=&]+$/);
      }),
      { numRuns: 150 },
    );
  });

  test("a future that leaves the story keeps what they share", () => {
    const one = scenario("promises-report");
    const run = replay(beginRun(one.protocol), [...playScenario(one).actions.slice(0, 4), { do: "crash", at: "S1" }]);
    const link = linkOf({ scenario: one, run, at: 5, seed: 1 });
    expect(link).toBe("#/promises-report?keep=4&then=x1&at=5&v=3");
    expect(readLink(link)).toMatchObject({ page: "lesson", at: 5, run: { actions: run.actions } });
  });

  test("sixty steps are short", () => {
    const run = wander("multi-paxos", 11, 60);
    expect(run.rows.length).toBeGreaterThan(50);
    expect(linkOf({ scenario: null, run, at: 0, seed: 1 }).length).toBeLessThan(280);
  });

  test.each([
    ["", "home"],
    ["#/", "home"],
    ["#/no-such-story", "home"],
    ["#/trace", "trace"],
    ["#/free/no-such-protocol", "free"],
    ["#/burgers?at=-3&n=99&keep=x&then=", "lesson"],
  ])("%s leads somewhere", (hash, page) => {
    expect(readLink(hash).page).toBe(page);
  });

  test("garbage is refused in words, and what came before it is kept", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[\w.-]{0,12}$/), (then) => {
        const place = readLink(`#/promises-report?keep=2&then=${then}&v=3`);
        if (place.page !== "lesson") throw new Error(place.page);
        expect(place.run.rows.length).toBeGreaterThanOrEqual(2);
      }),
    );
    expect(readLink("#/promises-report?keep=2&then=d7&v=3")).toMatchObject({
      note: expect.stringContaining("only to row 2") as string,
    });
  });

  test("each kind of action has a code of its own", () => {
    const world = lastWorld(playScenario(scenario("multi-paxos")));
    const actions = [
      { do: "ask", client: "C3", value: "no-op", to: "S7" },
      { do: "send", client: "C1", value: "m10", to: ["S1", "S2"] },
      { do: "timeout", at: "S1" },
      { do: "suspect", at: "S1", of: "S2" },
      { do: "crash", at: "S1" },
      { do: "restart", at: "S1", disk: "kept" },
      { do: "restart", at: "S1", disk: "lost" },
      {
        do: "cut",
        sides: [
          ["S1", "C1"],
          ["S2", "S3"],
        ],
      },
      { do: "heal" },
    ] as const;
    for (const action of actions) {
      const text = encodeAction(world, action);
      expect(decodeAction(world, `${text}h`)).toEqual({ action, length: text.length });
    }
  });
});

describe("the tree of futures", () => {
  const tree = treeOf(playScenario(scenario("promises-report")));

  test("acting in the past begins a branch, and both stay", () => {
    const forked = act(moveTo(tree, 3), { do: "heal" });
    expect([rowsIn(forked), forked.at, tipsOf(forked).length]).toEqual([4, 4, 2]);
    const [first = 0] = tipsOf(forked);
    const back = showBranch(forked, first);
    expect(branchOf(back).rows).toEqual(branchOf(tree).rows);
  });

  test("doing the same again finds the old branch, with its future", () => {
    const [first] = branchOf(tree).actions;
    if (first === undefined) throw new Error("It has a first step.");
    const again = act(moveTo(tree, 0), first);
    expect([again.moments.length, again.at, again.tip]).toEqual([tree.moments.length, 1, tree.tip]);
  });

  test("at any row the world is the one that a replay gives", () => {
    fc.assert(
      fc.property(anyRun, fc.nat(40), (run, row) => {
        const at = Math.min(row, run.rows.length);
        const seen = worldAt(moveTo(treeOf(run), at));
        expect(seen).toEqual(lastWorld(replay(beginRun(run.protocol), run.actions.slice(0, at))));
      }),
      { numRuns: 50 },
    );
  });

  test("an empty tree", () => {
    const empty = newTree(tree.protocol, 5);
    expect([rowsIn(empty), Object.keys(worldAt(empty).servers).length, tipsOf(empty)]).toEqual([0, 5, [0]]);
  });
});

describe("chance", () => {
  test("the same seed, the same run; another, another", () => {
    expect(wander("multi-paxos", 3, 30).actions).toEqual(wander("multi-paxos", 3, 30).actions);
    expect(wander("multi-paxos", 3, 30).actions).not.toEqual(wander("multi-paxos", 4, 30).actions);
  });

  test("every kind of accident comes up, and a majority stays up", () => {
    const kinds = new Set<string>();
    for (let seed = 1; seed <= 60; seed++) {
      const run = wander("multi-paxos", seed, 40);
      for (const { do: kind } of run.actions) kinds.add(kind);
      for (const { servers } of run.worlds)
        expect(Object.values(servers).filter((server) => server.up).length).toBeGreaterThan(1);
    }
    expect([...kinds].sort()).toEqual([
      "ask",
      "crash",
      "deliver",
      "duplicate",
      "lose",
      "restart",
      "suspect",
      "timeout",
    ]);
  });

  test("a command that nobody has asked for", () => {
    const world = lastWorld(playScenario(scenario("multi-paxos")));
    expect(Object.keys(world.asked)).not.toContain(freshValue(world, scenario("multi-paxos")));
  });
});
