import type { NodeId, Slot } from "@synod/interface";
import type { SnapshotAsk, SnapshotChunk, SnapshotFacts } from "./messages.js";

/** Chunks that may be on their way at once. The first is asked for alone: nobody knows yet how quick the link is. */
const WINDOW_MAX = 8;

/** A silent source is asked again after this many of the shortest waits at most: a link may lose and heal without a word. */
const WAITS_MAX = 16;

/** A source that was asked so often in vain gives way to one with another snapshot. */
const STALLS_MAX = 2;

/** Bytes that were taken in, in the order of their offsets. */
export interface StoredChunk {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly checksum: string;
}

export type FetchStep =
  | { readonly kind: "ask"; readonly to: NodeId; readonly ask: SnapshotAsk }
  | { readonly kind: "begin"; readonly snapshot: SnapshotFacts }
  | { readonly kind: "resume"; readonly from: NodeId; readonly offset: number }
  | { readonly kind: "giveUp"; readonly reason: string };

interface Transfer {
  readonly facts: SnapshotFacts;
  source: NodeId | null;
  /** Everybody that a chunk came from. */
  readonly sources: Set<NodeId>;
  /** Given to the node, without a gap from the start. */
  received: number;
  /** Taken over by the disk. */
  stored: number;
  /** Where the next question starts. */
  asked: number;
  /** Length asked for, by offset. */
  readonly open: Map<number, number>;
  /** Came before what stands in front of it. */
  readonly early: Map<number, SnapshotChunk>;
  window: number;
  lastMs: number;
  /** When the last byte came, null before. */
  completeMs: number | null;
  patienceMs: number;
  stalls: number;
}

export const sameSnapshot = (a: SnapshotFacts, b: SnapshotFacts): boolean => a.index === b.index && a.hash === b.hash;

const factsOf = ({ index, hash, bytes }: SnapshotFacts): SnapshotFacts => ({ index, hash, bytes });

/**
 * Fetches a snapshot chunk by chunk. What counts is progress, never the time that all of it takes: a source is left when no
 * chunk came for a while, and whoever has the same snapshot, byte for byte, goes on at the offset that was reached.
 */
export class SnapshotFetch {
  readonly #chunkBytes: number;
  readonly #patienceMs: number;
  readonly #offers = new Map<NodeId, SnapshotFacts>();
  /** Whose snapshot turned out to be no good, by its hash. */
  readonly #refused = new Map<NodeId, string>();
  #transfer: Transfer | null = null;
  #lastProgressMs = Number.NEGATIVE_INFINITY;

  /** @param patienceMs shortest wait for the next chunk */
  constructor(chunkBytes: number, patienceMs: number) {
    this.#chunkBytes = chunkBytes;
    this.#patienceMs = patienceMs;
  }

  /** The snapshot that is under way, and how much of it came. */
  get progress(): { readonly snapshot: SnapshotFacts; readonly received: number; readonly from: NodeId | null } | null {
    const transfer = this.#transfer;
    return transfer && { snapshot: transfer.facts, received: transfer.received, from: transfer.source };
  }

  /** When a chunk came last. Once all have come the rest is up to this node alone, and counts as progress. */
  lastProgressMs(nowMs: number): number {
    return this.#complete ? nowMs : this.#lastProgressMs;
  }

  /** For how long a snapshot of which every byte came has not been installed. */
  installMs(nowMs: number): number {
    const completeMs = this.#transfer?.completeMs ?? null;
    return completeMs === null ? 0 : nowMs - completeMs;
  }

