import type { Ballot, Configuration, NodeId, Slot, SynodError, Versions } from "@synod/interface";

export type {
  NodeMembership,
  NodePeerStatus,
  NodeQueues,
  NodeSnapshotStatus,
  NodeStatus,
  NodeVersions,
} from "@synod/interface";

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
