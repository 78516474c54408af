import { ballotsEqual, compareBallots, formatBallot, nextBallot, type QuorumSystem } from "@synod/paxos";
import type { Ballot, ChosenValue, NodeId, Slot, Vote } from "@synod/interface";
import { invariant } from "./invariant.js";
import type { ChosenLog } from "./log.js";
import type { Promise1b, SlotRange } from "./messages.js";
import { NOOP, sameValue } from "./values.js";

/** `prepare`: phase 1 under way. `lead`: phase 1 done, values may be proposed. */
export type ProposerPhase = "idle" | "prepare" | "lead";

/** A value to be sent in an Accept: new, or again to the members that have not voted. */
export interface Proposal {
  readonly slot: Slot;
  readonly value: Uint8Array;
}

export interface Resend {
  readonly to: readonly NodeId[];
  readonly proposals: readonly Proposal[];
}

interface Open {
  readonly value: Uint8Array;
  readonly voters: Set<NodeId>;
  readonly sentAtMs: number;
}

/** What a member's votes say of the way to it and back. */
interface Member {
  /** How long the vote for its timed slot took, from when the value was first sent. */
  voteMs: number;
  /** The slot whose vote is timed, whether or not others make it chosen before. */
  timed: { readonly slot: Slot; readonly sentAtMs: number } | null;
  /** Resends since that vote. */
  unanswered: number;
  /** When something was last sent again, and the last slot of it, until that slot's vote is there. */
  resent: { atMs: number; upTo: Slot } | null;
}

/** A member's votes are waited for this many times `resendMs` at most: a link may lose and heal without a word. */
const RESEND_WAITS_MAX = 16;

export interface ProposerOptions {
  readonly me: NodeId;
  readonly quorums: QuorumSystem;
  /** Window: a slot is proposed only up to the contiguous chosen prefix plus this. */
  readonly alpha: number;
  readonly inFlightBytesMax: number;
  /** Least wait before an unanswered Accept is sent again. */
  readonly resendMs: number;
  readonly log: ChosenLog;
}

/**
 * The proposer of a whole suffix: phase 1 once for all slots above the chosen prefix, then phase 2 for one slot after the
 * other inside a window (Paxos Made Simple, section 3). Everything in it belongs to one ballot and is dropped with it: a
 * proposal that was carried over to another ballot could contradict what that ballot's phase 1 found.
 */
export class Proposer {
  readonly #options: ProposerOptions;
  #phase: ProposerPhase = "idle";
  #ballot: Ballot | null = null;
  #fromSlot: Slot = 0;
  #lastProgressMs = 0;
  /** Up to which slot each member has reported without a hole; Infinity when its promise is complete. */
  #promises = new Map<NodeId, number>();
  /** When each member was last asked for a page: first, again, or for the next one. */
  #askedAtMs = new Map<NodeId, number>();
  /** Highest vote reported per slot. */
  #reported = new Map<Slot, Vote>();
  /**
   * Raised by promises alone. What others say may come from a node that is heard but cannot hear: a leader would wait for
   * ever for slots that only that node can serve, and that a phase-1 quorum reports as votes.
   */
  #base: Slot = 0;
  #barrier: Slot = 0;
  #next: Slot = 0;
  /** By slot, ascending. */
  #open = new Map<Slot, Open>();
  #openBytes = 0;
  #members = new Map<NodeId, Member>();

  constructor(options: ProposerOptions) {
    this.#options = options;
  }

  get phase(): ProposerPhase {
    return this.#phase;
  }

  /** The ballot of the present candidacy or leadership. */
  get ballot(): Ballot | null {
    return this.#ballot;
  }

  /** Where phase 1 starts. */
  get fromSlot(): Slot {
    return this.#fromSlot;
  }

  /** First slot that nothing was proposed for in this ballot. */
  get next(): Slot {
    return this.#next;
  }

  /** Everything that an earlier leader may have got chosen lies at or below. */
  get barrier(): Slot {
    return this.#barrier;
  }

