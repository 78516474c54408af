import type { NodeId, QuorumSpec } from "@synod/interface";
import type { SeededRandom } from "./random.js";

export const idsUpTo = (nodes: number): NodeId[] => Array.from({ length: nodes }, (_, i) => i + 1);

/** Quorums of these voters that are no plain majorities: a grid where they fill one, weights, or sizes. */
export function drawQuorum(random: SeededRandom, voters: readonly NodeId[]): QuorumSpec {
  const nodes = voters.length;
  if ((nodes === 4 || nodes === 6) && random.chance(0.4)) {
    const width = nodes === 4 ? 2 : random.pick([2, 3]);
    const rows = Array.from({ length: nodes / width }, (_, row) => voters.slice(row * width, (row + 1) * width));
    return { kind: "grid", rows };
  }
  if (random.chance(0.3)) {
    const weights = voters.map((id) => [id, random.int(1, 3)] as const);
    const total = weights.reduce((sum, [, weight]) => sum + weight, 0);
    const phase2 = random.int(1, total);
    return { kind: "weights", weights, phase1: total + 1 - phase2, phase2 };
  }
  const phase2 = random.int(1, nodes);
  return { kind: "sizes", phase1: nodes + 1 - phase2, phase2 };
}
