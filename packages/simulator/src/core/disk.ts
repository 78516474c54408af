import type { Ballot, Slot, StorageWrite, Vote } from "@synod/interface";
import type { ReplicaOptions, SnapshotFacts } from "@synod/multipaxos";

/** What one node has on disk, as `Storage` would return it. */
export class Disk {
  promised: Ballot | null = null;
  readonly votes: Map<Slot, Vote> = new Map();
  readonly chosen: Map<Slot, Uint8Array> = new Map();
  chosenUpTo: Slot = 0;
  snapshot: SnapshotFacts | null = null;

  apply(write: StorageWrite): void {
    if (write.promised !== undefined) this.promised = write.promised;
    for (const vote of write.votes) this.votes.set(vote.slot, vote);
    for (const { slot, value } of write.chosen) this.chosen.set(slot, value);
    this.chosenUpTo = Math.max(this.chosenUpTo, write.chosenUpTo ?? 0);
  }

  drop(upTo: Slot): void {
    for (const slot of this.votes.keys()) if (slot <= upTo) this.votes.delete(slot);
    for (const slot of this.chosen.keys()) if (slot <= upTo) this.chosen.delete(slot);
  }

  recovered(): ReplicaOptions["recovered"] {
    const covered = this.snapshot?.index ?? 0;
    const above = ({ slot }: { readonly slot: Slot }): boolean => slot > covered;
    return {
      promised: this.promised,
      votes: [...this.votes.values()].filter(above).sort((a, b) => a.slot - b.slot),
      chosen: [...this.chosen]
        .map(([slot, value]) => ({ slot, value }))
        .filter(above)
        .sort((a, b) => a.slot - b.slot),
      chosenUpTo: this.chosenUpTo,
      snapshot: this.snapshot && { index: covered, bytes: this.snapshot.bytes },
    };
  }
}
