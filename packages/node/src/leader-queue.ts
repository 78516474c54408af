import type { NodeId, Slot } from "@synod/interface";
import type { BatchEntry } from "@synod/rsm";
import { sessionKey } from "./proposal-keys.js";

/** Something that waits for a place in a batch. */
export interface Queued {
  readonly entry: BatchEntry;
  /** Of the entry in a batch. */
  readonly bytes: number;
  /** It is part of what was proposed in this slot, and may be chosen. */
  proposed(slot: Slot): void;
  /** The leadership ended before it was proposed. */
  dropped(): void;
}

/** What an entry costs besides its bytes: small commands must not take more memory than they count. */
const ENTRY_BYTES = 512;

/** Whose turn it is among the clients of one origin: each session for itself, all that opens one together. */
function clientOf(entry: BatchEntry): string {
  if (entry.kind === "open" || entry.kind === "raise") return entry.kind;
  return sessionKey(entry.kind === "command" ? entry.ticket.session : entry.session);
}

/** Of something in the queue. */
export class Place {
  /** Null once it was taken or withdrawn. */
  queued: Queued | null;
  readonly clientQueue: ClientQueue;
  readonly #origin: Origin;
  readonly #queue: LeaderQueue;

  constructor(queue: LeaderQueue, origin: Origin, clientQueue: ClientQueue, queued: Queued) {
    this.queued = queued;
    this.clientQueue = clientQueue;
    this.#origin = origin;
    this.#queue = queue;
  }

  /** Takes it out once nobody wants it any more. */
  withdraw(): void {
    const { queued } = this;
    // Where the leadership ended meanwhile, the origin is no longer counted.
    if (queued === null || this.#origin.isOver) return;
    this.clientQueue.empty(this);
    this.#origin.tidy(this.clientQueue);
    this.#queue.withdrawn(queued, this.#origin);
  }
}

/** What waits of one client. Places are emptied at once, and cleared away when most of them are empty. */
class ClientQueue {
  readonly client: string;
  #places: Place[] = [];
  #head = 0;
  #count = 0;

  constructor(client: string) {
    this.client = client;
  }

  get count(): number {
    return this.#count;
  }

  add(place: Place): void {
    this.#places.push(place);
    this.#count++;
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
    if (place !== undefined) this.empty(place);
  }

  *all(): Generator<Queued> {
    for (const { queued } of this.#places) if (queued !== null) yield queued;
  }

  empty(place: Place): void {
    place.queued = null;
    this.#count--;
    if (this.#places.length > 2 * this.#count + 64) {
      this.#places = this.#places.filter(({ queued }) => queued !== null);
      this.#head = 0;
    }
  }
}

/** Who has something waiting, in the order of turns: whoever had one is put at the end. */
class Rotation<Key, Value> {
  readonly #all = new Map<Key, Value>();
  /** Looked up once for as many commands as it has. */
  #first: Value | undefined;

  get size(): number {
    return this.#all.size;
  }

  get(key: Key): Value | undefined {
    return this.#all.get(key);
  }

  values(): IterableIterator<Value> {
    return this.#all.values();
  }

  first(): Value | undefined {
    if (this.#first === undefined) [this.#first] = this.#all.values();
    return this.#first;
  }

  /** At the end. */
  add(key: Key, value: Value): void {
    this.#all.set(key, value);
  }

  delete(key: Key): void {
    this.#all.delete(key);
    this.#first = undefined;
  }

  clear(): void {
    this.#all.clear();
    this.#first = undefined;
  }
}

/** The clients of one origin, in turn. None of them is empty. */
class Origin {
  readonly id: NodeId;
  readonly #rotation = new Rotation<string, ClientQueue>();
  /** The leadership in which it was counted has ended. */
  isOver = false;

  constructor(id: NodeId) {
    this.id = id;
  }

  get isEmpty(): boolean {
    return this.#rotation.size === 0;
  }

  clientQueueOf(entry: BatchEntry): ClientQueue {
    const client = clientOf(entry);
    let clientQueue = this.#rotation.get(client);
    if (clientQueue === undefined) this.#rotation.add(client, (clientQueue = new ClientQueue(client)));
    return clientQueue;
  }

  first(): Queued | undefined {
    return this.#rotation.first()?.first();
  }

  removeFirst(): void {
    const clientQueue = this.#rotation.first();
    if (clientQueue === undefined) return;
    clientQueue.removeFirst();
    // With one client alone it is its turn again.
    if (clientQueue.count > 0 && this.#rotation.size === 1) return;
    this.#rotation.delete(clientQueue.client);
    if (clientQueue.count > 0) this.#rotation.add(clientQueue.client, clientQueue);
  }

  tidy(clientQueue: ClientQueue): void {
    if (clientQueue.count === 0 && this.#rotation.get(clientQueue.client) === clientQueue)
      this.#rotation.delete(clientQueue.client);
  }

  *all(): Generator<Queued> {
    for (const clientQueue of this.#rotation.values()) yield* clientQueue.all();
  }
}

/**
 * What a leader has to propose. Batches take from the origins in turn (the own callers and each node that forwards), and from the
 * sessions of an origin in turn, so that none can starve another.
 */
export class LeaderQueue {
  /** None of them is empty. */
  readonly #rotation = new Rotation<NodeId, Origin>();
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

  add(id: NodeId, queued: Queued): Place {
    let origin = this.#rotation.get(id);
    if (origin === undefined) this.#rotation.add(id, (origin = new Origin(id)));
    const clientQueue = origin.clientQueueOf(queued.entry);
    const place = new Place(this, origin, clientQueue, queued);
    clientQueue.add(place);
    this.#bytes += queued.bytes;
    this.#count++;
    return place;
  }

  /** Said by a place. */
  withdrawn(queued: Queued, origin: Origin): void {
    this.#forget(queued);
    if (origin.isEmpty) this.#rotation.delete(origin.id);
  }

  /** Takes up to `bytesMax` of entries, at least one if there is any. */
  take(bytesMax: number): Queued[] {
    const batch: Queued[] = [];
    let bytes = 0;
    for (;;) {
      const origin = this.#rotation.first();
      const queued = origin?.first();
      if (origin === undefined || queued === undefined) return batch;
      // Its turn comes with the next batch.
      if (batch.length > 0 && bytes + queued.bytes > bytesMax) return batch;
      origin.removeFirst();
      // With one alone it is its turn again.
      if (origin.isEmpty || this.#rotation.size > 1) {
        this.#rotation.delete(origin.id);
        if (!origin.isEmpty) this.#rotation.add(origin.id, origin);
      }
      this.#forget(queued);
      batch.push(queued);
      bytes += queued.bytes;
    }
  }

  /** The leadership is over: gives everything back. */
  clear(): void {
    const origins = [...this.#rotation.values()];
    this.#rotation.clear();
    this.#bytes = 0;
    this.#count = 0;
    for (const origin of origins) {
      origin.isOver = true;
      for (const queued of origin.all()) queued.dropped();
    }
  }

  #forget(queued: Queued): void {
    this.#bytes -= queued.bytes;
    this.#count--;
  }
}
