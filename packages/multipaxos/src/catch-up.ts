import type { NodeId, Slot } from "@synod/interface";
import type { ChosenLog } from "./log.js";
import type { Fetch } from "./messages.js";

/** A question that a peer has not answered with news. */
interface Question {
  readonly firstSlot: Slot;
  /** When it was asked last. */
  readonly atMs: number;
  /** An answer came, and did not hold the slot. */
  empty: boolean;
}

interface Source {
  /** Chosen prefix that it reported last. */
  upTo: Slot;
  question: Question | null;
  /** Its last answer did not help or did not come. */
  failed: boolean;
  /** When its last answer came, to whatever question. As long as answers come the way is busy, not broken. */
  heardMs: number;
  /** After this another peer is asked: twice what its last answer took, since the question or since the answer before it. */
  patienceMs: number;
  /** After this it may be asked again; doubles with each question that it left unanswered, as copies queue up before a slow link. */
  waitMs: number;
}

/** A silent peer is asked again after this many of the shortest waits at most: a link may lose and heal without a word. */
const WAITS_MAX = 16;

/** Asks peers for chosen values that are missing here: one question at a time, another peer when one does not help. */
export class CatchUp {
  readonly #log: ChosenLog;
  readonly #patienceMs: number;
  readonly #hasLittle: (id: NodeId) => boolean;
  readonly #sources = new Map<NodeId, Source>();
  /** Whose answer is waited for. */
  #asked: NodeId | null = null;
  #lastProgressMs = Number.NEGATIVE_INFINITY;

  /** @param hasLittle whether a peer keeps values for a short time only: those that have more are asked first */
  constructor(log: ChosenLog, patienceMs: number, hasLittle: (id: NodeId) => boolean = () => false) {
    this.#hasLittle = hasLittle;
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

  /** The chosen prefix that a peer reported last. */
  reportedBy(peer: NodeId): Slot {
    return this.#sources.get(peer)?.upTo ?? 0;
  }

  /** Everything up to a slot came at once, in a snapshot. */
  progressed(nowMs: number): void {
    this.#lastProgressMs = nowMs;
  }

  /** The peer has no such values any more, only a snapshot of them. It is not asked again before its patience is over. */
  offered(from: NodeId, nowMs: number): void {
    const source = this.#source(from);
    source.heardMs = nowMs;
    if (source.question !== null) source.question.empty = true;
    if (this.#asked !== from) return;
    source.failed = true;
    this.#asked = null;
  }

  /** The connection broke, and with it went what was queued in it. */
  lost(peer: NodeId): void {
    if (this.#asked === peer) this.#asked = null;
    const source = this.#sources.get(peer);
    // The connection to a member that left for good may break after it was forgotten.
    if (source === undefined) return;
    source.question = null;
    source.patienceMs = this.#patienceMs;
    source.waitMs = this.#patienceMs;
  }

  forget(peer: NodeId): void {
    this.#sources.delete(peer);
    if (this.#asked === peer) this.#asked = null;
  }

  /** Somebody depends on an answer soon: whoever was silent so far may be asked at once. */
  askAnew(): void {
    for (const source of this.#sources.values()) {
      source.question = null;
      source.patienceMs = this.#patienceMs;
      source.waitMs = this.#patienceMs;
    }
    // It had its chance.
    if (this.#asked !== null) this.#source(this.#asked).failed = true;
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
      const { question, patienceMs, heardMs } = this.#source(this.#asked);
      if (question !== null && nowMs - Math.max(question.atMs, heardMs) < patienceMs) return null;
      this.#source(this.#asked).failed = true;
      this.#asked = null;
    }
    const [firstSlot, lastSlot] = range;
    const to = this.#best(firstSlot, nowMs);
    if (to === null) return null;
    const source = this.#source(to);
    const { question: old } = source;
    if (old?.empty === false) source.waitMs = Math.min(2 * source.waitMs, WAITS_MAX * this.#patienceMs);
    source.question = { firstSlot, atMs: nowMs, empty: false };
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
    const { question, heardMs } = source;
    source.heardMs = nowMs;
    if (question === null || question.empty) return;
    const tookMs = nowMs - Math.max(question.atMs, heardMs);
    source.patienceMs = Math.min(Math.max(2 * tookMs, this.#patienceMs), WAITS_MAX * this.#patienceMs);
    source.waitMs = source.patienceMs;
    if (question.firstSlot !== firstSlot) return;
    // A peer without news is left alone until its question would have been late, so that two replicas never ask in a circle.
    if (!this.#log.isKnown(firstSlot)) {
      question.empty = true;
      return;
    }
    source.question = null;
    if (this.#asked === from) this.#asked = null;
  }

  /** The peer with the longest chosen prefix of those that have the slot and may be asked; each once before one is asked again. */
  #best(slot: Slot, nowMs: number): NodeId | null {
    const sources = [...this.#sources].filter(([, { upTo }]) => upTo >= slot);
    if (sources.every(([, { failed }]) => failed)) for (const [, source] of sources) source.failed = false;
    let best: NodeId | null = null;
    let bestUpTo = 0;
    let bestHasLittle = true;
    for (const [peer, { upTo, failed, question, heardMs, patienceMs, waitMs }] of sources) {
      const sinceMs = nowMs - Math.max(question?.atMs ?? 0, heardMs);
      const waits = question !== null && sinceMs < (question.empty ? patienceMs : waitMs);
      if (failed || waits) continue;
      const hasLittle = this.#hasLittle(peer);
      if (hasLittle === bestHasLittle ? upTo <= bestUpTo : hasLittle) continue;
      [best, bestUpTo, bestHasLittle] = [peer, upTo, hasLittle];
    }
    return best;
  }

  #source(peer: NodeId): Source {
    let source = this.#sources.get(peer);
    if (source === undefined) {
      const patienceMs = this.#patienceMs;
      const heardMs = Number.NEGATIVE_INFINITY;
      source = { upTo: 0, question: null, failed: false, heardMs, patienceMs, waitMs: patienceMs };
      this.#sources.set(peer, source);
    }
    return source;
  }
}
