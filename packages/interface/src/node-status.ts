import type { Configuration } from "./configuration.js";
import type { SynodError } from "./error.js";
import type { Ballot, NodeId, Slot } from "./ids.js";
import type { Versions } from "./versions.js";

/** What a node says of itself: `status()` of @synod/node, and what a server tells operators from it. */
export interface NodeStatus {
  readonly id: NodeId;
  readonly clusterId: string;
  /** `failed`: stopped by itself; `failure` says why. `removed`: it is no member any more, and nobody needs it. */
  readonly state: "starting" | "running" | "failed" | "removed" | "closed";
  readonly failure: SynodError | null;
  readonly role: "leader" | "candidate" | "follower";
  readonly leader: NodeId | null;
  /** Ballot of the leader that this node follows, or of the own candidacy or leadership. */
  readonly ballot: Ballot | null;
  readonly promised: Ballot | null;
  /** That governs the next slot. */
  readonly configuration: Configuration;
  /** Why this node leads or not, in words. */
  readonly reason: string;
  /** What the election rule says now: docs/PROTOCOL.md, "Leader election". */
  readonly verdict: "leading" | "follow" | "yield" | "wait" | "campaign";
  /** Candidacies and leaderships of this process. */
  readonly elections: { readonly campaigns: number; readonly won: number };
  readonly membership: NodeMembership;
  /** Of this node's store. */
  readonly storeId: string;
  /** Whether this node sees a working leader. */
  readonly content: boolean;
  /** Why this node should not lead now: a write to its disk does not end, or its event loop stood still. */
  readonly impaired: "disk" | "loop" | null;
  /** Whom this leader is handing over to. */
  readonly transferringTo: NodeId | null;
  /** False while this node takes no part in quorums: it may have forgotten votes, and only learns. */
  readonly voting: boolean;
  /** Why not, and what ends it; null if it votes. */
  readonly notVotingReason: string | null;
  readonly chosenUpTo: Slot;
  readonly durableUpTo: Slot;
  readonly applied: Slot;
  /** Commands executed here since the store was formatted, repeats not counted. */
  readonly commandsApplied: number;
  /** Hash over all executed values: equal at equal `applied`. */
  readonly chainHash: string;
  /** For how long the lease of this leader still holds; null if it has none. */
  readonly leaseLeftMs: number | null;
  /** Slots that this leader has proposed and not yet seen chosen, the values in them, and how many slots there may be. */
  readonly openSlots: number;
  readonly openBytes: number;
  readonly windowSlots: number;
  readonly queues: NodeQueues;
  readonly readsWaiting: number;
  readonly sessions: number;
  /** How late the timer of the node fired last. */
  readonly loopLagMs: number;
  readonly versions: NodeVersions;
  readonly peers: readonly NodePeerStatus[];
  readonly snapshot: NodeSnapshotStatus;
  /** Syncs and writes to storage so far, and the time of the last one. */
  readonly storage: { readonly writes: number; readonly lastWriteMs: number };
}

/** What waits at a node: own callers, what it is to propose as the leader, chosen values to be executed, values for its own disk. */
export type NodeQueues = Readonly<
  Record<"own" | "leader" | "apply" | "disk", { readonly count: number; readonly bytes: number }>
>;
export interface NodeVersions {
  /** As the log says up to `applied`: the same on every node at the same slot. */
  readonly inForce: Versions;
  /** By this node's release and state machine. */
  readonly supports: Versions;
  /** Members that are not heard or support less than this node, so that what it supports cannot be put in force yet. */
  readonly heldBackBy: readonly NodeId[];
}
/** The snapshot of this node, and what is being done about snapshots. */
export interface NodeSnapshotStatus {
  /** Everything up to this slot is in it; 0: there is none. */
  readonly index: Slot;
  readonly bytes: number;
  /** Since it was taken or installed; null where that was in an earlier life. */
  readonly ageMs: number | null;
  /** Being taken, with the bytes so far. */
  readonly taking: { readonly index: Slot; readonly bytes: number } | null;
  /** On its way from a peer (null: a peer that has it is looked for), with its size and what has come. */
  readonly receiving: {
    readonly index: Slot;
    readonly bytes: number;
    readonly received: number;
    readonly from: NodeId | null;
  } | null;
  /** The state machine takes one in: until it has, nothing is executed and reads wait. */
  readonly installing: boolean;
  /** Peers that were served, and up to which byte. */
  readonly sending: readonly { readonly to: NodeId; readonly index: Slot; readonly offset: number }[];
}

export interface NodePeerStatus {
  readonly id: NodeId;
  readonly address?: string;
  readonly connected: boolean;
  /** Answered within the last election timeout. */
  readonly heard: boolean;
  /** Slots that this node knows as chosen and the peer has not reported yet. */
  readonly lagSlots: number;
  /** Of the values in these slots: at least so many, where this node no longer retains them all, or they are more than 16,384. */
  readonly lagBytes: number;
  /** As leader: values sent to it and not answered, values that may be sent before it answers, and what was held back so far. */
  readonly sentBytes: number;
  readonly creditBytes: number;
  readonly withheldBytes: number;
  /** What its release supports; null until it is heard. */
  readonly supports: Versions | null;
  /** Why nothing is taken from it, e.g. that its disk was formatted anew, or that it refuses this node; null if nothing is refused. */
  readonly refused: string | null;
}

/** Who takes part. */
export interface NodeMembership {
  /** Of the newest configuration that this node knows. */
  readonly epoch: number;
  /** The newest change, while it is not known to be complete: it governs from slot `from`. */
  readonly change: { readonly epoch: number; readonly from: Slot } | null;
  /** How many slots each learner lacks, as far as this node has heard. */
  readonly learners: readonly { readonly id: NodeId; readonly lag: Slot | null }[];
  /** Failures of members, whichever they are, that the cluster survives: now, as seen from here, and with all members up. -1: none decides. */
  readonly tolerates: { readonly now: number; readonly expected: number; readonly text: string };
  /** This node was removed as of this epoch; while it may not stop, others may need its disk. */
  readonly removed: { readonly epoch: number; readonly mayStop: boolean } | null;
}
