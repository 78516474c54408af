import { type CowMap, cowMap } from "@synod/rsm";
import { SortedKeys } from "./sorted-keys.js";
import { hashRecord, type StateHash } from "./state-hash.js";

/** A lease; never changed in place. */
export interface Lease {
  readonly ttlMs: number;
  /** Logged time from which on it is over, or forgotten if it has ended. */
  readonly expiresMs: number;
  /** It was ended, and is remembered so that late requests under it come to nothing; after what still hangs on it has gone, for `ttlMs` more. */
  readonly ended: boolean;
}

/** What ends with a lease. */
export interface Attached {
  readonly keys: SortedKeys;
  /** Queues in which it has a request. */
  readonly queues: SortedKeys;
}

/** What a lease costs, about. */
export const LEASE_BYTES = 256;

/** Leases in the order in which they expire, with what hangs on each. */
export class Leases {
  readonly #hash: StateHash;
  readonly table: CowMap<string, Lease> = cowMap();
  readonly #attached = new Map<string, Attached>();
  #heap: Due[] = [];

  constructor(hash: StateHash) {
    this.#hash = hash;
  }

  /** In force at this time, whether or not what expired before has been cleared away. */
  alive(id: string, timeMs: number): Lease | null {
    const lease = this.table.get(id);
    return lease === undefined || lease.ended || lease.expiresMs <= timeMs ? null : lease;
  }

  set(id: string, lease: Lease): void {
    const before = this.table.get(id);
    if (before !== undefined) this.#hash.remove(hashOf(id, before));
    this.#hash.add(hashOf(id, lease));
    this.table.set(id, lease);
    // Later than before: its place in the heap is put right when it comes up.
    if (before !== undefined && lease.expiresMs >= before.expiresMs) return;
    push(this.#heap, { id, expiresMs: lease.expiresMs });
    if (this.#heap.length > 2 * this.table.size + 64) this.#rebuild();
  }

  remove(id: string): void {
    const lease = this.table.get(id);
    if (lease === undefined) return;
    this.#hash.remove(hashOf(id, lease));
    this.table.delete(id);
    this.#attached.delete(id);
  }

  attached(id: string): Attached | null {
    return this.#attached.get(id) ?? null;
  }

  attach(id: string, what: keyof Attached, name: string): void {
    let attached = this.#attached.get(id);
    if (attached === undefined) {
      attached = { keys: new SortedKeys(), queues: new SortedKeys() };
      this.#attached.set(id, attached);
    }
    attached[what].add(name);
  }

  detach(id: string, what: keyof Attached, name: string): void {
    const attached = this.#attached.get(id);
    if (attached === undefined) return;
    attached[what].delete(name);
    if (attached.keys.size + attached.queues.size === 0) this.#attached.delete(id);
  }

  /** The lease that expires first. */
  next(): Due | null {
    for (let top = this.#heap[0]; top !== undefined; top = this.#heap[0]) {
      const lease = this.table.get(top.id);
      if (lease?.expiresMs === top.expiresMs) return top;
      pop(this.#heap);
      if (lease !== undefined && lease.expiresMs > top.expiresMs) {
        push(this.#heap, { id: top.id, expiresMs: lease.expiresMs });
      }
    }
    return null;
  }

  #rebuild(): void {
    this.#heap = [];
    for (const [id, { expiresMs }] of this.table) push(this.#heap, { id, expiresMs });
  }
}

const hashOf = (id: string, { ttlMs, expiresMs, ended }: Lease): number =>
  hashRecord(2, id, [ttlMs, expiresMs, ended ? 1 : 0]);

export interface Due {
  readonly id: string;
  readonly expiresMs: number;
}

/** Ties go by id: the order must not depend on how the heap came about. */
const before = (a: Due, b: Due): boolean => a.expiresMs < b.expiresMs || (a.expiresMs === b.expiresMs && a.id < b.id);

function push(heap: Due[], due: Due): void {
  let at = heap.push(due) - 1;
  while (at > 0) {
    const up = (at - 1) >>> 1;
    const parent = heap[up] as Due;
    if (!before(due, parent)) break;
    heap[at] = parent;
    at = up;
  }
  heap[at] = due;
}

function pop(heap: Due[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let down = 2 * at + 1;
    const left = heap[down];
    const right = heap[down + 1];
    if (left === undefined) break;
    if (right !== undefined && before(right, left)) down++;
    const child = heap[down] as Due;
    if (!before(child, last)) break;
    heap[at] = child;
    at = down;
  }
  heap[at] = last;
}
