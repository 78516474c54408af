import type { Ballot, Configuration, NodeId, Slot, SynodError, Versions } from "@synod/interface";
import type { NodeMembership } from "./membership-types.js";

/** What a node says of itself. */
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
  readonly queuedCommands: number;
  readonly queuedBytes: number;
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

/** Changes worth a log line or a row on a screen. */
export type NodeEvent =
  | { readonly kind: "leader"; readonly leader: NodeId | null; readonly ballot: Ballot | null }
  | { readonly kind: "elected"; readonly ballot: Ballot }
  | { readonly kind: "leadershipEnded"; readonly ballot: Ballot; readonly reason: string }
  | { readonly kind: "campaign"; readonly ballot: Ballot }
  /** At the leader that was to hand over; with `done` node `to` leads. */
  | { readonly kind: "transferEnded"; readonly to: NodeId; readonly done: boolean; readonly reason: string }
  | { readonly kind: "impaired"; readonly cause: "disk" | "loop" | null }
  | { readonly kind: "versionsRaised"; readonly versions: Versions }
  /** A damaged log is repaired: everything up to `upTo`, where votes were lost, is chosen and on the disk. */
  | { readonly kind: "votesAgain"; readonly upTo: Slot }
  | { readonly kind: "snapshotTaken"; readonly index: Slot; readonly bytes: number }
  /** The state machine threw meanwhile. The node goes on, and tries again later. */
  | { readonly kind: "snapshotFailed"; readonly error: SynodError }
  | { readonly kind: "snapshotInstalled"; readonly index: Slot; readonly bytes: number }
  | { readonly kind: "peerUp"; readonly peer: NodeId }
  | { readonly kind: "peerDown"; readonly peer: NodeId }
  /** States were held against each other after `lastSlot`; up to before `firstSlot` they were seen to be equal. */
  | {
      readonly kind: "statesDiffer";
      readonly firstSlot: Slot;
      readonly lastSlot: Slot;
      readonly peers: readonly NodeId[];
      /** `ownDiffers`: this node stops. `undecided`: no majority says who is right. */
      readonly outcome: "othersDiffer" | "ownDiffers" | "undecided";
    }
  /** A change of the members was chosen. */
  | { readonly kind: "configuration"; readonly configuration: Configuration; readonly from: Slot }
  | { readonly kind: "changeComplete"; readonly epoch: number }
  /** This node was removed; with `mayStop` it stops. */
  | { readonly kind: "removed"; readonly epoch: number; readonly mayStop: boolean }
  | { readonly kind: "failed"; readonly error: SynodError };
