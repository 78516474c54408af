import type { NodeId } from "@synod/interface";
import {
  connectedToQuorum,
  type Links,
  linksOf,
  runTopology,
  undirected,
} from "../../../../packages/simulator/test/core/topology.js";
import { SeededRandom } from "../../../../packages/simulator/src/random.js";

/** `star`: only the hub hears a quorum. `chain`: each hears its neighbours. `any`: drawn, one way or both ways. */
export type LinksLeft = "star" | "chain" | "any";

interface Cut {
  readonly nodes: number;
  readonly links: Links;
  /** Who leads when the links are cut; whoever it is if left out. */
  readonly ledBy?: NodeId;
  /** Who has to lead in the end. */
  readonly leader?: NodeId;
  readonly changesMax?: number;
}

const STAR: Cut = { nodes: 5, links: undirected([1, 2], [1, 3], [1, 4], [1, 5]), ledBy: 3, leader: 1 };
const SHORT_CHAIN = undirected([1, 2], [2, 3]);
const LONG_CHAIN = undirected([1, 2], [2, 3], [3, 4], [4, 5]);
const CHAINS: readonly Cut[] = [
  { nodes: 3, links: SHORT_CHAIN, ledBy: 1, changesMax: 1 },
  { nodes: 3, links: SHORT_CHAIN, ledBy: 2, changesMax: 0 },
  { nodes: 5, links: LONG_CHAIN, ledBy: 1, changesMax: 2 },
  { nodes: 5, links: LONG_CHAIN, ledBy: 3, changesMax: 0 },
];

const SETTLED_WITHIN_TIMEOUTS = 4;
const PROGRESS_MIN = 50;

function cutOf(left: LinksLeft, run: number): Cut {
  if (left === "star") return STAR;
  if (left === "chain") return CHAINS[run % CHAINS.length] ?? STAR;
  const random = new SeededRandom(run);
  const directed = random.chance(0.7);
  for (;;) {
    const links = linksOf(5, random.int(0, 2 ** (directed ? 20 : 10) - 1), directed);
    if (connectedToQuorum(5, links).length > 0) return { nodes: 5, links };
  }
}

/** A healthy cluster loses all but some links: what it then fails to do, or null. */
export function brokenTopology(left: LinksLeft, run: number): string | null {
  const { nodes, links, ledBy, leader, changesMax = Infinity } = cutOf(left, run);
  const options = { timeouts: 14, ...(ledBy === undefined ? {} : { ledBy }) };
  let [seed, result] = [run * 1000, runTopology(nodes, links, run * 1000, options)];
  while (result === null) result = runTopology(nodes, links, ++seed, options);
  const { settledAfter, progress, changes } = result;
  const where = `among ${nodes} nodes with the links ${[...links].join(" ")}`;
  if (settledAfter >= SETTLED_WITHIN_TIMEOUTS) return `not settled after ${settledAfter.toFixed(1)} timeouts ${where}`;
  if (progress <= PROGRESS_MIN) return `${progress} slots in eight timeouts ${where}`;
  if (leader !== undefined && result.leader !== leader) return `node ${result.leader} leads, not ${leader}, ${where}`;
  return changes > changesMax ? `${changes} changes of leader, not ${changesMax}, ${where}` : null;
}
