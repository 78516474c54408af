import type { NodeId, Slot } from "@synod/interface";
import type { SlotRange } from "./messages.js";

/** What a member's votes say of the way to it and back. */
interface Member {
  /** How long the vote for its timed slot took, from when the value was first sent. */
  voteMs: number;
  /** The slot whose vote is timed, whether or not others make it chosen before. */
  timed: { readonly slot: Slot; readonly sentAtMs: number } | null;
  /** Resends since that vote. */
  unanswered: number;
  /** When something was last sent again, and the last slot of it, until that slot's vote is there. */
  resent: { readonly atMs: number; readonly upTo: Slot } | null;
}

/** A member's votes are waited for this many times `resendMs` at most: a link may lose and heal without a word. */
const RESEND_WAITS_MAX = 16;

/** How long the votes of each member take, and so how long to wait before a value is sent to it again. */
export class VoteTimes {
  readonly #resendMs: number;
  readonly #members = new Map<NodeId, Member>();

  /** @param resendMs least wait */
  constructor(resendMs: number) {
    this.#resendMs = resendMs;
  }

  /** A value was sent for the first time. One slot at a time is timed. */
  sent(id: NodeId, slot: Slot, nowMs: number): void {
    this.#member(id).timed ??= { slot, sentAtMs: nowMs };
  }

  /** Votes came: also for copies, so that the time may be too long and never too short. */
  voted(id: NodeId, ranges: readonly SlotRange[], nowMs: number): void {
    const member = this.#member(id);
    for (const [first, last] of ranges) {
      const { resent, timed } = member;
      if (resent !== null && first <= resent.upTo && resent.upTo <= last) member.resent = null;
      if (timed === null || timed.slot > last) continue;
      // Voted past: the member learned the slot in another way.
      if (timed.slot >= first) {
        member.voteMs = nowMs - timed.sentAtMs;
        member.unanswered = 0;
      }
      member.timed = null;
    }
  }

  /** How long a value must have been under way to be sent again now; null if something was sent again too lately. */
  dueAfterMs(id: NodeId, nowMs: number): number | null {
    const { voteMs, unanswered, resent } = this.#member(id);
    const backedOffMs = Math.max(2 * voteMs, this.#resendMs) * 2 ** Math.min(unanswered, 10);
    const waitMs = Math.min(backedOffMs, RESEND_WAITS_MAX * this.#resendMs);
    return resent !== null && nowMs - resent.atMs < waitMs ? null : waitMs;
  }

  /** Which of these answer soonest: those that left something unanswered come last. One that was never asked may be the fastest. */
  fastestFirst(ids: readonly NodeId[]): NodeId[] {
    const silent = (id: NodeId): number => Number(this.#member(id).unanswered > 0);
    return [...ids].sort((a, b) => silent(a) - silent(b) || this.#member(a).voteMs - this.#member(b).voteMs);
  }

  /** How long a vote of the member may take before others are asked for theirs. */
  patienceMs(id: NodeId): number {
    return Math.min(Math.max(2 * this.#member(id).voteMs, this.#resendMs), RESEND_WAITS_MAX * this.#resendMs);
  }

  sentAgain(id: NodeId, upTo: Slot, nowMs: number): void {
    const member = this.#member(id);
    member.resent = { atMs: nowMs, upTo };
    member.unanswered++;
  }

  /** The connection broke: what was on the way is lost. */
  forget(id: NodeId): void {
    this.#members.delete(id);
  }

  #member(id: NodeId): Member {
    let member = this.#members.get(id);
    if (member === undefined) this.#members.set(id, (member = { voteMs: 0, timed: null, unanswered: 0, resent: null }));
    return member;
  }
}
