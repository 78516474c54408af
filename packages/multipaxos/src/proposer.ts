import { ballotsEqual, compareBallots, formatBallot, nextBallot, type QuorumSystem } from "@synod/paxos";
import type { Ballot, ChosenValue, NodeId, Slot, Vote } from "@synod/interface";
import type { ConfigurationHistory, Governing } from "./configuration-history.js";
import { fullVotersOf } from "./configuration-value.js";
import { invariant } from "./invariant.js";
import type { ChosenLog } from "./log.js";
import type { Promise1b, SlotRange } from "./messages.js";
import { thriftyQuorum } from "./thrift.js";
import { NOOP, sameValue } from "./values.js";
import { VoteTimes } from "./vote-times.js";

/** `prepare`: phase 1 under way. `lead`: phase 1 done, values may be proposed. */
export type ProposerPhase = "idle" | "prepare" | "lead";

/** Most that is proposed again, or filled, in one go. */
const RECOVERED_AT_ONCE = 16_384;

/** A value to be sent in an Accept: new, or again to the members that have not voted. */
export interface Proposal {
  readonly slot: Slot;
  readonly value: Uint8Array;
}

export interface Resend {
  readonly to: readonly NodeId[];
  readonly proposals: readonly Proposal[];
  /** The first that was left out so far, if any was. */
  readonly widened: Slot | null;
}

interface Open {
  readonly value: Uint8Array;
  /** Of the configuration that governs the slot. */
  readonly quorums: QuorumSystem;
  readonly voters: Set<NodeId>;
  readonly sentAtMs: number;
  /** Voters that are to vote; the others were not sent the value. Null: everybody was. */
  first: ReadonlySet<NodeId> | null;
}

/** What a proposer asks the history of configurations. */
export type Configurations = Pick<ConfigurationHistory, "at" | "from" | "inWindow" | "knownUpTo" | "last">;

/** How far the promise of a member reaches. */
interface PromiseState {
  /** It was asked from this slot on. */
  readonly first: Slot;
  /** Reported without a hole up to here; Infinity when it is complete. */
  covered: number;
}

export interface ProposerOptions {
  readonly me: NodeId;
  /** Who decides on which slot, and how wide the window is. */
  readonly configurations: Configurations;
  /** To whom values are sent, this node included: members that count, and others that only follow the log. */
  readonly audience: () => readonly NodeId[];
  /** Where the leader is thrifty: whether a member is there and has room for so many bytes. */
  readonly thrifty?: ((id: NodeId, bytes: number) => boolean) | null;
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
  #promises = new Map<NodeId, PromiseState>();
  /** Every configuration up to this epoch has promised: a phase-1 quorum of each that may own a slot from `next` on. */
  #promisedEpoch = 0;
  /** The window is filled with no-ops up to here, so that a change of the configuration takes effect. */
  #fillUpTo: Slot = 0;
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
  /** Slots up to here went to everybody after all: a member of the quorum was silent. */
  #widenedUpTo: Slot = 0;
  readonly #times: VoteTimes;

  constructor(options: ProposerOptions) {
    this.#options = options;
    this.#times = new VoteTimes(options.resendMs);
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
    this.#promisedEpoch = 0;
    this.#fillUpTo = 0;
    this.#askedAtMs = new Map();
    this.#reported = new Map();
    this.#open = new Map();
    this.#openBytes = 0;
    this.#widenedUpTo = 0;
    this.#times.forgetAll();
    this.#base = 0;
    this.#barrier = 0;
    this.#next = 0;
  }

