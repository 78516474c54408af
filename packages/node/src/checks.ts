import {
  type Configuration,
  type LeaseTerms,
  type NodeId,
  type QuorumSpec,
  type SessionId,
  type SessionTicket,
  SynodError,
  type Versions,
} from "@synod/interface";
import { entrySize } from "@synod/rsm";
import type { NodeLimits, NodeOptions } from "./types.js";
import { wireVersions } from "./versions.js";

/** Slots that may be open, unless the founders agree on another number. */
const ALPHA = 1024;
const LEASE_MS_MAX = 60_000;
const DRIFT_PERCENT_MAX = 50;

function invalid(text: string): SynodError {
  return new SynodError("InvalidArgument", text);
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

export function founders(options: Pick<NodeOptions<unknown, unknown, unknown>, "cluster">): Configuration {
  const { members, quorum, alpha, lease, learning, origin } = options.cluster;
  return {
    epoch: 1,
    members,
    alpha: alpha ?? ALPHA,
    quorum: quorum ?? { kind: "majority" },
    ...(lease === undefined ? {} : { lease: { durationMs: lease.durationMs, driftPercent: lease.driftPercent } }),
    ...(learning === undefined ? {} : { learning }),
    ...(origin === undefined ? {} : { origin }),
  };
}

/** A lease without a bound on the clocks, or longer than anybody can wait for, is none. */
function checkLease(lease: LeaseTerms | undefined): void {
  if (lease === undefined) return;
  const { durationMs, driftPercent } = lease;
  if (!Number.isSafeInteger(durationMs) || durationMs < 1 || durationMs > LEASE_MS_MAX) {
    throw invalid(`cluster.lease.durationMs must be whole milliseconds from 1 to ${LEASE_MS_MAX}`);
  }
  if (typeof driftPercent !== "number" || !(driftPercent >= 0 && driftPercent <= DRIFT_PERCENT_MAX)) {
    throw invalid(`cluster.lease.driftPercent must be a number from 0 to ${DRIFT_PERCENT_MAX}`);
  }
}

const leaseText = (lease: LeaseTerms | undefined): string =>
  lease === undefined ? "none" : `${lease.durationMs} ms, ${lease.driftPercent} %`;

/** Users of plain JavaScript forget to call a factory, or an option altogether. */
function checkPort(name: string, port: unknown, methods: readonly string[]): void {
  if (typeof port === "function")
    throw invalid(`${name} is a function: call it, as in ${name}: ${port.name || "factory"}()`);
  if (typeof port !== "object" || port === null) throw invalid(`${name} is missing`);
  for (const method of methods) {
    if (typeof (port as Record<string, unknown>)[method] !== "function")
      throw invalid(`${name} has no method ${method}`);
  }
}

/** Refuses settings that could only fail later and less clearly. */
export function checkOptions(
  options: Pick<NodeOptions<unknown, unknown, unknown>, "id" | "cluster" | "join" | "upgrade"> & {
    readonly [port in "codec" | "commandCodec" | "transport" | "storage" | "stateMachine"]: unknown;
  },
): void {
  const { id, cluster, upgrade } = options;
  checkPort("codec", options.codec, ["encode", "decode"]);
  checkPort("commandCodec", options.commandCodec, ["encode", "decode"]);
  checkPort("transport", options.transport, ["start", "send", "close"]);
  checkPort("storage", options.storage, ["open", "write", "close"]);
  checkPort("stateMachine", options.stateMachine, ["apply", "query", "snapshot", "restore"]);
  if (upgrade !== undefined && upgrade !== "automatic" && upgrade !== "manual")
    throw invalid(`upgrade must be "automatic" or "manual", not ${String(upgrade)}`);
  if (typeof id !== "number") throw invalid(`id must be a number, not a ${typeof id}`);
  if (typeof cluster !== "object" || !Array.isArray(cluster.members))
    throw invalid("cluster needs an id and a list of members");
  const idBytes = new TextEncoder().encode(cluster.id).length;
  if (idBytes < 1 || idBytes > 200) throw invalid("cluster.id must have 1 to 200 bytes");
  if (cluster.alpha !== undefined && (!Number.isSafeInteger(cluster.alpha) || cluster.alpha < 1)) {
    throw invalid(`cluster.alpha must be a positive integer, not ${cluster.alpha}`);
  }
  checkLease(cluster.lease);
  const { learning } = cluster;
  if (learning !== undefined && learning !== "allToAll" && learning !== "onAccept") {
    throw invalid(`cluster.learning must be "allToAll" or "onAccept", not ${String(learning)}`);
  }
  const { origin } = cluster;
  if (origin !== undefined && (typeof origin !== "string" || origin === "")) {
    throw invalid("cluster.origin must be the text that the restore printed");
  }
  const ids = cluster.members.map((member) => member.id);
  for (const member of ids) {
    if (!Number.isSafeInteger(member) || member < 1) throw invalid(`member id ${member} is not a positive integer`);
  }
  if (new Set(ids).size !== ids.length) throw invalid("two members have the same id");
  checkJoin(options, ids);
}

/** A founder and a node that joins must not be taken for each other: one of them would format a store that votes at once. */
function checkJoin({ id, join }: { readonly id: NodeId; readonly join?: unknown }, founders: readonly NodeId[]): void {
  if (join !== undefined && (typeof join !== "object" || join === null))
    throw invalid("join must be an object: join: {}");
  const isFounder = founders.includes(id);
  if (join === undefined && !isFounder) {
    throw invalid(`node ${id} is not among cluster.members, the founders: give join: { address } if it joins later`);
  }
  if (join !== undefined && isFounder) throw invalid(`node ${id} is a founder in cluster.members: leave join out`);
}

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

/** Refuses a codec that could not carry what this node may propose. */
export function checkCodec(
  options: Pick<NodeOptions<unknown, unknown, unknown>, "codec" | "id">,
  limits: NodeLimits,
  supports: Versions,
): void {
  const value = new Uint8Array(Math.max(limits.commandBytesMax, limits.batchBytesMax) + 1024);
  const ballot = { round: 1, node: options.id };
  const message = { kind: "accept", ballot, firstSlot: 1, values: [value], chosenUpTo: 0 } as const;
  try {
    const { codec, id } = options;
    const sender = { clusterId: "check", from: id, bootId: "check", epoch: 1, supports };
    for (const version of wireVersions(supports)) codec.decode(codec.encode({ version, ...sender, message }));
  } catch (cause) {
    if (cause instanceof SynodError && cause.code === "VersionUnsupported") {
      throw new SynodError("InvalidArgument", "the codec is of another release than @synod/node: install both alike", {
        cause,
      });
    }
    throw new SynodError(
      "InvalidArgument",
      "the codec cannot carry limits.commandBytesMax: raise its limit or lower this one",
      { cause },
    );
  }
}

/** NaN would never come, and be waited for. */
export function checkTimeoutMs(timeoutMs: number): void {
  if (Number.isFinite(timeoutMs) && timeoutMs > 0) return;
  throw new SynodError("InvalidArgument", `timeoutMs must be a positive number, not ${String(timeoutMs)}`);
}

/** A ticket comes from outside: a bad one is its caller's error, never the node's. */
export function checkTicket(ticket: SessionTicket, body: Uint8Array): void {
  try {
    entrySize({ kind: "command", ticket, body });
  } catch (cause) {
    throw new SynodError("InvalidArgument", "the session ticket is malformed: use one from session.ticket()", {
      cause,
    });
  }
}

export function checkSession(session: SessionId): void {
  try {
    entrySize({ kind: "close", session });
  } catch (cause) {
    throw new SynodError("InvalidArgument", "the session id is malformed: use the id of a session that was opened", {
      cause,
    });
  }
}
