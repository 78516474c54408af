import type { NodeId } from "@synod/interface";
import type { BatchEntry } from "@synod/rsm";

/** Something that waits for a place in a batch. */
export interface Queued {
  readonly entry: BatchEntry;
  /** Of the entry in a batch. */
  readonly bytes: number;
  /** It is part of a proposal now, and may be chosen. */
  readonly proposed: () => void;
  /** The leadership ended before it was proposed. */
  readonly dropped: () => void;
}

/** What an entry costs besides its bytes: small commands must not take more memory than they count. */
const ENTRY_BYTES = 512;

/** Places are emptied at once, and cleared away when most of a lane is empty. */
class Lane {
  #places: { queued: Queued | null }[] = [];
  #head = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(queued: Queued): () => boolean {
    const place: { queued: Queued | null } = { queued };
    this.#places.push(place);
    this.#count++;
    return () => this.#empty(place);
  }

  first(): Queued | undefined {
    for (; this.#head < this.#places.length; this.#head++) {
      const queued = this.#places[this.#head]?.queued;
      if (queued) return queued;
    }
    return undefined;
  }

  removeFirst(): void {
    this.first();
    const place = this.#places[this.#head];
    if (place !== undefined) this.#empty(place);
  }

  *all(): Generator<Queued> {
    for (const { queued } of this.#places) if (queued !== null) yield queued;
  }

  /** Whether it was still there. */
  #empty(place: { queued: Queued | null }): boolean {
    if (place.queued === null) return false;
    place.queued = null;
    this.#count--;
    if (this.#places.length > 2 * this.#count + 64) {
      this.#places = this.#places.filter(({ queued }) => queued !== null);
      this.#head = 0;
    }
    return true;
  }
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

  /** Of the entries and of what it costs to hold them. */
  get bytes(): number {
    return this.#bytes + this.#count * ENTRY_BYTES;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether so many more entries with so many bytes stay within the limit. */
  hasRoom(entries: number, bytes: number, bytesMax: number): boolean {
    return this.bytes + entries * ENTRY_BYTES + bytes <= bytesMax;
  }

  /** Returns what takes it out again once nobody wants it any more. */
  add(origin: NodeId, queued: Queued): () => void {
    let lane = this.#lanes.get(origin);
    if (lane === undefined) {
      lane = new Lane();
      this.#lanes.set(origin, lane);
      this.#order.push(origin);
    }
    const remove = lane.add(queued);
    const from = lane;
    this.#bytes += queued.bytes;
    this.#count++;
    return () => {
      // Where the leadership ended meanwhile, the lane is no longer counted.
      if (this.#lanes.get(origin) === from && remove()) this.#forget(queued);
    };
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
      const queued = lane?.first();
      if (lane === undefined || queued === undefined) {
        idle++;
        continue;
      }
      idle = 0;
      if (batch.length > 0 && bytes + queued.bytes > bytesMax) {
        this.#order.unshift(...this.#order.splice(-1));
        break;
      }
      lane.removeFirst();
      this.#forget(queued);
      batch.push(queued);
      bytes += queued.bytes;
    }
    return batch;
  }

  /** The leadership is over: gives everything back. */
  clear(): void {
    const lanes = [...this.#lanes.values()];
    this.#lanes.clear();
    this.#order = [];
    this.#bytes = 0;
    this.#count = 0;
    for (const lane of lanes) for (const queued of lane.all()) queued.dropped();
  }

  #forget(queued: Queued): void {
    this.#bytes -= queued.bytes;
    this.#count--;
  }
}
