import type { NodeId } from "@synod/interface";
import { CoreCluster } from "../../src/core/cluster.js";
import { configurationOf } from "../../src/core/config.js";
import { SeededRandom } from "../../src/random.js";

const TIMEOUT_MS = 100;

/** Directed links that stay when the rest is cut. */
export type Links = ReadonlySet<string>;

export function undirected(...pairs: readonly (readonly [NodeId, NodeId])[]): Links {
  return new Set(pairs.flatMap(([a, b]) => [`${a}>${b}`, `${b}>${a}`]));
}

/** Links number `mask` of all pairs (undirected) or of all ordered pairs (directed). */
export function linksOf(nodes: number, mask: number, directed: boolean): Links {
  const links = new Set<string>();
  let bit = 0;
  for (let a = 1; a <= nodes; a++) {
    for (let b = directed ? 1 : a + 1; b <= nodes; b++) {
      if (a === b) continue;
      const set = Math.floor(mask / 2 ** bit++) % 2 === 1;
      if (!set) continue;
      links.add(`${a}>${b}`);
      if (!directed) links.add(`${b}>${a}`);
    }
  }
  return links;
}

/** Nodes that can talk both ways to a majority, themselves included. */
export function connectedToQuorum(nodes: number, links: Links): NodeId[] {
  const ids = Array.from({ length: nodes }, (_, i) => i + 1);
  return ids.filter((a) => {
    const peers = ids.filter((b) => a === b || (links.has(`${a}>${b}`) && links.has(`${b}>${a}`)));
    return peers.length > nodes / 2;
  });
}

export interface TopologyResult {
  /** From the cut until the last change of leader, in election timeouts. */
  readonly settledAfter: number;
  /** Elections after the cut. */
  readonly changes: number;
  readonly leader: NodeId | null;
  /** Slots chosen in the last eight timeouts. */
  readonly progress: number;
}

/** A healthy cluster under load loses all links but these. Null if the node in `ledBy` does not lead when it does. */
export function runTopology(
  nodes: number,
  links: Links,
  seed: number,
  options: { ledBy?: NodeId; timeouts?: number } = {},
): TopologyResult | null {
  const { timeouts = 20 } = options;
  const elections: { readonly atMs: number; readonly node: NodeId }[] = [];
  const cluster = new CoreCluster({
    random: new SeededRandom(seed),
    configuration: configurationOf(nodes, 8),
    settings: { electionTimeoutMs: TIMEOUT_MS },
    network: { delayMs: [1, 4], tail: 0, loss: 0, duplication: 0, replay: 0 },
    diskMs: [0, 2],
    applyMs: 2,
    drift: 0,
    echo: 0,
    freeze: true,
    valueBytesMax: 5,
    trace: (event) => {
      if (event.kind === "node" && event.text === "elected") elections.push({ atMs: event.atMs, node: event.node });
    },
  });
  const { world, oracle } = cluster;
  for (const node of cluster.nodes) node.boot();
  const load = (): void => {
    for (const id of cluster.ids) cluster.propose(id, 1);
    world.after(7, load);
  };
  load();
  world.run(6 * TIMEOUT_MS);
  const before = elections.length;
  if (options.ledBy !== undefined && elections.at(-1)?.node !== options.ledBy) return null;
  const start = world.nowMs;
  for (const a of cluster.ids) {
    for (const b of cluster.ids) if (a !== b && !links.has(`${a}>${b}`)) cluster.network.cut(a, b);
  }
  world.run(start + (timeouts - 8) * TIMEOUT_MS);
  const { prefix } = oracle;
  world.run(start + timeouts * TIMEOUT_MS);
  const after = elections.slice(before);
  const leaders = cluster.nodes.filter((node) => node.leads && node.status()?.content === true);
  return {
    settledAfter: ((after.at(-1)?.atMs ?? start) - start) / TIMEOUT_MS,
    changes: after.length,
    leader: leaders.length === 1 ? (leaders[0]?.id ?? null) : null,
    progress: oracle.prefix - prefix,
  };
}
