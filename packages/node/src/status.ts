import type { LogDamage, Member, NodeId, Slot, SynodError } from "@synod/interface";
import type { MembershipStatus, Replica } from "@synod/multipaxos";
import type { ReplicatedMachine } from "@synod/rsm";
import { whyNotVoting } from "./damage.js";
import type { Driver } from "./driver.js";
import { addressBook, tolerance } from "./membership.js";
import { reasonOf } from "./sight.js";
import type { NodeMembership, NodePeerStatus, NodeStatus } from "./types.js";

export interface StatusParts {
  readonly id: NodeId;
  readonly clusterId: string;
  readonly storeId: string;
  /** Where members listen, as the options say. */
  readonly addresses: readonly Member[];
  readonly state: NodeStatus["state"];
  readonly failure: SynodError | null;
  readonly damage: LogDamage | undefined;
  readonly replica: Replica;
  readonly driver: Driver;
  readonly machine: Omit<ReplicatedMachine<never, unknown>, "query" | "watch">;
}

/** Of so many slots the bytes are counted one by one, at each look at the status. */
const LAG_SLOTS_MAX = 16_384;

type ReplicaView = ReturnType<Replica["status"]>;

/** What a node says of itself, put together from its parts. */
export function statusOf(parts: StatusParts): NodeStatus {
  const { id, state, driver, machine } = parts;
  const replica = driver.stopped ? stopped(parts.replica.status()) : parts.replica.status();
  const membership = parts.replica.membership();
  const { configuration } = membership.governing;
  const members = membershipOf(id, membership, replica);
  const quorumHeard = members.tolerates.now >= 0;
  const ended = parts.failure === null ? state : `${state}: ${parts.failure.message}`;
  return {
    id,
    clusterId: parts.clusterId,
    state,
    failure: parts.failure,
    role: replica.role,
    leader: replica.leader,
    ballot: replica.ballot,
    promised: replica.promised,
    configuration,
    membership: members,
    storeId: parts.storeId,
    reason: state === "running" ? reasonOf(replica, configuration, quorumHeard, members.removed !== null) : ended,
    verdict: replica.verdict,
    elections: { campaigns: driver.notices.campaigns, won: driver.notices.electionsWon },
    content: replica.content,
    impaired: replica.impaired,
    transferringTo: replica.transferringTo,
    voting: replica.voting,
    notVotingReason: whyNotVoting(parts.damage, replica),
    chosenUpTo: replica.chosenUpTo,
    durableUpTo: replica.durableUpTo,
    applied: machine.applied,
    commandsApplied: driver.commandsApplied,
    chainHash: machine.chainHash,
    leaseLeftMs: replica.leaseUntilMs === null ? null : Math.max(0, replica.leaseUntilMs - driver.seenMs),
    openSlots: replica.openSlots,
    openBytes: replica.openBytes,
    windowSlots: replica.windowSlots,
    queues: { ...driver.queues, disk: replica.undurable },
    readsWaiting: driver.reads.count,
    sessions: machine.sessionCount,
    loopLagMs: driver.loopLagMs,
    versions: {
      inForce: machine.versions,
      supports: machine.supports,
      heldBackBy: driver.upgrade.heldBackBy(replica.heard),
    },
    peers: addressBook(membership, parts.addresses)
      .filter((member) => member.id !== id && !membership.isGone(member.id))
      .map((member) => peerOf(member, parts, replica)),
    snapshot: driver.snapshots.status(driver.seenMs),
    storage: { writes: driver.writing.count, lastWriteMs: driver.writing.lastMs },
  };
}

/** The replica is as it was in its last turn; what it was to others is over. */
function stopped(replica: ReplicaView): ReplicaView {
  return {
    ...replica,
    role: "follower",
    leader: null,
    ballot: null,
    verdict: "wait",
    content: false,
    transferringTo: null,
    leaseUntilMs: null,
    heard: [],
    openSlots: 0,
    openBytes: 0,
    undurable: { count: 0, bytes: 0 },
  };
}

function peerOf({ id, address }: Member, parts: StatusParts, replica: ReplicaView): NodePeerStatus {
  const { driver } = parts;
  const peer = replica.peers.find((each) => each.id === id);
  return {
    id,
    ...(address === undefined ? {} : { address }),
    connected: !driver.stopped && driver.peers.isConnected(id),
    heard: replica.heard.includes(id),
    lagSlots: Math.max(0, replica.chosenUpTo - (peer?.chosenUpTo ?? 0)),
    lagBytes: parts.replica.lagBytes(id, LAG_SLOTS_MAX),
    sentBytes: peer?.sentBytes ?? 0,
    creditBytes: peer?.creditBytes ?? 0,
    withheldBytes: peer?.withheldBytes ?? 0,
    supports: driver.upgrade.supportsOf(id),
    refused: driver.refusalOf(id),
  };
}

function membershipOf(self: NodeId, membership: MembershipStatus, replica: ReplicaView): NodeMembership {
  const { last, complete, governing, reported, removed } = membership;
  const { configuration } = governing;
  const { chosenUpTo, heard } = replica;
  const now = tolerance(configuration, new Set(replica.voting ? [self, ...heard] : heard));
  const expected = tolerance(configuration, new Set(configuration.members.map(({ id }) => id)));
  const learners = last.configuration.members.filter(({ role = "voter" }) => role !== "voter" && role !== "witness");
  const lagOf = (id: NodeId): Slot | null => {
    const known = id === self ? chosenUpTo : reported(id);
    return known === null ? null : Math.max(0, chosenUpTo - known);
  };
  const failures = (n: number): string => (n === 1 ? "1 failure" : `${n} failures`);
  const text =
    now < 0 ? `no quorum in sight, ${failures(expected)} expected` : `tolerates ${failures(now)}, ${expected} expected`;
  return {
    epoch: last.epoch,
    change: complete ? null : { epoch: last.epoch, from: last.from },
    learners: learners.map(({ id }) => ({ id, lag: lagOf(id) })),
    tolerates: { now, expected, text },
    removed,
  };
}
