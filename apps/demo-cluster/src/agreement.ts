import type { ReplicaView } from "./view.js";

/** `same`: another replica has executed exactly as much and has the same hash. `different` must never be seen. */
export type Agreement = "same" | "apart" | "different";

/** How the hash of a replica compares to the others'. Replicas at different slots have different hashes and say nothing. */
export function agreement(replica: ReplicaView, replicas: readonly ReplicaView[]): Agreement {
  const equals = replicas.filter(
    ({ id, applied, hash }) => id !== replica.id && applied === replica.applied && hash !== "",
  );
  if (equals.length === 0 || replica.hash === "") return "apart";
  return equals.every(({ hash }) => hash === replica.hash) ? "same" : "different";
}
