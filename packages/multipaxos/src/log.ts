import { ballotsEqual, compareBallots } from "@synod/paxos";
import type { Ballot, ChosenValue, Slot, Vote } from "@synod/interface";
import { invariant } from "./invariant.js";
import type { SlotRange } from "./messages.js";
import { ITEMS_MAX, sameValue } from "./values.js";

/** The own votes, as far as the log needs them. */
export interface VoteView {
  vote(slot: Slot): Vote | undefined;
  /** Slots from `first` to `last` that may hold a vote, ascending: not many more than there are votes. */
  slots(first: Slot, last: Slot): Iterable<Slot>;
}

/**
 * What this replica knows to be chosen. Values become known by counting votes, by an announcement of the leader in whose
 * ballot the own vote was cast, or from a peer that knows; they are handed out for execution strictly in slot order.
 */
export class ChosenLog {
  readonly #values = new Map<Slot, Uint8Array>();
  readonly #votes: VoteView;
  /** Every slot up to here is known. */
  #contiguous: Slot;
  #highestKnown: Slot;
  #announced: { ballot: Ballot; upTo: Slot } | null = null;
  /** Some replica said that everything up to here is chosen. */
  #target: Slot;
  #ready: ChosenValue[] = [];
  /** Values up to here are forgotten: a snapshot has them. */
  #compactedUpTo: Slot;
  readonly #advanced: (chosen: ChosenValue) => void;

  /** @param advanced is told of each value as the contiguous prefix comes to it */
  constructor(start: Slot, votes: VoteView, advanced: (chosen: ChosenValue) => void = () => {}) {
    this.#advanced = advanced;
    this.#compactedUpTo = start;
    this.#contiguous = start;
    this.#highestKnown = start;
    this.#target = start;
    this.#votes = votes;
  }

  /** Largest slot up to which every value is known here. */
  get chosenUpTo(): Slot {
    return this.#contiguous;
  }

  /** Values up to here are in a snapshot alone. */
  get compactedUpTo(): Slot {
    return this.#compactedUpTo;
  }

  /** Largest slot that anybody reported as the end of its chosen prefix. */
  get target(): Slot {
    return this.#target;
  }

  /** Largest slot whose value is known here, gaps below it or not. */
  get highestKnown(): Slot {
    return this.#highestKnown;
  }

  isKnown(slot: Slot): boolean {
    return slot <= this.#contiguous || this.#values.has(slot);
  }

  value(slot: Slot): Uint8Array | undefined {
    return this.#values.get(slot);
  }

  /** A value that is chosen for sure. Returns false if it was known. */
  learn(slot: Slot, value: Uint8Array): boolean {
    const known = this.#values.get(slot);
    if (known !== undefined) {
      invariant(sameValue(known, value), "a chosen value never changes", () => ({ slot }));
      return false;
    }
    if (slot <= this.#contiguous) return false;
    this.#values.set(slot, value);
    this.#highestKnown = Math.max(this.#highestKnown, slot);
    this.#advance();
    return true;
  }

  /**
   * The leader of `ballot` says that everything up to `upTo` is chosen. That is knowledge only where the own vote was cast in
   * the same ballot: a vote of another ballot may be for another value.
   */
  announce(ballot: Ballot, upTo: Slot): void {
    this.reported(upTo);
    const old = this.#announced;
    if (old !== null && compareBallots(ballot, old.ballot) < 0) return;
    const same = old !== null && ballotsEqual(ballot, old.ballot);
    if (same && upTo <= old.upTo) return;
    const first = Math.max(this.#contiguous, same ? old.upTo : 0) + 1;
    this.#announced = { ballot, upTo };
    // A vote that comes later passes through voted().
    for (const slot of this.#votes.slots(first, upTo)) {
      const vote = this.#votes.vote(slot);
      if (vote !== undefined && ballotsEqual(vote.ballot, ballot)) this.learn(slot, vote.value);
    }
  }

  /** An own vote was cast: the announcement may have come before it. */
  voted(vote: Vote): void {
    const announced = this.#announced;
    if (announced !== null && vote.slot <= announced.upTo && ballotsEqual(vote.ballot, announced.ballot)) {
      this.learn(vote.slot, vote.value);
    }
  }

  /** Somebody's chosen prefix ends here. Never makes anything known by itself. */
  reported(upTo: Slot): void {
    this.#target = Math.max(this.#target, upTo);
  }

  /** Up to `max` ranges below the target that are not known, ascending; a wide one in parts, as no Learn fills more at once. */
  missing(max: number): SlotRange[] {
    const ranges: SlotRange[] = [];
    let slot = this.#contiguous + 1;
    while (slot <= this.#target && ranges.length < max) {
      const first = slot;
      if (first > this.#highestKnown) {
        ranges.push([first, this.#target]);
        break;
      }
      const end = Math.min(this.#target, first + ITEMS_MAX - 1);
      while (slot <= end && !this.#values.has(slot)) slot++;
      if (slot > first) ranges.push([first, slot - 1]);
      else slot++;
    }
    return ranges;
  }

  /** Values that became executable, in slot order without a gap. Each is given once. */
  takeReady(): ChosenValue[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }

  /** Consecutive known values from `first`, up to `last` and `bytesMax` (at least one if it is known). */
  serve(first: Slot, last: Slot, bytesMax: number): Uint8Array[] {
    const values: Uint8Array[] = [];
    let bytes = 0;
    for (let slot = first; slot <= last && values.length < ITEMS_MAX; slot++) {
      const value = this.#values.get(slot);
      if (value === undefined || (values.length > 0 && bytes + value.length > bytesMax)) break;
      values.push(value);
      bytes += value.length;
    }
    return values;
  }

  /** Bytes of known values in `slotsMax` slots above `slot`, as far as they are retained. */
  bytesAbove(slot: Slot, slotsMax: number): number {
    const first = Math.max(slot, this.#compactedUpTo) + 1;
    let bytes = 0;
    for (let at = first; at < first + slotsMax && at <= this.#contiguous; at++)
      bytes += this.#values.get(at)?.length ?? 0;
    return bytes;
  }

  /** Forgets values that a snapshot has. */
  compact(upTo: Slot): void {
    invariant(upTo <= this.#contiguous, "only what is known as chosen is forgotten", () => ({ upTo }));
    for (let slot = this.#compactedUpTo + 1; slot <= upTo; slot++) this.#values.delete(slot);
    this.#compactedUpTo = Math.max(this.#compactedUpTo, upTo);
  }

  /** A snapshot covers everything up to `index`. Returns false if that is no news. */
  install(index: Slot): boolean {
    // The state machine has them by the snapshot.
    this.#ready = this.#ready.filter(({ slot }) => slot > index);
    if (index <= this.#contiguous) return false;
    for (const slot of this.#values.keys()) if (slot <= index) this.#values.delete(slot);
    this.#contiguous = index;
    this.#compactedUpTo = index;
    this.#highestKnown = Math.max(this.#highestKnown, index);
    this.#target = Math.max(this.#target, index);
    this.#advance();
    return true;
  }

  #advance(): void {
    for (;;) {
      const value = this.#values.get(this.#contiguous + 1);
      if (value === undefined) return;
      this.#contiguous++;
      const chosen = { slot: this.#contiguous, value };
      this.#ready.push(chosen);
      this.#advanced(chosen);
    }
  }
}
