import { type Configuration, type LeaseTerms, type NodeId, type QuorumSpec, SynodError } from "@synod/interface";
import type { NodeOptions } from "./types.js";

/** Slots that may be open, unless the founders agree on another number. */
const ALPHA = 1024;

export function founders(options: Pick<NodeOptions<unknown, unknown, unknown>, "cluster">): Configuration {
  const { members, quorum, alpha, lease, learning, origin } = options.cluster;
  return {
    epoch: 1,
    members,
    // From JavaScript null may come, which is not nothing: it is refused before a store is formatted.
    alpha: alpha === undefined ? ALPHA : alpha,
    quorum: quorum === undefined ? { kind: "majority" } : quorum,
    ...(lease === undefined ? {} : { lease: { durationMs: lease.durationMs, driftPercent: lease.driftPercent } }),
    ...(learning === undefined ? {} : { learning }),
    ...(origin === undefined ? {} : { origin }),
  };
}

/** The same text for the same quorums, in whatever order they are written down. */
function quorumText(quorum: QuorumSpec): string {
  switch (quorum.kind) {
    case "majority":
      return JSON.stringify({ kind: quorum.kind });
    case "sizes":
      return JSON.stringify({ kind: quorum.kind, phase1: quorum.phase1, phase2: quorum.phase2 });
    case "weights": {
      const weights = [...quorum.weights].sort(([a], [b]) => a - b);
      return JSON.stringify({ kind: quorum.kind, weights, phase1: quorum.phase1, phase2: quorum.phase2 });
    }
    case "grid":
      return JSON.stringify({ kind: quorum.kind, rows: quorum.rows });
  }
}

const leaseText = (lease: LeaseTerms | undefined): string =>
  lease === undefined ? "none" : `${lease.durationMs} ms, ${lease.driftPercent} %`;

/** Who the founders are, and what each is: who counts as a voter decides which sets are quorums. */
const foundersOf = (configuration: Configuration): (NodeId | string)[] =>
  [...configuration.members]
    .sort((a, b) => a.id - b.id)
    .map(({ id, role = "voter" }) => (role === "voter" ? id : `${id} (${role})`));

/** The stored configuration decides who votes and how; the options only say where the members are now. */
export function checkMembers(
  stored: Configuration,
  options: Pick<NodeOptions<unknown, unknown, unknown>, "cluster">,
): void {
  const { quorum, alpha, lease, learning, origin } = options.cluster;
  const [kept, given] = [foundersOf(stored).join(", "), foundersOf(founders(options)).join(", ")];
  const refuse = (what: string): never => {
    throw new SynodError("InvalidConfiguration", `${what}: a formatted store is not changed by options`);
  };
  if (kept !== given) refuse(`the store was formatted for members ${kept}, but cluster.members lists ${given}`);
  if (alpha !== undefined && alpha !== stored.alpha)
    refuse(`the store was formatted with alpha ${stored.alpha}, not ${alpha}`);
  if (quorum !== undefined && quorumText(quorum) !== quorumText(stored.quorum)) {
    refuse(`the store was formatted with quorum ${quorumText(stored.quorum)}, not ${quorumText(quorum)}`);
  }
  if (lease !== undefined && leaseText(lease) !== leaseText(stored.lease)) {
    refuse(`the store was formatted with leases of ${leaseText(stored.lease)}, not of ${leaseText(lease)}`);
  }
  if (learning !== undefined && learning !== stored.learning) {
    refuse(`the store was formatted with learning ${stored.learning ?? "from the leader"}, not ${learning}`);
  }
  if (origin !== undefined && origin !== stored.origin) {
    refuse(
      `the store was formatted ${stored.origin === undefined ? "blank" : `from ${stored.origin}`}, not from ${origin}`,
    );
  }
}

/**
 * The name under which nodes of this cluster know each other on the wire: with it travels what the founders must agree on. Two nodes that
 * were formatted with different members, quorums, windows, leases, ways of learning or first states could choose two values for one slot, so they must never talk.
 */
export function wireName(clusterId: string, stored: Configuration): string {
  // Nothing is added where there are none: such clusters know each other as they always did.
  const leases = stored.lease === undefined ? [] : [leaseText(stored.lease)];
  const learning = stored.learning === undefined ? [] : [stored.learning];
  const origin = stored.origin === undefined ? [] : [`from ${stored.origin}`];
  const parts = [foundersOf(stored), quorumText(stored.quorum), stored.alpha, ...leases, ...learning, ...origin];
  const agreed = JSON.stringify(parts);
  let hash = 0x811c9dc5; // FNV-1a
  for (const byte of new TextEncoder().encode(agreed)) hash = Math.imul(hash ^ byte, 0x01000193);
  return `${clusterId}#${(hash >>> 0).toString(16).padStart(8, "0")}`;
}

/** The cluster's own id in a name on the wire. */
export function plainName(wireName: string): string {
  const end = wireName.lastIndexOf("#");
  return end < 0 ? wireName : wireName.slice(0, end);
}
