import { ballotsEqual, compareBallots, type QuorumSystem } from "@synod/paxos";
import type { Ballot, NodeId, Slot } from "@synod/interface";

interface Count {
  readonly ballot: Ballot;
  /** Whose votes are on their disks. */
  readonly voters: Set<NodeId>;
  /** Of the configuration that governs the slot. */
  readonly quorums: QuorumSystem;
}

/** Votes that a replica which does not lead was told of: a quorum of them in one ballot has chosen the value. */
export class VoteCounts {
  /** Of the highest ballot only: a leader of a lower one is gone, and what it got chosen the later one proposes again. */
  readonly #counts = new Map<Slot, Count>();

  add(slot: Slot, ballot: Ballot, from: NodeId, quorums: QuorumSystem): void {
    const old = this.#counts.get(slot);
    const order = old === undefined ? 1 : compareBallots(ballot, old.ballot);
    if (order < 0) return;
    if (order === 0) old?.voters.add(from);
    else this.#counts.set(slot, { ballot, voters: new Set([from]), quorums });
  }

  /** Whether the value that was proposed in the ballot is chosen. */
  isChosen(slot: Slot, ballot: Ballot): boolean {
    const count = this.#counts.get(slot);
    return count !== undefined && ballotsEqual(count.ballot, ballot) && count.quorums.phase2(count.voters);
  }

  /** The slot is known as chosen. */
  settled(slot: Slot): void {
    this.#counts.delete(slot);
  }

  /** Everything up to a slot is. */
  covered(upTo: Slot): void {
    for (const slot of this.#counts.keys()) if (slot <= upTo) this.#counts.delete(slot);
  }
}
