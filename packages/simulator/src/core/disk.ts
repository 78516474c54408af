import type { Ballot, Slot, StorageWrite, Vote } from "@synod/interface";
import type { ReplicaOptions } from "@synod/multipaxos";

/** What one node has on disk, as `Storage` would return it. */
export class Disk {
  promised: Ballot | null = null;
  readonly votes: Map<Slot, Vote> = new Map();
  readonly chosen: Map<Slot, Uint8Array> = new Map();
  chosenUpTo: Slot = 0;

  erase(): void {
    this.promised = null;
    this.votes.clear();
    this.chosen.clear();
    this.chosenUpTo = 0;
  }

  apply(write: StorageWrite): void {
    if (write.promised !== undefined) this.promised = write.promised;
    for (const vote of write.votes) this.votes.set(vote.slot, vote);
    for (const { slot, value } of write.chosen) this.chosen.set(slot, value);
    this.chosenUpTo = write.chosenUpTo ?? this.chosenUpTo;
  }

  recovered(): ReplicaOptions["recovered"] {
    return {
      promised: this.promised,
      votes: [...this.votes.values()].sort((a, b) => a.slot - b.slot),
      chosen: [...this.chosen].map(([slot, value]) => ({ slot, value })).sort((a, b) => a.slot - b.slot),
      chosenUpTo: this.chosenUpTo,
      snapshot: null,
    };
  }
}
