import type { NodeId, Slot } from "@synod/interface";
import type { ChosenLog } from "./log.js";
import type { Fetch } from "./messages.js";

/** Asks peers for chosen values that are missing here: one question at a time, another peer when one does not help. */
export class CatchUp {
  readonly #log: ChosenLog;
  readonly #waitMs: number;
  /** Chosen prefix that each peer reported last. */
  readonly #peers = new Map<NodeId, Slot>();
  #open: { to: NodeId; sentAtMs: number } | null = null;
  /** Peers whose last answer did not help or did not come. */
  readonly #failed = new Set<NodeId>();
  #lastProgressMs = Number.NEGATIVE_INFINITY;

  constructor(log: ChosenLog, waitMs: number) {
    this.#log = log;
    this.#waitMs = waitMs;
  }

  /** When a fetched value last brought the log forward. */
  get lastProgressMs(): number {
    return this.#lastProgressMs;
  }

  reported(peer: NodeId, chosenUpTo: Slot): void {
    // The last word counts: after a restart a peer may know less than before.
    this.#peers.set(peer, chosenUpTo);
    this.#log.reported(chosenUpTo);
  }

  /** The next question, if something is missing and none is open or the open one is late. */
  next(nowMs: number): { to: NodeId; fetch: Fetch } | null {
    if (this.#log.chosenUpTo >= this.#log.target) {
      this.#open = null;
      return null;
    }
    if (this.#open !== null) {
      if (nowMs - this.#open.sentAtMs < this.#waitMs) return null;
      this.#failed.add(this.#open.to);
      this.#open = null;
    }
    const range = this.#log.missing(1)[0];
    const to = range === undefined ? null : this.#source(range[0]);
    if (range === undefined || to === null) return null;
    this.#open = { to, sentAtMs: nowMs };
    return { to, fetch: { kind: "fetch", firstSlot: range[0], lastSlot: range[1] } };
  }

  /** An answer came. `news` = it held values that were not known. */
  answered(from: NodeId, news: boolean, nowMs: number): void {
    if (news) {
      this.#lastProgressMs = nowMs;
      this.#failed.delete(from);
    }
    if (this.#open?.to !== from) return;
    // A peer without news is left alone until its question would have been late, so that two replicas never ask in a circle.
    if (news) this.#open = null;
  }

  /** The peer with the longest chosen prefix of those that have the slot; each once before one is asked again. */
  #source(slot: Slot): NodeId | null {
    const sources = [...this.#peers].filter(([, upTo]) => upTo >= slot);
    if (sources.every(([peer]) => this.#failed.has(peer))) this.#failed.clear();
    let best: NodeId | null = null;
    let bestUpTo = 0;
    for (const [peer, upTo] of sources) {
      if (upTo > bestUpTo && !this.#failed.has(peer)) [best, bestUpTo] = [peer, upTo];
    }
    return best;
  }
}
