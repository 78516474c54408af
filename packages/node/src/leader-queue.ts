import type { NodeId } from "@synod/interface";
import type { BatchEntry } from "@synod/rsm";

/** Something that waits for a place in a batch. */
export interface Queued {
  readonly entry: BatchEntry;
  readonly bytes: number;
  /** False once nobody wants it any more; it is skipped then. */
  readonly wanted: () => boolean;
  /** It is part of a proposal now, and may be chosen. */
  readonly proposed: () => void;
  /** The leadership ended before it was proposed. */
  readonly dropped: () => void;
}

interface Lane {
  readonly items: Queued[];
  head: number;
}

/**
 * What a leader has to propose, per origin: own callers and each node that forwards. Batches take from the origins in turn, so
 * that none can starve another.
 */
export class LeaderQueue {
  readonly #lanes = new Map<NodeId, Lane>();
  #order: NodeId[] = [];
  #bytes = 0;
  #count = 0;

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#count;
  }

  add(origin: NodeId, queued: Queued): void {
    let lane = this.#lanes.get(origin);
    if (lane === undefined) {
      lane = { items: [], head: 0 };
      this.#lanes.set(origin, lane);
      this.#order.push(origin);
    }
    lane.items.push(queued);
    this.#bytes += queued.bytes;
    this.#count++;
  }

  /** Takes up to `bytesMax` of entries, at least one if there is any. */
  take(bytesMax: number): Queued[] {
    const batch: Queued[] = [];
    let bytes = 0;
    let idle = 0;
    while (this.#count > 0 && idle < this.#order.length) {
      const origin = this.#order.shift();
      if (origin === undefined) break;
      this.#order.push(origin);
      const lane = this.#lanes.get(origin);
      const queued = lane?.items[lane.head];
      if (lane === undefined || queued === undefined) {
        idle++;
        continue;
      }
      idle = 0;
      if (batch.length > 0 && bytes + queued.bytes > bytesMax) {
        this.#order.unshift(...this.#order.splice(-1));
        break;
      }
      this.#remove(lane, queued);
      if (!queued.wanted()) continue;
      batch.push(queued);
      bytes += queued.bytes;
    }
    return batch;
  }

  /** The leadership is over: gives everything back. */
  clear(): void {
    for (const lane of this.#lanes.values()) {
      for (const queued of lane.items.slice(lane.head)) queued.dropped();
    }
    this.#lanes.clear();
    this.#order = [];
    this.#bytes = 0;
    this.#count = 0;
  }

  #remove(lane: Lane, queued: Queued): void {
    lane.head++;
    this.#bytes -= queued.bytes;
    this.#count--;
    if (lane.head === lane.items.length || lane.head > 1024) {
      lane.items.splice(0, lane.head);
      lane.head = 0;
    }
  }
}