  /** Slots up to here were chosen before this leadership: to be fetched, never to be filled. */
  get base(): Slot {
    return this.#base;
  }

  get openSlots(): number {
    return this.#open.size;
  }

  get openBytes(): number {
    return this.#openBytes;
  }

  /** Time of the last promise page that brought something new, or of the start. */
  get lastProgressMs(): number {
    return this.#lastProgressMs;
  }

  /** Starts phase 1 in a ballot above everything seen. */
  start(highestSeen: Ballot | null, nowMs: number): Ballot {
    this.stop();
    const ballot = nextBallot(highestSeen, this.#options.me);
    this.#phase = "prepare";
    this.#ballot = ballot;
    this.#fromSlot = this.#options.log.chosenUpTo + 1;
    this.#lastProgressMs = nowMs;
    return ballot;
  }

  /** Ends the candidacy or leadership and forgets everything of it. */
  stop(): void {
    this.#phase = "idle";
    this.#ballot = null;
    this.#promises = new Map();
    this.#askedAtMs = new Map();
    this.#reported = new Map();
    this.#open = new Map();
    this.#openBytes = 0;
    this.#members = new Map();
    this.#base = 0;
    this.#barrier = 0;
    this.#next = 0;
  }

  /** Members whose promise is not complete and that were not asked for `waitMs`, with the slot from which they should go on. */
  unpromised(nowMs: number, waitMs: number): { to: NodeId; fromSlot: Slot }[] {
    if (this.#phase !== "prepare") return [];
    const asked: { to: NodeId; fromSlot: Slot }[] = [];
    for (const id of this.#options.quorums.members) {
      const covered = this.#promises.get(id) ?? this.#fromSlot - 1;
      if (covered === Infinity || nowMs - (this.#askedAtMs.get(id) ?? -Infinity) < waitMs) continue;
      this.#askedAtMs.set(id, nowMs);
      asked.push({ to: id, fromSlot: covered + 1 });
    }
    return asked;
  }

  /**
   * A page of a promise. A promise counts once its pages reach from `fromSlot` to infinity without a hole.
   * @returns `next` = ask this member for the page from that slot; `elected` = this page completed a phase-1 quorum.
   */
  onPromise(from: NodeId, page: Promise1b, nowMs: number): { next: Slot | null; elected: boolean } {
    const nothing = { next: null, elected: false };
    if (this.#phase !== "prepare" || !ballotsEqual(page.ballot, this.#ballot)) return nothing;
    if (!this.#options.quorums.members.includes(from)) return nothing;
    // An acceptor that voted above its promise would have said so instead of promising.
    if (page.votes.some((vote) => compareBallots(vote.ballot, page.ballot) > 0)) return nothing;
    const covered = this.#promises.get(from) ?? this.#fromSlot - 1;
    const lastSlot = page.lastSlot ?? Infinity;
    if (page.firstSlot > covered + 1 || lastSlot <= covered) return nothing;
    this.#promises.set(from, lastSlot);
    this.#askedAtMs.set(from, nowMs);
    this.#lastProgressMs = nowMs;
    this.#base = Math.max(this.#base, page.chosenUpTo, page.snapshotIndex);
    for (const vote of page.votes) {
      const best = this.#reported.get(vote.slot);
      const order = best === undefined ? 1 : compareBallots(vote.ballot, best.ballot);
      invariant(
        order !== 0 || best === undefined || sameValue(best.value, vote.value),
        "one value for each slot and ballot",
        () => ({
          slot: vote.slot,
          ballot: formatBallot(vote.ballot),
        }),
      );
      if (order > 0) this.#reported.set(vote.slot, vote);
    }
    if (lastSlot !== Infinity) return { next: lastSlot + 1, elected: false };
    const complete = new Set<NodeId>();
    for (const [id, upTo] of this.#promises) if (upTo === Infinity) complete.add(id);
    if (!this.#options.quorums.phase1(complete)) return nothing;
    this.#lead();
    return { next: null, elected: true };
  }

  /**
   * Whether this leadership is over because a slot is chosen that it has not proposed yet: a later leader was at work. What
   * phase 1 found and the window still holds back may well be chosen already, in an earlier ballot.
   */
  endsWith(chosen: Slot): boolean {
    return this.#phase === "lead" && chosen >= this.#next && chosen > this.#barrier;
  }

  /** Whether a snapshot up to `index` speaks of slots that this leader proposed and has not counted, or has yet to propose. */
  coveredBy(index: Slot): boolean {
    return this.#phase === "lead" && (this.endsWith(index) || (this.#open.size > 0 && this.lowestOpen() <= index));
  }

  /** Phase 1 is complete: what was reported above the base is proposed again before anything else. */
  #lead(): void {
    this.#phase = "lead";
    this.#base = Math.max(this.#base, this.#options.log.chosenUpTo);
    this.#next = this.#base + 1;
    this.#barrier = this.#base;
    for (const slot of this.#reported.keys()) {
      if (slot <= this.#base) this.#reported.delete(slot);
      else this.#barrier = Math.max(this.#barrier, slot);
    }
    this.#promises = new Map();
  }

  /** Whether values that phase 1 found still wait for the window. */
  get recovering(): boolean {
    return this.#phase === "lead" && this.#next <= this.#barrier;
  }

  /** New slots that could be proposed now. */
  capacity(): number {
    if (this.#phase !== "lead" || this.recovering || this.#openBytes >= this.#options.inFlightBytesMax) return 0;
    return Math.max(0, this.#options.log.chosenUpTo + this.#options.alpha - this.#next + 1);
  }

  /**
   * Proposes again what phase 1 found, as far as the window allows: the value with the highest ballot, else a no-op. No
   * no-op stands for a chosen value: a slot above the base with no vote in a phase-1 quorum has nothing chosen. What this
   * replica itself knows as chosen (above a gap) is the same value by the same argument, and needs no vote to prove it.
   */
  recover(nowMs: number): Proposal[] {
    const { log, alpha } = this.#options;
    const proposals: Proposal[] = [];
    while (this.recovering && this.#next <= log.chosenUpTo + alpha) {
      const vote = this.#reported.get(this.#next);
      this.#reported.delete(this.#next);
      if (this.#next <= log.compactedUpTo) {
        // Chosen, and only a snapshot knows the value: a no-op there would contradict it.
        this.#next++;
        continue;
      }
      proposals.push(this.#propose(log.value(this.#next) ?? vote?.value ?? NOOP, nowMs));
    }
    return proposals;
  }

  /** Proposes a new value in the next slot, or returns null where the window, the bytes in flight or the phase forbid. */
  propose(value: Uint8Array, nowMs: number): Proposal | null {
    if (this.capacity() === 0) return null;
    invariant(!this.#options.log.isKnown(this.#next), "a new value is proposed only where nothing is chosen", () => ({
      slot: this.#next,
      ballot: formatBallot(this.#ballot),
    }));
    return this.#propose(value, nowMs);
  }

  #propose(value: Uint8Array, nowMs: number): Proposal {
    const slot = this.#next;
    invariant(slot > this.#base, "a slot is proposed only above every reported chosen prefix", () => ({
      slot,
      base: this.#base,
      ballot: formatBallot(this.#ballot),
    }));
    this.#next++;
    this.#open.set(slot, { value, voters: new Set(), sentAtMs: nowMs });
    for (const id of this.#options.quorums.members) this.#member(id).timed ??= { slot, sentAtMs: nowMs };
    this.#openBytes += value.length;
    return { slot, value };
  }

  /** Votes of one member in the present ballot. Returns what became chosen, by slot. */
  onAccepted(from: NodeId, ballot: Ballot, ranges: readonly SlotRange[], nowMs: number): ChosenValue[] {
    if (this.#phase !== "lead" || !ballotsEqual(ballot, this.#ballot)) return [];
    if (!this.#options.quorums.members.includes(from)) return [];
    const chosen: ChosenValue[] = [];
    const member = this.#member(from);
    // Ranges come in ascending order, so that all of them together walk over the open slots once, whatever they name.
    let slot = this.lowestOpen();
    for (const [first, last] of ranges) {
      if (member.resent !== null && first <= member.resent.upTo && member.resent.upTo <= last) member.resent = null;
      this.#timeVote(member, first, last, nowMs);
      for (slot = Math.max(slot, first); slot <= last && slot < this.#next; slot++) {
        const open = this.#open.get(slot);
        if (open === undefined || open.voters.has(from)) continue;
        open.voters.add(from);
        if (!this.#options.quorums.phase2(open.voters)) continue;
        this.settled(slot);
        chosen.push({ slot, value: open.value });
      }
    }
    return chosen;
  }

  /** The value that is open at a slot in the present ballot. */
  openValue(slot: Slot): Uint8Array | undefined {
    return this.#open.get(slot)?.value;
  }

  /** The slot is known as chosen: it is no longer resent. */
  settled(slot: Slot): void {
    const open = this.#open.get(slot);
    if (open === undefined) return;
    this.#open.delete(slot);
    this.#openBytes -= open.value.length;
  }

  /** The connection to a member broke: what was on the way is lost, and may be sent again at once. */
  lost(member: NodeId): void {
    this.#members.delete(member);
  }

  /**
   * Open slots whose votes are overdue, per member that has not voted; about `bytesMax` at a time for each, in ascending
   * order. The wait follows what the votes of that member take: over a busy link the first copy still waits to be sent, and
   * each one more would make it worse.
   */
  overdue(nowMs: number, bytesMax: number, may: (id: NodeId) => boolean = () => true): Resend[] {
    const resends: Resend[] = [];
    for (const id of this.#options.quorums.members) {
      const member = this.#member(id);
      const waitMs = this.#waitMs(member);
      if (member.resent !== null && nowMs - member.resent.atMs < waitMs) continue;
      if (!may(id)) continue;
      const proposals = this.#unvoted(id, nowMs - waitMs, bytesMax);
      const last = proposals.at(-1);
      if (last === undefined) continue;
      member.resent = { atMs: nowMs, upTo: last.slot };
      member.unanswered++;
      resends.push({ to: [id], proposals });
    }
    return resends;
  }

  /** One slot at a time is timed: also where copies were sent, so that the time may be too long and never too short. */
  #timeVote(member: Member, first: Slot, last: Slot, nowMs: number): void {
    const { timed } = member;
    if (timed === null || timed.slot > last) return;
    // Voted past: the member learned the slot in another way.
    if (timed.slot >= first) {
      member.voteMs = nowMs - timed.sentAtMs;
      member.unanswered = 0;
    }
    member.timed = null;
  }

  #waitMs({ voteMs, unanswered }: Member): number {
    const { resendMs } = this.#options;
    return Math.min(Math.max(2 * voteMs, resendMs) * 2 ** Math.min(unanswered, 10), RESEND_WAITS_MAX * resendMs);
  }

  #unvoted(id: NodeId, sentUpToMs: number, bytesMax: number): Proposal[] {
    const proposals: Proposal[] = [];
    let bytes = 0;
    for (const [slot, { value, voters, sentAtMs }] of this.#open) {
      if (sentAtMs > sentUpToMs || (bytes > 0 && bytes + value.length > bytesMax)) break;
      if (voters.has(id)) continue;
      bytes += value.length;
      proposals.push({ slot, value });
    }
    return proposals;
  }

  /** First slot that is open; `next` if none is. */
  lowestOpen(): Slot {
    for (const slot of this.#open.keys()) return slot;
    return this.#next;
  }

  #member(id: NodeId): Member {
    let member = this.#members.get(id);
    if (member === undefined) this.#members.set(id, (member = { voteMs: 0, timed: null, unanswered: 0, resent: null }));
    return member;
  }
}
