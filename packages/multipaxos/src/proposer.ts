import { ballotsEqual, formatBallot, nextBallot } from "@synod/paxos";
import type { Ballot, ChosenValue, NodeId, Slot } from "@synod/interface";
import { invariant } from "./invariant.js";
import type { ChosenLog } from "./log.js";
import type { Promise1b, SlotRange } from "./messages.js";
import { OpenSlots, type OpenSlotsOptions, type Proposal } from "./open-slots.js";
import { type Configurations, Phase1 } from "./phase1.js";
import { NOOP } from "./values.js";

/** `prepare`: phase 1 under way. `lead`: phase 1 done, values may be proposed. */
export type ProposerPhase = "idle" | "prepare" | "lead";

/** Most that is proposed again, or filled, in one go. */
const RECOVERED_AT_ONCE = 16_384;

export interface ProposerOptions extends OpenSlotsOptions {
  /** Who decides on which slot, and how wide the window is. */
  readonly configurations: Configurations;
  readonly inFlightBytesMax: number;
  readonly log: ChosenLog;
}

/**
 * The proposer of a whole suffix: phase 1 once for all slots above the chosen prefix, then phase 2 for one slot after the
 * other inside a window (Paxos Made Simple, section 3). Everything in it belongs to one ballot and is dropped with it: a
 * proposal that was carried over to another ballot could contradict what that ballot's phase 1 found.
 */
export class Proposer {
  readonly #options: ProposerOptions;
  /** Null: this node neither leads nor campaigns. */
  #phase1: Phase1 | null = null;
  #open: OpenSlots;
  /** The window is filled with no-ops up to here, so that a change of the configuration takes effect. */
  #fillUpTo: Slot = 0;

  constructor(options: ProposerOptions) {
    this.#options = options;
    this.#open = new OpenSlots(options);
  }

