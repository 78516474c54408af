import type { QuorumSystem } from "@synod/paxos";
import type { NodeId } from "@synod/interface";

/**
 * A phase-2 quorum with this leader in it, of those that come first; nobody in it could be left out. Null: these are no quorum.
 * @param candidates other members, the best first
 */
export function thriftyQuorum(
  quorums: QuorumSystem,
  me: NodeId,
  candidates: readonly NodeId[],
): ReadonlySet<NodeId> | null {
  const chosen = new Set([me]);
  for (const id of candidates) {
    if (quorums.phase2(chosen)) break;
    chosen.add(id);
  }
  if (!quorums.phase2(chosen)) return null;
  // Of a grid or of weights some may have come before those that made the quorum, and not be needed.
  for (const id of [...candidates].reverse()) {
    if (chosen.delete(id) && !quorums.phase2(chosen)) chosen.add(id);
  }
  return chosen;
}
