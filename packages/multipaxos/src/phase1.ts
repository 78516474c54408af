import { ballotsEqual, compareBallots, formatBallot } from "@synod/paxos";
import type { Ballot, NodeId, Slot, Vote } from "@synod/interface";
import type { ConfigurationHistory, Governing } from "./configuration-history.js";
import { invariant } from "./invariant.js";
import type { ChosenLog } from "./log.js";
import type { Promise1b } from "./messages.js";
import { sameValue } from "./values.js";

/** What a proposer asks the history of configurations. */
export type Configurations = Pick<ConfigurationHistory, "at" | "from" | "inWindow" | "knownUpTo" | "last">;

/** How far the promise of a member reaches. */
interface PromiseState {
  /** It was asked from this slot on. */
  readonly first: Slot;
  /** Reported without a hole up to here; Infinity when it is complete. */
  covered: number;
}

export interface Phase1Options {
  readonly ballot: Ballot;
  /** Who decides on which slot: a phase-1 quorum of each configuration has to promise. */
  readonly configurations: Configurations;
  readonly log: ChosenLog;
  readonly nowMs: number;
}

/**
 * Phase 1 of one ballot, once for all slots above the chosen prefix: who promised it, and which votes they reported. It goes on
 * after the leadership began, whenever another configuration becomes known.
 */
export class Phase1 {
  readonly ballot: Ballot;
  /** Where it starts. */
  readonly fromSlot: Slot;
  readonly #configurations: Configurations;
  readonly #log: ChosenLog;
  readonly #promises = new Map<NodeId, PromiseState>();
  /** When each member was last asked for a page: first, again, or for the next one. */
  readonly #askedAtMs = new Map<NodeId, number>();
  /** Highest vote reported per slot. */
  readonly #reported = new Map<Slot, Vote>();
  /** Every configuration up to this epoch has promised: a phase-1 quorum of each that may own a slot from `next` on. */
  #promisedEpoch = 0;
  #done = false;
  #lastProgressMs: number;
  /**
   * Raised by promises alone. What others say may come from a node that is heard but cannot hear: a leader would wait for
   * ever for slots that only that node can serve, and that a phase-1 quorum reports as votes.
   */
  #base: Slot = 0;
  #barrier: Slot = 0;
  #next: Slot;

  constructor({ ballot, configurations, log, nowMs }: Phase1Options) {
    this.ballot = ballot;
    this.#configurations = configurations;
    this.#log = log;
    this.fromSlot = log.chosenUpTo + 1;
    this.#next = this.fromSlot;
    this.#lastProgressMs = nowMs;
  }

  /** Whether it began a leadership: values may be proposed. */
  get done(): boolean {
    return this.#done;
  }

  /** Whether every configuration up to the end of the window has promised this ballot. */
  get secured(): boolean {
    return this.#done && this.#promisedEpoch === this.#configurations.last.epoch;
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

  /** Time of the last promise page that brought something new, or of the start. */
  get lastProgressMs(): number {
    return this.#lastProgressMs;
  }

  /** Members whose promise is not complete and that were not asked for `waitMs`, with the slot from which they should go on. */
  unpromised(nowMs: number, waitMs: number): { to: NodeId; fromSlot: Slot }[] {
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

  /**
   * A page of a promise. A promise counts once its pages reach from `fromSlot` to infinity without a hole. One that comes when
   * nothing depends on it any more is not listened to: what it reports could not be proposed any more.
   * @returns `next` = ask this member for the page from that slot; `elected` = this page completed what was missing to lead.
   */
  onPromise(from: NodeId, page: Promise1b, nowMs: number): { next: Slot | null; elected: boolean } {
    const nothing = { next: null, elected: false };
    if (!ballotsEqual(page.ballot, this.ballot)) return nothing;
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
    if (vote.slot < this.#next) return;
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
    if (this.secured || this.#unpromisedConfigurations().length > 0) return false;
    const began = !this.#done;
    this.#done = true;
    this.#base = Math.max(this.#base, began ? this.#log.chosenUpTo : 0);
    this.#next = Math.max(this.#next, this.#base + 1);
    this.#barrier = Math.max(this.#barrier, this.#base);
    for (const slot of this.#reported.keys()) {
      if (slot < this.#next) this.#reported.delete(slot);
      else this.#barrier = Math.max(this.#barrier, slot);
    }
    this.#promisedEpoch = this.#configurations.last.epoch;
    // A page that is still missing comes anew if a later configuration asks: its votes must not be lost in between.
    for (const [id, { covered }] of this.#promises) if (covered !== Infinity) this.#promises.delete(id);
    return began;
  }

  /** Inside the window; and a phase-1 quorum of the configuration that governs the slot has promised. */
  allows(slot: Slot): boolean {
    if (!this.#configurations.inWindow(slot, this.#log.chosenUpTo)) return false;
    const governing = this.#configurations.at(slot);
    return governing.epoch <= this.#promisedEpoch || this.#hasPromised(governing);
  }

  /** The next slot is proposed, or passed over as chosen: what this ballot has to say about it is said. Gives the highest vote for it. */
  settleNext(): Vote | undefined {
    const vote = this.#reported.get(this.#next);
    this.#reported.delete(this.#next);
    this.#next++;
    return vote;
  }

  /** Configurations that may own a slot which this ballot has not proposed yet, and that have not promised. */
  #unpromisedConfigurations(): readonly Governing[] {
    if (this.secured) return [];
    const first = Math.max(this.#log.chosenUpTo + 1, this.#next);
    return this.#configurations.from(first).filter((governing) => !this.#hasPromised(governing));
  }

  /** Whether a phase-1 quorum of a configuration has promised this ballot for every slot that it may own. */
  #hasPromised({ from, quorums }: Governing): boolean {
    const complete = new Set<NodeId>();
    for (const [id, { first, covered }] of this.#promises) {
      if (covered === Infinity && first <= Math.max(from, this.fromSlot)) complete.add(id);
    }
    return quorums.phase1(complete);
  }

  /** A member of a configuration that governs later need not promise for the slots before. */
  #promiseOf(id: NodeId, { from }: Governing): PromiseState {
    let state = this.#promises.get(id);
    if (state === undefined) {
      const first = Math.max(from, this.fromSlot);
      this.#promises.set(id, (state = { first, covered: first - 1 }));
    }
    return state;
  }
}
