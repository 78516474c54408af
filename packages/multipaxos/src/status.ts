import type { Ballot, NodeId, Slot } from "@synod/interface";
import type { Governing } from "./configuration-history.js";
import type { Core } from "./core.js";
import { isContent, judge, type Verdict } from "./election.js";
import { electionView } from "./election-view.js";
import type { Impairment } from "./health.js";
import { leaseUntilMs } from "./lease-handlers.js";
import type { SnapshotFacts } from "./messages.js";
import type { ProposerPhase } from "./proposer.js";

/** What a replica says of itself. */
export interface ReplicaStatus {
  readonly nodeId: NodeId;
  readonly role: "leader" | "candidate" | "follower";
  readonly phase: ProposerPhase;
  /** Ballot of the own candidacy or leadership, else of the leader that is followed. */
  readonly ballot: Ballot | null;
  readonly promised: Ballot | null;
  readonly leader: NodeId | null;
  readonly content: boolean;
  /** False while this replica only learns, since its log was damaged. */
  readonly voting: boolean;
  readonly chosenUpTo: Slot;
  readonly durableUpTo: Slot;
  readonly applied: Slot;
  /** When the lease of this leader ends, on the clock of `tick`; null if it has none. */
  readonly leaseUntilMs: number | null;
  /** Votes and values up to here are forgotten: the flushed snapshot has them. */
  readonly compactedUpTo: Slot;
  /** The flushed snapshot that peers are offered. */
  readonly snapshot: SnapshotFacts | null;
  /** The snapshot that is being fetched from a peer. */
  readonly receiving: {
    readonly snapshot: SnapshotFacts;
    readonly received: number;
    readonly from: NodeId | null;
  } | null;
  readonly openSlots: number;
  readonly openBytes: number;
  /** Votes and chosen values that are not on the own disk yet. A leader proposes nothing while they hold `inFlightBytesMax`. */
  readonly undurable: { readonly count: number; readonly bytes: number };
  /** Values that may be open at most, in slots. */
  readonly windowSlots: number;
  /** What the election rule says now. */
  readonly verdict: Verdict;
  /** Peers that answered within the last election timeout. */
  readonly heard: readonly NodeId[];
  readonly peers: readonly ReplicaPeerStatus[];
  /** What keeps this node from leading well, now. */
  readonly impaired: Impairment | null;
  /** Whom the leadership is being handed over to. */
  readonly transferringTo: NodeId | null;
}

/** What is known of a peer. The bytes are those of a leader: 0 elsewhere. */
export interface ReplicaPeerStatus {
  readonly id: NodeId;
  /** Chosen prefix that it reported last. */
  readonly chosenUpTo: Slot;
  /** Values sent to it that it has not answered. */
  readonly sentBytes: number;
  /** Values that may be sent to it before it answers. */
  readonly creditBytes: number;
  /** Values that were not sent to it at once, for lack of credit, in this leadership. */
  readonly withheldBytes: number;
}

/** Who takes part, as this replica knows it. */
export interface MembershipStatus {
  /** Decides on the next slot. */
  readonly governing: Governing;
  /** The newest, which may govern from a later slot on. */
  readonly last: Governing;
  readonly previous: Governing | null;
  /** Those before the newest whose members may still be needed. */
  readonly unfinished: readonly Governing[];
  /** Whether the slots below the newest change are known to be settled: the next may start. */
  readonly settled: boolean;
  /** Whether it is known that nobody needs the disks of those that the newest change, or one before it, removed. */
  readonly complete: boolean;
  /** Whether an id was removed, and nobody needs its disk any more. */
  readonly isGone: (id: NodeId) => boolean;
  /** This node is out; null while it is not. */
  readonly removed: { readonly epoch: number; readonly mayStop: boolean } | null;
  /** What a peer last said of its chosen prefix, or null. */
  readonly reported: (id: NodeId) => Slot | null;
}

export function statusOf(core: Core): ReplicaStatus {
  const { phase } = core.proposer;
  const view = electionView(core);
  return {
    nodeId: core.me,
    role: phase === "lead" ? "leader" : phase === "prepare" ? "candidate" : "follower",
    phase,
    ballot: core.proposer.ballot ?? core.leaderBallot,
    promised: core.acceptor.promised,
    leader: core.leader,
    content: isContent(view),
    verdict: judge(view),
    voting: core.voting,
    chosenUpTo: core.log.chosenUpTo,
    durableUpTo: core.writes.durableUpTo,
    applied: core.applied,
    leaseUntilMs: leaseUntilMs(core),
    compactedUpTo: core.log.compactedUpTo,
    snapshot: core.held,
    receiving: core.snapshotFetch.progress,
    openSlots: core.proposer.open.size,
    openBytes: core.proposer.open.bytes,
    undurable: { count: core.writes.count, bytes: core.writes.bytes },
    windowSlots: core.configuration.alpha,
    heard: view.heard.map((peer) => peer.id),
    peers: core.others.map((id) => ({ id, chosenUpTo: core.catchUp.reportedBy(id), ...core.flow.of(id) })),
    impaired: core.health.cause(core.nowMs),
    transferringTo: core.transfer?.to ?? null,
  };
}

export function membershipOf(core: Core): MembershipStatus {
  const { history, membership, log, removed } = core;
  return {
    governing: history.at(log.chosenUpTo + 1),
    last: history.last,
    previous: history.previous,
    unfinished: membership.unfinished,
    settled: membership.settled,
    complete: membership.complete,
    isGone: (id) => membership.isGone(id),
    removed,
    reported: (id) => membership.chosenUpTo(id),
  };
}
