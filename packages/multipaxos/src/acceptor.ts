import { compareBallots, formatBallot } from "@synod/paxos";
import type { Ballot, Slot, Vote } from "@synod/interface";
import { invariant } from "./invariant.js";
import { sameValue } from "./values.js";
import type { WriteBuffer, WriteId } from "./writes.js";

interface StoredVote extends Vote {
  /** The write that makes it durable. */
  readonly write: WriteId;
}

/** Outcome of phase 1a at the acceptor. */
export type PrepareOutcome = { readonly kind: "promised"; readonly after: WriteId } | { readonly kind: "rejected" };

/** Outcome of phase 2a for one slot at the acceptor. */
export type AcceptOutcome =
  /** `again`: it had voted so before. */
  | { readonly kind: "voted"; readonly after: WriteId; readonly again: boolean }
  | { readonly kind: "rejected" }
  /** The slot is in a snapshot, so it is chosen, and a vote for it would be forgotten. */
  | { readonly kind: "already" };

/** Votes of one page of a promise. */
export interface PromisePage {
  readonly votes: readonly Vote[];
  /** Last slot that the page speaks for; null = all that follow. */
  readonly lastSlot: Slot | null;
}

/** How much one page may hold. One vote alone may be larger. */
export interface PageLimits {
  readonly bytesMax: number;
  readonly itemsMax: number;
}

const before = (a: Ballot, b: Ballot | null): boolean => compareBallots(a, b) < 0;

/**
 * The durable memory of the protocol: one promise for all slots, one vote per slot (Paxos Made Simple, sections 2.2 and 3).
 * Every answer names the write that it waits for.
 */
export class Acceptor {
  #promised: Ballot | null;
  #promisedWrite: WriteId = 0;
  readonly #votes = new Map<Slot, StoredVote>();
  #highestVote: Slot = 0;
  #snapshotIndex: Slot;
  /** Votes up to here are forgotten. */
  #compactedUpTo: Slot;
  readonly #writes: WriteBuffer;

  constructor(state: { promised: Ballot | null; votes: readonly Vote[]; snapshotIndex: Slot }, writes: WriteBuffer) {
    this.#promised = state.promised;
    this.#snapshotIndex = state.snapshotIndex;
    this.#compactedUpTo = state.snapshotIndex;
    this.#writes = writes;
    for (const vote of state.votes) {
      invariant(compareBallots(vote.ballot, state.promised) <= 0, "promised is at or above every vote", () => ({
        vote: formatBallot(vote.ballot),
        promised: formatBallot(state.promised),
      }));
      this.#votes.set(vote.slot, { ...vote, write: 0 });
      this.#highestVote = Math.max(this.#highestVote, vote.slot);
    }
  }

  /** Highest promise, flushed or not: what this acceptor acts on. */
  get promised(): Ballot | null {
    return this.#promised;
  }

  get snapshotIndex(): Slot {
    return this.#snapshotIndex;
  }

  /** Highest slot with a vote, flushed or not; 0 if there is none. */
  get highestVote(): Slot {
    return this.#highestVote;
  }

  vote(slot: Slot): Vote | undefined {
    return this.#votes.get(slot);
  }

  /** What the vote in this ballot waits for to be on disk; null if there is no such vote. */
  voteWrite(slot: Slot, ballot: Ballot | null): WriteId | null {
    const vote = this.#votes.get(slot);
    if (vote === undefined || compareBallots(vote.ballot, ballot) !== 0) return null;
    return this.#writes.wait(vote.write);
  }

  /** Phase 1a. A repeated Prepare of the promised ballot is answered again. */
  prepare(ballot: Ballot): PrepareOutcome {
    if (before(ballot, this.#promised)) return { kind: "rejected" };
    if (compareBallots(ballot, this.#promised) > 0) {
      this.#promised = ballot;
      this.#promisedWrite = this.#writes.addPromise(ballot);
    }
    return { kind: "promised", after: this.#writes.wait(this.#promisedWrite) };
  }

  /**
   * One page of votes from `fromSlot` up, leaving out what is at or below `chosenUpTo` (it is chosen and can be fetched).
   * All votes in it are older than the promise, or of the same ballot; they may still wait for their own flush.
   */
  page(fromSlot: Slot, chosenUpTo: Slot, limits: PageLimits): PromisePage & { after: WriteId } {
    const { bytesMax, itemsMax } = limits;
    const votes: Vote[] = [];
    let bytes = 0;
    let after: WriteId = this.#writes.wait(this.#promisedWrite);
    for (const slot of this.slots(Math.max(fromSlot, chosenUpTo + 1), Infinity)) {
      const vote = this.#votes.get(slot);
      if (vote === undefined) continue;
      const full = votes.length === itemsMax || (votes.length > 0 && bytes + vote.value.length > bytesMax);
      if (full) return { votes, lastSlot: slot - 1, after };
      votes.push({ slot, ballot: vote.ballot, value: vote.value });
      bytes += vote.value.length;
      after = Math.max(after, this.#writes.wait(vote.write));
    }
    return { votes, lastSlot: null, after };
  }

  /** Phase 2a for one slot. */
  accept(ballot: Ballot, slot: Slot, value: Uint8Array): AcceptOutcome {
    if (slot <= this.#compactedUpTo) return { kind: "already" };
    if (before(ballot, this.#promised)) return { kind: "rejected" };
    const old = this.#votes.get(slot);
    if (old !== undefined && compareBallots(old.ballot, ballot) === 0) {
      invariant(sameValue(old.value, value), "one value for each slot and ballot", () => ({
        slot,
        ballot: formatBallot(ballot),
      }));
      return { kind: "voted", after: this.#writes.wait(old.write), again: true };
    }
    const write = this.#writes.addVote({ slot, ballot, value });
    this.#votes.set(slot, { slot, ballot, value, write });
    this.#highestVote = Math.max(this.#highestVote, slot);
    if (compareBallots(ballot, this.#promised) > 0) {
      this.#promised = ballot;
      this.#promisedWrite = write;
    }
    return { kind: "voted", after: this.#writes.wait(write), again: false };
  }

  /** A flushed snapshot covers everything up to `index`. */
  covered(index: Slot): void {
    this.#snapshotIndex = Math.max(this.#snapshotIndex, index);
  }

  /** Forgets votes that a flushed snapshot covers: no vote counts there any more, and none is cast again. Never the promise. */
  compact(upTo: Slot): void {
    if (upTo - this.#compactedUpTo > this.#votes.size) {
      for (const slot of this.#votes.keys()) if (slot <= upTo) this.#votes.delete(slot);
    } else for (let slot = this.#compactedUpTo + 1; slot <= upTo; slot++) this.#votes.delete(slot);
    this.#compactedUpTo = Math.max(this.#compactedUpTo, upTo);
  }

  /** Slots that may hold a vote, ascending. Counts upward where that is cheap, sorts where a stray vote lies far away. */
  *slots(first: Slot, last: Slot): Generator<Slot> {
    const end = Math.min(last, this.#highestVote);
    if (end - first <= 2 * this.#votes.size + 64) {
      for (let slot = first; slot <= end; slot++) yield slot;
      return;
    }
    yield* [...this.#votes.keys()].filter((slot) => slot >= first && slot <= end).sort((a, b) => a - b);
  }
}