  get #complete(): boolean {
    return this.#transfer !== null && this.#transfer.received === this.#transfer.facts.bytes;
  }

  offered(from: NodeId, offer: SnapshotFacts, nowMs: number): void {
    const facts = factsOf(offer);
    this.#offers.set(from, facts);
    const transfer = this.#transfer;
    if (transfer?.source === from && !sameSnapshot(transfer.facts, facts)) this.#leaveSource(transfer, nowMs);
  }

  /** The connection to a peer broke. */
  lost(peer: NodeId, nowMs: number): void {
    this.#offers.delete(peer);
    this.#refused.delete(peer);
    if (this.#transfer?.source === peer) this.#leaveSource(this.#transfer, nowMs);
  }

  #leaveSource(transfer: Transfer, nowMs: number): void {
    transfer.source = null;
    // A while for another one that has the same; none where nothing of it would be lost, or snapshots could be taken faster than asked for.
    transfer.lastMs = transfer.received > 0 ? nowMs : Number.NEGATIVE_INFINITY;
    this.#askAgain(transfer);
  }

  #askAgain(transfer: Transfer): void {
    transfer.open.clear();
    transfer.early.clear();
    transfer.asked = transfer.received;
    transfer.window = 1;
  }

  /** A chunk came. Returns what may be stored now. */
  chunk(from: NodeId, chunk: SnapshotChunk, nowMs: number): StoredChunk[] {
    const transfer = this.#transfer;
    if (transfer === null || !sameSnapshot(transfer.facts, { ...chunk, bytes: 0 })) return [];
    const length = transfer.open.get(chunk.offset);
    if (length === undefined || chunk.bytes.length > length) return [];
    transfer.open.delete(chunk.offset);
    // The source may send less than asked for; the rest is asked for next.
    if (chunk.bytes.length < length) transfer.asked = Math.min(transfer.asked, chunk.offset + chunk.bytes.length);
    transfer.early.set(chunk.offset, chunk);
    transfer.sources.add(from);
    transfer.lastMs = nowMs;
    transfer.patienceMs = this.#patienceMs;
    transfer.stalls = 0;
    transfer.window = Math.min(2 * transfer.window, WINDOW_MAX);
    this.#lastProgressMs = nowMs;
    const stored: StoredChunk[] = [];
    for (let next = transfer.early.get(transfer.received); next !== undefined; ) {
      const { offset, bytes, checksum } = next;
      stored.push({ offset, bytes, checksum });
      transfer.early.delete(offset);
      transfer.received += bytes.length;
      next = transfer.early.get(transfer.received);
    }
    if (this.#complete) transfer.completeMs ??= nowMs;
    return stored;
  }

  /** The disk has taken over everything up to here: more may come. */
  stored(offset: number): void {
    if (this.#transfer !== null) this.#transfer.stored = Math.max(this.#transfer.stored, offset);
  }

  /** What came is not what its hash says. Whoever sent a part of it is not asked for it again, as long as there are others. */
  refused(facts: SnapshotFacts): void {
    const transfer = this.#transfer;
    if (transfer === null || !sameSnapshot(transfer.facts, facts)) return;
    for (const peer of transfer.sources) this.#refused.set(peer, transfer.facts.hash);
    this.#transfer = null;
  }

  /** The snapshot is installed, or of no more use. */
  finished(): void {
    this.#transfer = null;
  }

  /** What to do now: at each round of the clock, and after each chunk. */
  next(nowMs: number, chosenUpTo: Slot): FetchStep[] {
    for (const [peer, { index }] of this.#offers) if (index <= chosenUpTo) this.#offers.delete(peer);
    const steps: FetchStep[] = [];
    if (this.#complete) return steps;
    if (this.#transfer !== null && this.#transfer.facts.index <= chosenUpTo) {
      this.#transfer = null;
      steps.push({ kind: "giveUp", reason: "the log came first" });
    }
    if (this.#transfer === null) this.#begin(nowMs, steps);
    else this.#findSource(this.#transfer, nowMs, steps);
    if (this.#transfer !== null) this.#ask(this.#transfer, steps);
    return steps;
  }

  #begin(nowMs: number, steps: FetchStep[]): void {
    const best = this.#best();
    if (best === null) return;
    const [source, facts] = best;
    this.#transfer = {
      facts,
      source,
      sources: new Set(),
      received: 0,
      stored: 0,
      asked: 0,
      open: new Map(),
      early: new Map(),
      window: 1,
      lastMs: nowMs,
      completeMs: null,
      patienceMs: this.#patienceMs,
      stalls: 0,
    };
    this.#lastProgressMs = nowMs;
    steps.push({ kind: "begin", snapshot: facts });
  }

  /** The newest snapshot on offer; one that was refused only if there is no other. */
  #best(except: NodeId | null = null): [NodeId, SnapshotFacts] | null {
    const offers = [...this.#offers].filter(([peer]) => peer !== except);
    const good = offers.filter(([peer, { hash }]) => this.#refused.get(peer) !== hash);
    let best: [NodeId, SnapshotFacts] | null = null;
    for (const offer of good.length > 0 ? good : offers) {
      if (best === null || offer[1].index > best[1].index) best = offer;
    }
    return best;
  }

  #findSource(transfer: Transfer, nowMs: number, steps: FetchStep[]): void {
    const late = nowMs - transfer.lastMs > transfer.patienceMs;
    // Where the own disk is slow nothing is asked, and nobody is late.
    if (transfer.source !== null && (!late || transfer.open.size === 0)) return;
    for (const [peer, facts] of this.#offers) {
      if (peer === transfer.source || !sameSnapshot(facts, transfer.facts)) continue;
      // One that was silent is asked again only after it has offered anew: two deaf ones would take turns for ever.
      if (transfer.source !== null) this.#offers.delete(transfer.source);
      this.#askAgain(transfer);
      transfer.source = peer;
      transfer.lastMs = nowMs;
      steps.push({ kind: "resume", from: peer, offset: transfer.received });
      return;
    }
    if (!late) return;
    transfer.stalls++;
    transfer.lastMs = nowMs;
    transfer.patienceMs = Math.min(2 * transfer.patienceMs, WAITS_MAX * this.#patienceMs);
    if (transfer.source !== null && (transfer.stalls < STALLS_MAX || this.#best(transfer.source) === null)) {
      return this.#askAgain(transfer);
    }
    if (this.#best(transfer.source) === null) return;
    if (transfer.source !== null) this.#offers.delete(transfer.source);
    this.#transfer = null;
    steps.push({ kind: "giveUp", reason: "nobody serves it any more" });
    this.#begin(nowMs, steps);
  }

  #ask(transfer: Transfer, steps: FetchStep[]): void {
    const { source, facts } = transfer;
    if (source === null) return;
    const { index, hash, bytes } = facts;
    while (transfer.open.size < transfer.window && transfer.asked < bytes) {
      const offset = transfer.asked;
      // Bounds what is in memory, however slow the disk is.
      if (offset - transfer.stored >= WINDOW_MAX * this.#chunkBytes) return;
      const known = transfer.open.get(offset) ?? transfer.early.get(offset)?.bytes.length;
      const length = known ?? Math.min(this.#chunkBytes, bytes - offset);
      transfer.asked = offset + length;
      if (known !== undefined) continue;
      transfer.open.set(offset, length);
      steps.push({ kind: "ask", to: source, ask: { kind: "snapshotAsk", index, hash, offset, length } });
    }
  }
}
