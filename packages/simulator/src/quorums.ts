import type { NodeId, QuorumSpec } from "@synod/interface";

/** Whether these nodes are a quorum of the phase. Written anew for the checks: they must not trust what they check. */
export function isQuorum(
  spec: QuorumSpec,
  members: number,
  phase: "phase1" | "phase2",
  ids: ReadonlySet<NodeId>,
): boolean {
  switch (spec.kind) {
    case "majority":
      return ids.size * 2 > members;
    case "sizes":
      return ids.size >= spec[phase];
    case "weights":
      return spec.weights.reduce((sum, [id, weight]) => sum + (ids.has(id) ? weight : 0), 0) >= spec[phase];
    case "grid": {
      if (phase === "phase1") return spec.rows.some((row) => row.every((id) => ids.has(id)));
      return (spec.rows[0] ?? []).some((_, column) => spec.rows.every((row) => ids.has(row[column] ?? 0)));
    }
  }
}
