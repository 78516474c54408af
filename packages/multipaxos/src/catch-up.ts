import type { NodeId, Slot } from "@synod/interface";
import type { ChosenLog } from "./log.js";
import type { Fetch } from "./messages.js";

/** A question that a peer has not answered with news. */
interface Question {
  readonly firstSlot: Slot;
  /** When it was asked last. */
  readonly atMs: number;
  /** When it was asked first. */
  readonly sinceMs: number;
  /** An answer came, and did not hold the slot. */
  empty: boolean;
}

interface Source {
  /** Chosen prefix that it reported last. */
  upTo: Slot;
  question: Question | null;
  /** Its last answer did not help or did not come. */
  failed: boolean;
  /** After this another peer is asked: twice what its last answer took. */
  patienceMs: number;
  /** After this it may be asked again; doubles with each question that it left unanswered, as copies queue up before a slow link. */
  waitMs: number;
}

/** A peer is asked again at least once in this many of the shortest waits. */
const WAITS_MAX = 32;

/** Asks peers for chosen values that are missing here: one question at a time, another peer when one does not help. */
export class CatchUp {
  readonly #log: ChosenLog;
  readonly #patienceMs: number;
  readonly #sources = new Map<NodeId, Source>();
  /** Whose answer is waited for. */
  #asked: NodeId | null = null;
  #lastProgressMs = Number.NEGATIVE_INFINITY;

  constructor(log: ChosenLog, patienceMs: number) {
    this.#log = log;
    this.#patienceMs = patienceMs;
  }

  /** When a fetched value last brought the log forward. */
  get lastProgressMs(): number {
    return this.#lastProgressMs;
  }

  reported(peer: NodeId, chosenUpTo: Slot): void {
    // The last word counts: after a restart a peer may know less than before.
    this.#source(peer).upTo = chosenUpTo;
    this.#log.reported(chosenUpTo);
  }

  /** The connection broke, and with it went what was queued in it. */
  lost(peer: NodeId): void {
    const source = this.#source(peer);
    source.question = null;
    source.patienceMs = this.#patienceMs;
    source.waitMs = this.#patienceMs;
    if (this.#asked === peer) this.#asked = null;
  }

  /** Somebody depends on an answer soon: whoever was silent so far may be asked at once. */
  askAnew(): void {
    for (const source of this.#sources.values()) {
      source.question = null;
      source.waitMs = source.patienceMs;
    }
    this.#asked = null;
  }

  /** The next question, if something is missing and none is open or the open one is late. */
  next(nowMs: number): { to: NodeId; fetch: Fetch } | null {
    const range = this.#log.missing(1)[0];
    if (range === undefined) {
      this.#asked = null;
      return null;
    }
    if (this.#asked !== null) {
      const { question, patienceMs } = this.#source(this.#asked);
      if (question !== null && nowMs - question.atMs < patienceMs) return null;
      this.#source(this.#asked).failed = true;
      this.#asked = null;
    }
    const [firstSlot, lastSlot] = range;
    const to = this.#best(firstSlot, nowMs);
    if (to === null) return null;
    const source = this.#source(to);
    const { question: old } = source;
    if (old?.empty === false) source.waitMs = Math.min(2 * source.waitMs, WAITS_MAX * this.#patienceMs);
    const sinceMs = old?.firstSlot === firstSlot ? old.sinceMs : nowMs;
    source.question = { firstSlot, atMs: nowMs, sinceMs, empty: false };
    this.#asked = to;
    return { to, fetch: { kind: "fetch", firstSlot, lastSlot } };
  }

  /** An answer came, from `firstSlot` on. `news` = it held values that were not known. */
  answered(from: NodeId, firstSlot: Slot, news: boolean, nowMs: number): void {
    const source = this.#source(from);
    if (news) {
      this.#lastProgressMs = nowMs;
      source.failed = false;
    }
    const { question } = source;
    if (question?.firstSlot !== firstSlot) return;
    // A peer without news is left alone until its question would have been late, so that two replicas never ask in a circle.
    if (!this.#log.isKnown(firstSlot)) {
      question.empty = true;
      return;
    }
    const tookMs = nowMs - question.sinceMs;
    source.patienceMs = Math.min(Math.max(2 * tookMs, this.#patienceMs), WAITS_MAX * this.#patienceMs);
    source.waitMs = source.patienceMs;
    source.question = null;
    if (this.#asked === from) this.#asked = null;
  }

  /** The peer with the longest chosen prefix of those that have the slot and may be asked; each once before one is asked again. */
  #best(slot: Slot, nowMs: number): NodeId | null {
    const sources = [...this.#sources].filter(([, { upTo }]) => upTo >= slot);
    if (sources.every(([, { failed }]) => failed)) for (const [, source] of sources) source.failed = false;
    let best: NodeId | null = null;
    let bestUpTo = 0;
    for (const [peer, { upTo, failed, question, patienceMs, waitMs }] of sources) {
      const waits = question !== null && nowMs - question.atMs < (question.empty ? patienceMs : waitMs);
      if (upTo > bestUpTo && !failed && !waits) [best, bestUpTo] = [peer, upTo];
    }
    return best;
  }

  #source(peer: NodeId): Source {
    let source = this.#sources.get(peer);
    if (source === undefined) {
      const patienceMs = this.#patienceMs;
      source = { upTo: 0, question: null, failed: false, patienceMs, waitMs: patienceMs };
      this.#sources.set(peer, source);
    }
    return source;
  }
}