  get phase(): ProposerPhase {
    if (this.#phase1 === null) return "idle";
    return this.#phase1.done ? "lead" : "prepare";
  }

  /** The ballot of the present candidacy or leadership. */
  get ballot(): Ballot | null {
    return this.#phase1?.ballot ?? null;
  }

  /** Where phase 1 starts. */
  get fromSlot(): Slot {
    return this.#phase1?.fromSlot ?? 0;
  }

  /** First slot that nothing was proposed for in this ballot. */
  get next(): Slot {
    return this.#phase1?.next ?? 0;
  }

  /** Everything that an earlier leader may have got chosen lies at or below. */
  get barrier(): Slot {
    return this.#phase1?.barrier ?? 0;
  }

  /** Slots up to here were chosen before this leadership: to be fetched, never to be filled. */
  get base(): Slot {
    return this.#phase1?.base ?? 0;
  }

  /** What is proposed in the present ballot and not known as chosen. */
  get open(): OpenSlots {
    return this.#open;
  }

  /** Time of the last promise page that brought something new, or of the start. */
  get lastProgressMs(): number {
    return this.#phase1?.lastProgressMs ?? 0;
  }

  /** Starts phase 1 in a ballot above everything seen. */
  start(highestSeen: Ballot | null, nowMs: number): Ballot {
    this.stop();
    const { me, configurations, log } = this.#options;
    const ballot = nextBallot(highestSeen, me);
    this.#phase1 = new Phase1({ ballot, configurations, log, nowMs });
    return ballot;
  }

  /** Ends the candidacy or leadership and forgets everything of it. */
  stop(): void {
    this.#phase1 = null;
    this.#open = new OpenSlots(this.#options);
    this.#fillUpTo = 0;
  }

  /** Whether every configuration up to the end of the window has promised this ballot. */
  get secured(): boolean {
    return this.#phase1?.secured ?? false;
  }

  /** Members to be asked for a promise, each from the slot after its last page: see `Phase1.unpromised`. */
  unpromised(nowMs: number, waitMs: number): { to: NodeId; fromSlot: Slot }[] {
    return this.#phase1?.unpromised(nowMs, waitMs) ?? [];
  }

  /** A page of a promise: see `Phase1.onPromise`. */
  onPromise(from: NodeId, page: Promise1b, nowMs: number): { next: Slot | null; elected: boolean } {
    return this.#phase1?.onPromise(from, page, nowMs) ?? { next: null, elected: false };
  }

  /** Looks whether every configuration has promised by now. Returns whether this began the leadership. */
  secure(): boolean {
    return this.#phase1?.secure() ?? false;
  }

  /**
   * Whether this leadership is over because a slot is chosen that it has not proposed yet: a later leader was at work. What
   * phase 1 found and the window still holds back may well be chosen already, in an earlier ballot.
   */
  endsWith(chosen: Slot): boolean {
    // Where a configuration has not promised yet, earlier leaders may have got more chosen than is known here.
    return this.secured && chosen >= this.next && chosen > this.barrier;
  }

  /** Whether a snapshot up to `index` speaks of slots that this leader proposed and has not counted, or has yet to propose. */
  coveredBy(index: Slot): boolean {
    return this.phase === "lead" && (this.endsWith(index) || this.#open.lowest() <= index);
  }

  /** Whether phase 1 is still under way for some configuration, or values that it found wait for the window. */
  get recovering(): boolean {
    return this.phase === "lead" && (!this.secured || this.next <= this.barrier);
  }

  /** The last slot that is filled without being asked to. */
  get #filledUpTo(): Slot {
    return Math.max(this.barrier, this.#fillUpTo, this.#options.configurations.last.from - 1);
  }

  /** Asks for no-ops up to a slot, so that what is to govern from the one after it does so soon. */
  fill(upTo: Slot): void {
    this.#fillUpTo = Math.max(this.#fillUpTo, upTo);
  }

  /** New slots that could be proposed now. */
  capacity(): number {
    const { configurations, log, inFlightBytesMax } = this.#options;
    if (this.phase !== "lead" || this.recovering || this.#open.bytes >= inFlightBytesMax) return 0;
    if (this.next <= this.#filledUpTo) return 0;
    const { alpha } = configurations.at(this.next).configuration;
    const last = Math.min(log.chosenUpTo + alpha, configurations.knownUpTo(log.chosenUpTo));
    return Math.max(0, last - this.next + 1);
  }

  /**
   * Proposes again what phase 1 found, as far as the window allows: the value with the highest ballot, else a no-op. No
   * no-op stands for a chosen value: a slot above the base with no vote in a phase-1 quorum of its configuration has nothing chosen.
   * What this replica itself knows as chosen (above a gap) is the same value by the same argument, and needs no vote to prove it.
   */
  recover(nowMs: number): Proposal[] {
    const { log } = this.#options;
    const phase1 = this.#phase1;
    const proposals: Proposal[] = [];
    while (phase1?.done && phase1.next <= this.#filledUpTo && phase1.allows(phase1.next)) {
      // A window may be very wide, and nothing else is done meanwhile: each tick goes on.
      if (proposals.length >= RECOVERED_AT_ONCE) break;
      const slot = phase1.next;
      const vote = phase1.settleNext();
      // Chosen, and only a snapshot or a peer knows the value: a no-op there would contradict it. A promise of one configuration may
      // raise the base while another has not promised.
      if (slot <= Math.max(log.compactedUpTo, phase1.base)) continue;
      proposals.push(this.#propose({ slot, value: log.value(slot) ?? vote?.value ?? NOOP }, phase1, nowMs));
    }
    return proposals;
  }

  /** Proposes a new value in the next slot, or returns null where the window, the bytes in flight or the phase forbid. */
  propose(value: Uint8Array, nowMs: number): Proposal | null {
    const phase1 = this.#phase1;
    if (phase1 === null || this.capacity() === 0) return null;
    const slot = phase1.next;
    invariant(!this.#options.log.isKnown(slot), "a new value is proposed only where nothing is chosen", () => ({
      slot,
      ballot: formatBallot(phase1.ballot),
    }));
    phase1.settleNext();
    return this.#propose({ slot, value }, phase1, nowMs);
  }

  #propose(proposal: Proposal, phase1: Phase1, nowMs: number): Proposal {
    const { configurations, log } = this.#options;
    const { slot } = proposal;
    const { base, ballot } = phase1;
    invariant(slot > base, "a slot is proposed only above every reported chosen prefix", () => ({
      slot,
      base,
      ballot: formatBallot(ballot),
    }));
    invariant(phase1.allows(slot), "a slot is proposed inside the window of a configuration that promised", () => ({
      slot,
      chosenUpTo: log.chosenUpTo,
      ballot: formatBallot(ballot),
    }));
    this.#open.add(proposal, configurations.at(slot), nowMs);
    return proposal;
  }

  /** Votes of one member in the present ballot. Returns what became chosen, by slot. */
  onAccepted(from: NodeId, ballot: Ballot, ranges: readonly SlotRange[], nowMs: number): ChosenValue[] {
    if (this.phase !== "lead" || !ballotsEqual(ballot, this.ballot)) return [];
    return this.#open.voted(from, ranges, nowMs);
  }

  /** First slot that is open; `next` if none is. */
  lowestOpen(): Slot {
    return Math.min(this.#open.lowest(), this.next);
  }
}
