import type { NodeId, Slot } from "@synod/interface";

interface Sent {
  readonly slot: Slot;
  readonly bytes: number;
}

interface Peer {
  /** What may be on the way to it unanswered, as it said last. */
  creditBytes: number;
  /** When it said so. */
  toldAtMs: number;
  /** Ascending. */
  sent: Sent[];
  sentBytes: number;
  /** First slot that it was not sent for lack of credit. */
  withheldFrom: Slot | null;
  withheldBytes: number;
}

/** A peer that gave no credit may say so for ever, or its next word may be lost: after this many waits it is asked by a copy. */
const PROBE_WAITS = 4;

export interface FlowOptions {
  /** Credit of a peer that has not said anything yet. */
  readonly creditBytesMax: number;
  readonly resendMs: number;
}

/**
 * How much a leader may have on the way to each peer. A slow or dead peer holds up nobody: what it has no credit for is not
 * queued for it anywhere. If others make a value chosen, the peer fetches it; if the value needs the peer, it goes out as soon as
 * there is credit again.
 */
export class Flow {
  readonly #options: FlowOptions;
  readonly #peers = new Map<NodeId, Peer>();

  constructor(options: FlowOptions) {
    this.#options = options;
  }

  /** The leadership is over. */
  reset(): void {
    this.#peers.clear();
  }

  /** The connection broke: what was on the way is gone. */
  lost(peer: NodeId): void {
    const old = this.#peers.get(peer);
    if (old === undefined) return;
    this.#peers.delete(peer);
    const { withheldFrom, withheldBytes } = old;
    Object.assign(this.#peer(peer), { withheldFrom, withheldBytes });
  }

  forget(peer: NodeId): void {
    this.#peers.delete(peer);
  }

  /** So many values may go out now. One alone may be above the credit, if there is any and nothing else is on the way. */
  admits(peer: NodeId, bytes: number, count: number = 1): boolean {
    const { creditBytes, sentBytes } = this.#peer(peer);
    return creditBytes > 0 && (sentBytes + bytes <= creditBytes || (sentBytes === 0 && count === 1));
  }

  sent(peer: NodeId, slot: Slot, bytes: number): void {
    const state = this.#peer(peer);
    state.sent.push({ slot, bytes });
    state.sentBytes += bytes;
  }

  /** Counts what is not sent; from the first of it on nothing is, until there is credit. */
  withhold(peer: NodeId, slot: Slot, bytes: number): void {
    const state = this.#peer(peer);
    state.withheldFrom ??= slot;
    state.withheldBytes += bytes;
  }

  withheldFrom(peer: NodeId): Slot | null {
    return this.#peers.get(peer)?.withheldFrom ?? null;
  }

  /** Everything below `slot` was sent, or is chosen and will be fetched. Null: nothing is held back any more. */
  goOnFrom(peer: NodeId, slot: Slot | null): void {
    this.#peer(peer).withheldFrom = slot;
  }

  /**
   * The peer spoke of slots up to `upTo`. Values are sent in ascending order over one connection: what was sent before the
   * one that it speaks of has arrived, or never will.
   */
  answered(peer: NodeId, upTo: Slot): void {
    const state = this.#peers.get(peer);
    if (state === undefined) return;
    let count = 0;
    for (; (state.sent[count]?.slot ?? Infinity) <= upTo; count++) state.sentBytes -= state.sent[count]?.bytes ?? 0;
    if (count > 0) state.sent.splice(0, count);
  }

  credit(peer: NodeId, creditBytes: number, nowMs: number): void {
    const state = this.#peer(peer);
    state.creditBytes = Math.min(creditBytes, this.#options.creditBytesMax);
    state.toldAtMs = nowMs;
  }

  /** Whether a copy may be sent although the credit is used up: to one that gave none lately, it may not. */
  mayProbe(peer: NodeId, nowMs: number): boolean {
    const { creditBytes, toldAtMs } = this.#peer(peer);
    return creditBytes > 0 || nowMs - toldAtMs >= PROBE_WAITS * this.#options.resendMs;
  }

  /** For status. */
  of(peer: NodeId): { readonly sentBytes: number; readonly creditBytes: number; readonly withheldBytes: number } {
    const { sentBytes, creditBytes, withheldBytes } = this.#peers.get(peer) ?? this.#fresh();
    return { sentBytes, creditBytes: Math.max(0, creditBytes - sentBytes), withheldBytes };
  }

  #peer(peer: NodeId): Peer {
    let state = this.#peers.get(peer);
    if (state === undefined) this.#peers.set(peer, (state = this.#fresh()));
    return state;
  }

  #fresh(): Peer {
    const creditBytes = this.#options.creditBytesMax;
    return { creditBytes, toldAtMs: 0, sent: [], sentBytes: 0, withheldFrom: null, withheldBytes: 0 };
  }
}
