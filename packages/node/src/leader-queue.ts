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

/** Whose turn it is among the clients of one origin: each session for itself, all that opens one together. */
function clientOf(entry: BatchEntry): string {
  if (entry.kind === "open" || entry.kind === "raise") return entry.kind;
  const { slot, index } = entry.kind === "command" ? entry.ticket.session : entry.session;
  return `${slot}.${index}`;
}

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

/** The first of a map, which keeps the order of turns: whoever had one is put at the end. */
function firstOf<Key, Value>(turns: ReadonlyMap<Key, Value>): readonly [Key, Value] | undefined {
  for (const entry of turns) return entry;
  return undefined;
}

/** The clients of one origin, in turn. None of them is empty. */
class Origin {
  readonly #turns = new Map<string, Lane>();

  get isEmpty(): boolean {
    return this.#turns.size === 0;
  }

  add(queued: Queued): () => boolean {
    const client = clientOf(queued.entry);
    let lane = this.#turns.get(client);
    if (lane === undefined) this.#turns.set(client, (lane = new Lane()));
    const [remove, from] = [lane.add(queued), lane];
    return () => {
      const removed = remove();
      if (from.count === 0 && this.#turns.get(client) === from) this.#turns.delete(client);
      return removed;
    };
  }

  first(): Queued | undefined {
    return firstOf(this.#turns)?.[1].first();
  }

  removeFirst(): void {
    const [client, lane] = firstOf(this.#turns) ?? [];
    if (client === undefined || lane === undefined) return;
    lane.removeFirst();
    this.#turns.delete(client);
    if (lane.count > 0) this.#turns.set(client, lane);
  }

  *all(): Generator<Queued> {
    for (const lane of this.#turns.values()) yield* lane.all();
  }
}

/**
 * What a leader has to propose. Batches take from the origins in turn (the own callers and each node that forwards), and from the
 * sessions of an origin in turn, so that none can starve another.
 */
export class LeaderQueue {
  /** None of them is empty. */
  readonly #turns = new Map<NodeId, Origin>();
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
  add(id: NodeId, queued: Queued): () => void {
    let origin = this.#turns.get(id);
    if (origin === undefined) this.#turns.set(id, (origin = new Origin()));
    const [remove, from] = [origin.add(queued), origin];
    this.#bytes += queued.bytes;
    this.#count++;
    return () => {
      // Where the leadership ended meanwhile, the origin is no longer counted.
      if (this.#turns.get(id) !== from || !remove()) return;
      this.#forget(queued);
      if (from.isEmpty) this.#turns.delete(id);
    };
  }

  /** Takes up to `bytesMax` of entries, at least one if there is any. */
  take(bytesMax: number): Queued[] {
    const batch: Queued[] = [];
    let bytes = 0;
    for (;;) {
      const [id, origin] = firstOf(this.#turns) ?? [];
      const queued = origin?.first();
      if (id === undefined || origin === undefined || queued === undefined) return batch;
      // Its turn comes with the next batch.
      if (batch.length > 0 && bytes + queued.bytes > bytesMax) return batch;
      origin.removeFirst();
      this.#turns.delete(id);
      if (!origin.isEmpty) this.#turns.set(id, origin);
      this.#forget(queued);
      batch.push(queued);
      bytes += queued.bytes;
    }
  }

  /** The leadership is over: gives everything back. */
  clear(): void {
    const origins = [...this.#turns.values()];
    this.#turns.clear();
    this.#bytes = 0;
    this.#count = 0;
    for (const origin of origins) for (const queued of origin.all()) queued.dropped();
  }

  #forget(queued: Queued): void {
    this.#bytes -= queued.bytes;
    this.#count--;
  }
}
