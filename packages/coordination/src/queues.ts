import { type CowMap, cowMap } from "@synod/rsm";
import { HOLDERS_MAX } from "./limits.js";
import { hashRecord, type StateHash } from "./state-hash.js";
import type { Revision } from "./types.js";

/** A request that holds or waits; never changed in place. */
export interface LockRequest {
  /** Its lease. */
  readonly id: string;
  /** Revision at which it came: the order of the queue. */
  readonly place: Revision;
  /** Revision at which it was granted; 0 while it waits. */
  readonly token: Revision;
  readonly limit: number;
  readonly parties: number;
  readonly value: Uint8Array;
}

export interface Queue {
  /** In the order of their tokens. */
  readonly holders: Map<string, LockRequest>;
  /** In the order in which they came. */
  readonly waiting: Map<string, LockRequest>;
  /** Of the last change of holders, or of what they proclaim. */
  changed: Revision;
  /** Least limit of the holders, and how many have it: most have the same, and looking at all of them each time that one goes would be their number squared. */
  least: number;
  leastCount: number;
}

export interface Standing {
  readonly status: "held" | "waiting" | "none";
  readonly token: Revision;
}

/** What a request costs besides its texts, about. */
const REQUEST_BYTES = 256;
const NONE: Standing = { status: "none", token: 0 };

/**
 * Queues of requests for locks, semaphores, read-write locks, elections and barriers. A request holds as soon as all before it do and it fits:
 * while anything holds, no more hold than the least limit among them. So 1 is an exclusive lock, n a semaphore, and no limit a reader.
 */
export class Queues {
  readonly #hash: StateHash;
  readonly #tick: () => Revision;
  readonly table: CowMap<string, Queue> = cowMap({
    copy: ({ holders, waiting, changed, least, leastCount }: Queue) => ({
      holders: new Map(holders),
      waiting: new Map(waiting),
      changed,
      least,
      leastCount,
    }),
  });
  requests = 0;
  bytes = 0;

  /** @param tick - gives the next revision */
  constructor(hash: StateHash, tick: () => Revision) {
    this.#hash = hash;
    this.#tick = tick;
  }

  standing(name: string, id: string): Standing {
    const queue = this.table.get(name);
    const held = queue?.holders.get(id);
    if (held !== undefined) return { status: "held", token: held.token };
    return queue?.waiting.has(id) === true ? { status: "waiting", token: 0 } : NONE;
  }

  /** Whether a request would hold at once. */
  free(name: string, limit: number, parties: number): boolean {
    const queue = this.table.get(name);
    if (queue === undefined) return parties <= 1;
    if (parties > 0) return queue.waiting.size + 1 >= parties;
    return queue.waiting.size === 0 && fits(queue, limit);
  }

  waiting(name: string): number {
    return this.table.get(name)?.waiting.size ?? 0;
  }

  add(name: string, request: Omit<LockRequest, "place" | "token">): void {
    const { id, limit, parties, value } = request;
    this.restore(name, { id, place: this.#tick(), token: 0, limit, parties, value });
    this.#grant(name);
  }

  /** @returns how many others hold it for that */
  remove(name: string, id: string): number {
    const queue = this.table.update(name);
    const request = queue?.holders.get(id) ?? queue?.waiting.get(id);
    if (queue === undefined || request === undefined) return 0;
    const revision = this.#tick();
    if (queue.holders.delete(id)) {
      limitGone(queue, request.limit);
      this.#change(name, queue, revision);
    }
    queue.waiting.delete(id);
    this.#forget(name, request);
    if (queue.holders.size + queue.waiting.size > 0) return this.#grant(name);
    this.#hash.remove(hashOfQueue(name, queue));
    this.table.delete(name);
    return 0;
  }

  /** @returns false if it does not hold */
  proclaim(name: string, id: string, value: Uint8Array): boolean {
    const queue = this.table.update(name);
    const request = queue?.holders.get(id);
    if (queue === undefined || request === undefined) return false;
    const changed = { ...request, value };
    this.#forget(name, request);
    // The place in the order of tokens stays.
    queue.holders.set(id, changed);
    this.#count(name, changed);
    this.#change(name, queue, this.#tick());
    return true;
  }

  sizeOf(name: string, id: string, value: Uint8Array): number {
    return REQUEST_BYTES + name.length + id.length + value.length;
  }

  /** A request as it is in a snapshot, in order; or a new one. */
  restore(name: string, request: LockRequest): void {
    let queue = this.table.update(name);
    if (queue === undefined) {
      queue = { holders: new Map(), waiting: new Map(), changed: 0, least: HOLDERS_MAX, leastCount: 0 };
      this.table.set(name, queue);
      this.#hash.add(hashOfQueue(name, queue));
    }
    (request.token > 0 ? queue.holders : queue.waiting).set(request.id, request);
    if (request.token > 0) limitCame(queue, request.limit);
    this.#count(name, request);
  }

  restoreChanged(name: string, changed: Revision): void {
    const queue = this.table.update(name);
    if (queue !== undefined) this.#change(name, queue, changed);
  }

  #grant(name: string): number {
    const queue = this.table.update(name);
    let granted = 0;
    if (queue === undefined) return granted;
    for (;;) {
      const first = queue.waiting.values().next().value;
      if (first === undefined) return granted;
      const { limit, parties } = first;
      if (parties > 0 ? queue.waiting.size < parties : !fits(queue, limit)) return granted;
      for (const request of head(queue.waiting, Math.max(1, parties))) {
        this.#hold(name, queue, request);
        granted++;
      }
    }
  }

  #hold(name: string, queue: Queue, request: LockRequest): void {
    const held = { ...request, token: this.#tick() };
    queue.waiting.delete(request.id);
    this.#forget(name, request);
    queue.holders.set(held.id, held);
    limitCame(queue, held.limit);
    this.#count(name, held);
    this.#change(name, queue, held.token);
  }

  #change(name: string, queue: Queue, revision: Revision): void {
    this.#hash.remove(hashOfQueue(name, queue));
    queue.changed = revision;
    this.#hash.add(hashOfQueue(name, queue));
  }

  #count(name: string, request: LockRequest): void {
    this.requests++;
    this.bytes += this.sizeOf(name, request.id, request.value);
    this.#hash.add(hashOf(name, request));
  }

  #forget(name: string, request: LockRequest): void {
    this.requests--;
    this.bytes -= this.sizeOf(name, request.id, request.value);
    this.#hash.remove(hashOf(name, request));
  }
}

const fits = ({ holders, least }: Queue, limit: number): boolean => holders.size < Math.min(limit, least);

/** Somebody holds it with this limit. */
function limitCame(queue: Queue, limit: number): void {
  if (limit > queue.least) return;
  queue.leastCount = limit === queue.least ? queue.leastCount + 1 : 1;
  queue.least = limit;
}

/** Whoever held it with this limit does so no more. */
function limitGone(queue: Queue, limit: number): void {
  if (limit > queue.least || --queue.leastCount > 0) return;
  queue.least = HOLDERS_MAX;
  for (const holder of queue.holders.values()) limitCame(queue, holder.limit);
}

function* head<T>(values: Map<string, T>, count: number): Generator<T> {
  let left = count;
  for (const value of values.values()) {
    if (left-- <= 0) return;
    yield value;
  }
}

const hashOf = (name: string, { id, place, token, limit, parties, value }: LockRequest): number =>
  hashRecord(3, `${id}\0${name}`, [place, token, limit, parties], value);
const hashOfQueue = (name: string, { changed }: Queue): number => hashRecord(4, name, [changed]);