  /** Configurations that may own a slot which this ballot has not proposed yet, and that have not promised. */
  #unpromisedConfigurations(): readonly Governing[] {
    const { configurations, log } = this.#options;
    if (this.#phase === "lead" && this.#promisedEpoch === configurations.last.epoch) return [];
    const first = Math.max(log.chosenUpTo + 1, this.#phase === "lead" ? this.#next : this.#fromSlot);
    return configurations.from(first).filter((governing) => !this.#hasPromised(governing));
  }

  /** Whether a phase-1 quorum of a configuration has promised this ballot for every slot that it may own. */
  #hasPromised({ from, quorums }: Governing): boolean {
    const complete = new Set<NodeId>();
    for (const [id, { first, covered }] of this.#promises) {
      if (covered === Infinity && first <= Math.max(from, this.#fromSlot)) complete.add(id);
    }
    return quorums.phase1(complete);
  }

  /** Whether every configuration up to the end of the window has promised this ballot. */
  get secured(): boolean {
    return this.#phase === "lead" && this.#promisedEpoch === this.#options.configurations.last.epoch;
  }

  /** Members whose promise is not complete and that were not asked for `waitMs`, with the slot from which they should go on. */
  unpromised(nowMs: number, waitMs: number): { to: NodeId; fromSlot: Slot }[] {
    if (this.#phase === "idle") return [];
    const asked: { to: NodeId; fromSlot: Slot }[] = [];
    for (const governing of this.#unpromisedConfigurations()) {
      for (const id of governing.quorums.members) {
        const state = this.#promiseOf(id, governing);
        if (state.covered === Infinity || nowMs - (this.#askedAtMs.get(id) ?? -Infinity) < waitMs) continue;
        this.#askedAtMs.set(id, nowMs);
        asked.push({ to: id, fromSlot: state.covered + 1 });
      }
    }
    return asked;
  }

  /** A member of a configuration that governs later need not promise for the slots before. */
  #promiseOf(id: NodeId, { from }: Governing): PromiseState {
    let state = this.#promises.get(id);
    if (state === undefined) {
      const first = Math.max(from, this.#fromSlot);
      this.#promises.set(id, (state = { first, covered: first - 1 }));
    }
    return state;
  }

  /**
   * A page of a promise. A promise counts once its pages reach from `fromSlot` to infinity without a hole. One that comes when
   * nothing depends on it any more is not listened to: what it reports could not be proposed any more.
   * @returns `next` = ask this member for the page from that slot; `elected` = this page completed what was missing to lead.
   */
  onPromise(from: NodeId, page: Promise1b, nowMs: number): { next: Slot | null; elected: boolean } {
    const nothing = { next: null, elected: false };
    if (this.#phase === "idle" || !ballotsEqual(page.ballot, this.#ballot)) return nothing;
    const wanted = this.#unpromisedConfigurations().find(({ quorums }) => quorums.members.includes(from));
    if (wanted === undefined) return nothing;
    // An acceptor that voted above its promise would have said so instead of promising.
    if (page.votes.some((vote) => compareBallots(vote.ballot, page.ballot) > 0)) return nothing;
    const state = this.#promiseOf(from, wanted);
    const { covered } = state;
    const lastSlot = page.lastSlot ?? Infinity;
    if (page.firstSlot > covered + 1 || lastSlot <= covered) return nothing;
    state.covered = lastSlot;
    this.#askedAtMs.set(from, nowMs);
    this.#lastProgressMs = nowMs;
    this.#base = Math.max(this.#base, page.chosenUpTo, page.snapshotIndex);
    for (const vote of page.votes) this.#report(vote);
    if (lastSlot !== Infinity) return { next: lastSlot + 1, elected: false };
    return { next: null, elected: this.secure() };
  }

  #report(vote: Vote): void {
    // Proposed in this ballot already: the vote is for that.
    if (this.#phase === "lead" && vote.slot < this.#next) return;
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

  /**
   * Looks whether every configuration that may own a slot has promised by now: new ones become known as the log comes forward,
   * and slots of old ones are settled. Returns whether this began the leadership.
   */
  secure(): boolean {
    if (this.#phase === "idle" || this.secured || this.#unpromisedConfigurations().length > 0) return false;
    const began = this.#phase === "prepare";
    this.#phase = "lead";
    this.#base = Math.max(this.#base, began ? this.#options.log.chosenUpTo : 0);
    this.#next = Math.max(this.#next, this.#base + 1);
    this.#barrier = Math.max(this.#barrier, this.#base);
    for (const slot of this.#reported.keys()) {
      if (slot < this.#next) this.#reported.delete(slot);
      else this.#barrier = Math.max(this.#barrier, slot);
    }
    this.#promisedEpoch = this.#options.configurations.last.epoch;
    // A page that is still missing comes anew if a later configuration asks: its votes must not be lost in between.
    for (const [id, { covered }] of this.#promises) if (covered !== Infinity) this.#promises.delete(id);
    return began;
  }

  /**
   * Whether this leadership is over because a slot is chosen that it has not proposed yet: a later leader was at work. What
   * phase 1 found and the window still holds back may well be chosen already, in an earlier ballot.
   */
  endsWith(chosen: Slot): boolean {
    // Where a configuration has not promised yet, earlier leaders may have got more chosen than is known here.
    return this.secured && chosen >= this.#next && chosen > this.#barrier;
  }

  /** Whether a snapshot up to `index` speaks of slots that this leader proposed and has not counted, or has yet to propose. */
  coveredBy(index: Slot): boolean {
    return this.#phase === "lead" && (this.endsWith(index) || (this.#open.size > 0 && this.lowestOpen() <= index));
  }

  /** Whether phase 1 is still under way for some configuration, or values that it found wait for the window. */
  get recovering(): boolean {
    return this.#phase === "lead" && (!this.secured || this.#next <= this.#barrier);
  }

  /** The last slot that is filled without being asked to. */
  get #filledUpTo(): Slot {
    return Math.max(this.#barrier, this.#fillUpTo, this.#options.configurations.last.from - 1);
  }

  /** Asks for no-ops up to a slot, so that what is to govern from the one after it does so soon. */
  fill(upTo: Slot): void {
    this.#fillUpTo = Math.max(this.#fillUpTo, upTo);
  }

  /** Inside the window; and a phase-1 quorum of the configuration that governs the slot has promised. */
  #mayPropose(slot: Slot): boolean {
    const { configurations, log } = this.#options;
    return configurations.inWindow(slot, log.chosenUpTo) && this.#isSecured(configurations.at(slot));
  }

  #isSecured(governing: Governing): boolean {
    return governing.epoch <= this.#promisedEpoch || this.#hasPromised(governing);
  }

  /** New slots that could be proposed now. */
  capacity(): number {
    if (this.#phase !== "lead" || this.recovering || this.#openBytes >= this.#options.inFlightBytesMax) return 0;
    if (this.#next <= this.#filledUpTo) return 0;
    const { configurations, log } = this.#options;
    const { alpha } = configurations.at(this.#next).configuration;
    const last = Math.min(log.chosenUpTo + alpha, configurations.knownUpTo(log.chosenUpTo));
    return Math.max(0, last - this.#next + 1);
  }

  /**
   * Proposes again what phase 1 found, as far as the window allows: the value with the highest ballot, else a no-op. No
   * no-op stands for a chosen value: a slot above the base with no vote in a phase-1 quorum of its configuration has nothing chosen.
   * What this replica itself knows as chosen (above a gap) is the same value by the same argument, and needs no vote to prove it.
   */
  recover(nowMs: number): Proposal[] {
    const { log } = this.#options;
    const proposals: Proposal[] = [];
    while (this.#phase === "lead" && this.#next <= this.#filledUpTo && this.#mayPropose(this.#next)) {
      // A window may be very wide, and nothing else is done meanwhile: each tick goes on.
      if (proposals.length >= RECOVERED_AT_ONCE) break;
      const vote = this.#reported.get(this.#next);
      this.#reported.delete(this.#next);
      if (this.#next <= Math.max(log.compactedUpTo, this.#base)) {
        // Chosen, and only a snapshot or a peer knows the value: a no-op there would contradict it. A promise of one configuration may
        // raise the base while another has not promised.
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
    invariant(this.#mayPropose(slot), "a slot is proposed inside the window of a configuration that promised", () => ({
      slot,
      chosenUpTo: this.#options.log.chosenUpTo,
      ballot: formatBallot(this.#ballot),
    }));
    this.#next++;
    const governing = this.#options.configurations.at(slot);
    const { quorums } = governing;
    const first = this.#firstVoters(governing, value.length);
    this.#open.set(slot, { value, quorums, voters: new Set(), sentAtMs: nowMs, first });
    for (const id of this.#options.audience()) if (!leavesOut(first, quorums, id)) this.#times.sent(id, slot, nowMs);
    this.#openBytes += value.length;
    return { slot, value };
  }

  /** Whom a thrifty leader asks for votes; null: everybody. While a slot waits for those that were left out, all are asked for the next. */
  #firstVoters({ quorums, configuration }: Governing, bytes: number): ReadonlySet<NodeId> | null {
    const { thrifty, me } = this.#options;
    if (!thrifty || this.lowestOpen() <= this.#widenedUpTo) return null;
    const able = quorums.members.filter((id) => id !== me && thrifty(id, bytes));
    // Witnesses are for the case that a full member is missing.
    const full = fullVotersOf(configuration);
    const fastest = this.#times.fastestFirst(able);
    const candidates = [...fastest.filter((id) => full.includes(id)), ...fastest.filter((id) => !full.includes(id))];
    return thriftyQuorum(quorums, me, candidates);
  }

  /** Whether a voter is not to be sent the value of an open slot, as others are enough. */
  leavesOut(slot: Slot, id: NodeId): boolean {
    const open = this.#open.get(slot);
    return open !== undefined && leavesOut(open.first, open.quorums, id);
  }

  /** These slots go to everybody after all. */
  widen(proposals: readonly Proposal[]): void {
    for (const { slot } of proposals) {
      const open = this.#open.get(slot);
      if (open !== undefined) open.first = null;
    }
  }

  /** Votes of one member in the present ballot. Returns what became chosen, by slot. */
  onAccepted(from: NodeId, ballot: Ballot, ranges: readonly SlotRange[], nowMs: number): ChosenValue[] {
    if (this.#phase !== "lead" || !ballotsEqual(ballot, this.#ballot)) return [];
    if (!this.#options.audience().includes(from)) return [];
    const chosen: ChosenValue[] = [];
    // Ranges come in ascending order, so that all of them together walk over the open slots once, whatever they name.
    let slot = this.lowestOpen();
    this.#times.voted(from, ranges, nowMs);
    for (const [first, last] of ranges) {
      for (slot = Math.max(slot, first); slot <= last && slot < this.#next; slot++) {
        const open = this.#open.get(slot);
        if (open === undefined || open.voters.has(from)) continue;
        open.voters.add(from);
        // Voters that the configuration of the slot does not list never count.
        if (!open.quorums.phase2(open.voters)) continue;
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
    this.#times.forget(member);
  }

  /**
   * Open slots whose votes are overdue, per member that has not voted; about `bytesMax` at a time for each, in ascending
   * order. The wait follows what the votes of that member take: over a busy link the first copy still waits to be sent, and
   * each one more would make it worse.
   */
  overdue(nowMs: number, bytesMax: number, may: (id: NodeId) => boolean = () => true): Resend[] {
    const resends: Resend[] = [];
    for (const id of this.#options.audience()) {
      const waitMs = this.#times.dueAfterMs(id, nowMs);
      if (waitMs === null || !may(id)) continue;
      const proposals = this.#unvoted(id, nowMs, waitMs, bytesMax);
      const last = proposals.at(-1);
      if (last === undefined) continue;
      const widened = proposals.find(({ slot }) => this.leavesOut(slot, id))?.slot ?? null;
      if (widened !== null) {
        this.#times.sent(id, widened, nowMs);
        this.#widenedUpTo = Math.max(this.#widenedUpTo, last.slot);
      }
      this.#times.sentAgain(id, last.slot, nowMs);
      resends.push({ to: [id], proposals, widened });
    }
    for (const { proposals, widened } of resends) if (widened !== null) this.widen(proposals);
    return resends;
  }

  /** One that was left out is asked when those that were not had as long as they take. */
  #patienceMs(id: NodeId, { first, quorums }: Open): number {
    if (!leavesOut(first, quorums, id)) return 0;
    return Math.max(0, ...[...(first ?? [])].map((other) => this.#times.patienceMs(other)));
  }

  #unvoted(id: NodeId, nowMs: number, waitMs: number, bytesMax: number): Proposal[] {
    const proposals: Proposal[] = [];
    let bytes = 0;
    for (const [slot, open] of this.#open) {
      const { value, voters, sentAtMs } = open;
      const sinceMs = nowMs - sentAtMs;
      if (sinceMs < waitMs || sinceMs < this.#patienceMs(id, open)) break;
      if (bytes > 0 && bytes + value.length > bytesMax) break;
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
}

function leavesOut(first: ReadonlySet<NodeId> | null, quorums: QuorumSystem, id: NodeId): boolean {
  // Who has no vote follows the log by what it is sent.
  return first !== null && !first.has(id) && quorums.members.includes(id);
}
