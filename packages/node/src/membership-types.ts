import type { NodeId, QuorumSpec, Slot } from "@synod/interface";

/** A member to be added. Its id must never have been a member before. */
export interface NewMember {
  readonly id: NodeId;
  readonly address?: string;
  readonly name?: string;
  /** Of its store, as its `status()` says; with it no other disk is taken for it. */
  readonly storeId?: string;
}

/** A change of the members. One at a time. */
export type MembershipChange =
  /** As a learner first; as soon as it has caught up it becomes a voter, unless it is added as a learner. */
  | {
      readonly kind: "add";
      readonly member: NewMember;
      readonly as?: "voter" | "learner";
      readonly quorum?: QuorumSpec;
    }
  | { readonly kind: "remove"; readonly id: NodeId; readonly quorum?: QuorumSpec }
  /** A learner becomes a voter. */
  | { readonly kind: "promote"; readonly id: NodeId; readonly quorum?: QuorumSpec }
  /** Adds a new id, which takes over name and address, and removes the old one when the new one has caught up: for a lost disk. */
  | { readonly kind: "replace"; readonly id: NodeId; readonly with: NewMember }
  | { readonly kind: "setAddress"; readonly id: NodeId; readonly address: string }
  | { readonly kind: "setQuorum"; readonly quorum: QuorumSpec; readonly alpha?: number };

export interface ChangeOptions {
  readonly signal?: AbortSignal;
  /** Refuses with `EpochMismatch` unless the newest configuration has this epoch. */
  readonly expectedEpoch?: number;
  /** Gives up after this; 60,000 by default. */
  readonly timeoutMs?: number;
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
