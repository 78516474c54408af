import type { Ballot, Recovered, Slot, StorageWrite, Vote } from "@synod/interface";
import { NOOP } from "@synod/multipaxos";
import { highestBallot } from "@synod/paxos";
import { encodeValue, type TextVote } from "./terms.js";

export interface DiskStart {
  readonly promised: Ballot | null;
  readonly votes: readonly TextVote[];
  /** Everything up to here is in a snapshot. */
  readonly snapshot: Slot;
  /** Everything up to here is known as chosen. */
  readonly chosenUpTo: Slot;
}

/** What is flushed. Outlives the replica that wrote it. */
export class Disk {
  promised: Ballot | null;
  readonly #votes = new Map<Slot, Vote>();
  readonly #chosen = new Map<Slot, Uint8Array>();
  #chosenUpTo: Slot;
  #snapshot: Slot = 0;

  constructor(start: DiskStart) {
    this.promised = start.promised;
    for (const { slot, ballot, value } of start.votes) {
      this.promised = highestBallot(this.promised, ballot);
      this.#votes.set(slot, { slot, ballot, value: encodeValue(value) });
    }
    this.#chosenUpTo = start.chosenUpTo;
    // Something was chosen in these slots; a case that does not say what does not look at it.
    for (let slot = start.snapshot + 1; slot <= start.chosenUpTo; slot++) {
      if (!this.#votes.has(slot)) this.#chosen.set(slot, NOOP);
    }
    this.saveSnapshot(start.snapshot);
  }

  write(write: StorageWrite): void {
    if (write.promised !== undefined) this.promised = write.promised;
    for (const vote of write.votes) this.#votes.set(vote.slot, vote);
    for (const { slot, value } of write.chosen) this.#chosen.set(slot, value);
    this.#chosenUpTo = Math.max(this.#chosenUpTo, write.chosenUpTo ?? 0);
  }

  /** A snapshot of everything up to `index` is saved, and what it covers is dropped. */
  saveSnapshot(index: Slot): void {
    this.#snapshot = Math.max(this.#snapshot, index);
    this.#chosenUpTo = Math.max(this.#chosenUpTo, index);
    for (const slot of this.#votes.keys()) if (slot <= index) this.#votes.delete(slot);
    for (const slot of this.#chosen.keys()) if (slot <= index) this.#chosen.delete(slot);
  }

  get votes(): readonly Vote[] {
    return [...this.#votes.values()].sort((a, b) => a.slot - b.slot);
  }

  recovered(): Pick<Recovered, "promised" | "votes" | "chosen" | "chosenUpTo" | "leaseMs" | "snapshot"> {
    return {
      promised: this.promised,
      votes: this.votes,
      chosen: [...this.#chosen].map(([slot, value]) => ({ slot, value })).sort((a, b) => a.slot - b.slot),
      chosenUpTo: this.#chosenUpTo,
      leaseMs: 0,
      snapshot: this.#snapshot > 0 ? { index: this.#snapshot, bytes: 0 } : null,
    };
  }
}
