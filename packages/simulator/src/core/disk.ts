import type { Ballot, Slot, StorageWrite, Vote } from "@synod/interface";
import type { ReplicaOptions, SnapshotFacts } from "@synod/multipaxos";
import type { SeededRandom } from "../random.js";

/** A snapshot with what the core put into it: the configurations up to its index. */
export interface HeldSnapshot extends SnapshotFacts {
  readonly head: Uint8Array;
}

/** What one node has on disk, as `Storage` would return it. */
export class Disk {
  promised: Ballot | null = null;
  readonly votes: Map<Slot, Vote> = new Map();
  readonly chosen: Map<Slot, Uint8Array> = new Map();
  chosenUpTo: Slot = 0;
  leaseMs = 0;
  /** Votes up to here may be missing; 0 if none are. */
  forgotUpTo: Slot = 0;
  snapshot: HeldSnapshot | null = null;
  /** The vote before the last one of a slot: what is found where only the last one is lost. */
  readonly #before = new Map<Slot, Vote>();

  /** Whether anything is missing that somebody may ask for. */
  get forgot(): boolean {
    return this.chosenUpTo < this.forgotUpTo;
  }

  /**
   * The log loses something in its middle, as `Storage` tells it: the promise never, votes and values above some mark. The snapshot is another
   * file. What the mark had passed above the damage is found as chosen.
   */
  rot(random: SeededRandom): boolean {
    const highest = Math.max(0, ...this.votes.keys(), ...this.chosen.keys());
    if (highest === 0) return false;
    this.forgotUpTo = Math.max(this.forgotUpTo, random.chance(0.5) ? highest : random.int(1, highest));
    const mark = Math.max(this.snapshot?.index ?? 0, random.int(0, Math.min(this.chosenUpTo, this.forgotUpTo)));
    if (mark >= this.forgotUpTo) return true;
    for (let slot = this.forgotUpTo + 1; slot <= this.chosenUpTo; slot++) {
      const vote = this.votes.get(slot);
      if (vote !== undefined && !this.chosen.has(slot)) this.chosen.set(slot, vote.value);
    }
    const lost = random.pick([0.1, 0.5, 1]);
    for (let slot = mark + 1; slot <= this.forgotUpTo; slot++) {
      if (random.chance(lost)) this.chosen.delete(slot);
      if (!random.chance(lost)) continue;
      const before = this.#before.get(slot);
      if (before === undefined || random.chance(0.5)) this.votes.delete(slot);
      else this.votes.set(slot, before);
    }
    this.chosenUpTo = mark;
    return true;
  }

  erase(): void {
    this.promised = null;
    this.votes.clear();
    this.chosen.clear();
    this.chosenUpTo = 0;
    this.leaseMs = 0;
    this.forgotUpTo = 0;
    this.snapshot = null;
    this.#before.clear();
  }

  apply(write: StorageWrite): void {
    if (write.promised !== undefined) this.promised = write.promised;
    for (const vote of write.votes) {
      const before = this.votes.get(vote.slot);
      if (before !== undefined) this.#before.set(vote.slot, before);
      this.votes.set(vote.slot, vote);
    }
    for (const { slot, value } of write.chosen) this.chosen.set(slot, value);
    this.chosenUpTo = Math.max(this.chosenUpTo, write.chosenUpTo ?? 0);
    this.leaseMs = Math.max(this.leaseMs, write.leaseMs ?? 0);
  }

  drop(upTo: Slot): void {
    for (const slot of this.votes.keys()) if (slot <= upTo) this.votes.delete(slot);
    for (const slot of this.chosen.keys()) if (slot <= upTo) this.chosen.delete(slot);
  }

  recovered(): ReplicaOptions["recovered"] {
    if (this.forgot) while (this.chosen.has(this.chosenUpTo + 1)) this.chosenUpTo++;
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
      leaseMs: this.leaseMs,
      snapshot: this.snapshot && { index: covered, bytes: this.snapshot.bytes },
      ...(this.forgotUpTo > 0 ? { damage: { upTo: this.forgotUpTo, places: [] } } : {}),
    };
  }
}
