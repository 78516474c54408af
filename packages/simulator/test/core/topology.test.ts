import { describe, expect, test } from "vitest";
import { SeededRandom } from "../../src/random.js";
import { graphLinks, graphs } from "./graphs.js";
import { connectedToQuorum, type Links, linksOf, runTopology, type TopologyResult, undirected } from "./topology.js";

/** Six runs in which this node led when the links were cut. */
function runsLedBy(ledBy: number, nodes: number, links: Links): TopologyResult[] {
  const runs: TopologyResult[] = [];
  for (let seed = 1; runs.length < 6; seed++) {
    const result = runTopology(nodes, links, seed, { ledBy });
    if (result !== null) runs.push(result);
  }
  return runs;
}

test("quorum-loss star: the hub leads within four timeouts", () => {
  for (const result of runsLedBy(3, 5, undirected([1, 2], [1, 3], [1, 4], [1, 5]))) {
    expect(result.settledAfter).toBeLessThan(4);
    expect(result.leader).toBe(1);
    expect(result.progress).toBeGreaterThan(50);
  }
});

test.each([
  ["3-node chain, an end led", 3, undirected([1, 2], [2, 3]), 1, 1],
  ["3-node chain, the middle led", 3, undirected([1, 2], [2, 3]), 2, 0],
  ["5-node chain, an end led", 5, undirected([1, 2], [2, 3], [3, 4], [4, 5]), 1, 2],
  ["5-node chain, the middle led", 5, undirected([1, 2], [2, 3], [3, 4], [4, 5]), 3, 0],
] as const)("%s: few changes of leader", (_what, nodes, links, leader, changes) => {
  for (const result of runsLedBy(leader, nodes, links)) {
    expect(result.changes).toBeLessThanOrEqual(changes);
    expect(result.settledAfter).toBeLessThan(4);
    expect(result.progress).toBeGreaterThan(50);
  }
});

describe("every node that can talk to a quorum is enough", () => {
  const expectSettled = (nodes: number, links: Links, seed: number): void => {
    if (connectedToQuorum(nodes, links).length === 0) return;
    const result = runTopology(nodes, links, seed, { timeouts: 14 });
    expect(result?.settledAfter, `seed ${seed}: ${[...links].join(" ")}`).toBeLessThan(4);
    expect(result?.progress).toBeGreaterThan(50);
  };

  test("all undirected links of four nodes", () => {
    for (let mask = 0; mask < 2 ** 6; mask++) expectSettled(4, linksOf(4, mask, false), mask);
  });

  test("there are as many graphs as is known", () => {
    expect([graphs(4, false).length, graphs(5, false).length, graphs(4, true).length]).toEqual([11, 34, 218]);
  });

  test("all links of four nodes, one way and both ways, and all of five nodes both ways, up to renaming", () => {
    for (const { mask, links } of graphLinks(4, true)) expectSettled(4, links, mask);
    for (const { mask, links } of graphLinks(5, false)) expectSettled(5, links, mask + 7);
  });

  // Minutes: 9,608 graphs.
  test.runIf(process.env["SYNOD_ALL_TOPOLOGIES"] === "1")(
    "all links of five nodes, one way and both ways, up to renaming",
    {
      timeout: 3_600_000,
    },
    () => {
      for (const { mask, links } of graphLinks(5, true)) expectSettled(5, links, mask);
    },
  );

  test("random links of five nodes, one way and both ways", () => {
    const random = new SeededRandom(5);
    for (let i = 0; i < 40; i++) expectSettled(5, linksOf(5, random.int(0, 2 ** 20 - 1), true), i);
    for (let i = 0; i < 20; i++) expectSettled(5, linksOf(5, random.int(0, 2 ** 10 - 1), false), i);
  });

  // A node that is heard but does not hear reported a chosen slot; the leader waited for it for ever.
  test.each([
    [412495, 1],
    [412961, 5],
    [797154, 6],
  ])("links %i, seed %i", (mask, seed) => {
    expectSettled(5, linksOf(5, mask, true), seed);
  });
});
