import type { NodeId } from "@synod/interface";
import { Cluster } from "./cluster.js";
import { configurationOf } from "./simulate.js";

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
  options: { ledBy?: NodeId; lossRate?: number; timeouts?: number; trace?: (line: string) => void } = {},
): TopologyResult | null {
  const { timeouts = 20 } = options;
  const cluster = new Cluster({
    seed,
    configuration: configurationOf(nodes, 8),
    settings: { electionTimeoutMs: TIMEOUT_MS },
    delayMs: [1, 4],
    diskMs: [0, 2],
    lossRate: options.lossRate ?? 0,
    ...(options.trace === undefined ? {} : { trace: options.trace }),
  });
  const load = (): void => {
    for (const id of cluster.ids) cluster.propose(id, 1);
    cluster.at(cluster.now + 7, load);
  };
  load();
  cluster.run(6 * TIMEOUT_MS);
  const before = cluster.elections.length;
  if (options.ledBy !== undefined && cluster.elections.at(-1)?.node !== options.ledBy) return null;
  const start = cluster.now;
  for (const a of cluster.ids) for (const b of cluster.ids) if (a !== b && !links.has(`${a}>${b}`)) cluster.cut(a, b);
  cluster.run(start + (timeouts - 8) * TIMEOUT_MS);
  const { prefix } = cluster.oracle;
  cluster.run(start + timeouts * TIMEOUT_MS);
  const after = cluster.elections.slice(before);
  const leader = cluster.ids.filter((id) => {
    const { role, content } = cluster.replica(id).status();
    return role === "leader" && content;
  });
  return {
    settledAfter: ((after.at(-1)?.atMs ?? start) - start) / TIMEOUT_MS,
    changes: after.length,
    leader: leader.length === 1 ? (leader[0] ?? null) : null,
    progress: cluster.oracle.prefix - prefix,
  };
}
