import type { NodeId, Slot } from "@synod/interface";

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
