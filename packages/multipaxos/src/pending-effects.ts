import type { ChosenValue, Slot } from "@synod/interface";
import type { Effects, ForwardedBody, ForwardOutcome, Notice, ReadReady, Send, SnapshotStep } from "./effects.js";

/** What happened since the effects were last taken. */
export class PendingEffects {
  sends: Send[] = [];
  reads: ReadReady[] = [];
  forwarded: ForwardedBody[] = [];
  forwardOutcomes: ForwardOutcome[] = [];
  notices: Notice[] = [];
  snapshots: SnapshotStep[] = [];
  compactedUpTo: Slot | null = null;

  take(chosen: readonly ChosenValue[]): Effects {
    const { sends, reads, forwarded, forwardOutcomes, notices, snapshots, compactedUpTo } = this;
    this.sends = [];
    this.reads = [];
    this.forwarded = [];
    this.forwardOutcomes = [];
    this.notices = [];
    this.snapshots = [];
    this.compactedUpTo = null;
    return { sends, chosen, reads, forwarded, forwardOutcomes, notices, snapshots, compactedUpTo };
  }
}
