import type { KeyRecord } from "./changes.js";
import { KeySpace } from "./key-space.js";
import { LEASE_BYTES, Leases } from "./leases.js";
import type { MachineLimits } from "./limits.js";
import { Queues } from "./queues.js";
import { Counters } from "./counters.js";
import { StateHash } from "./state-hash.js";
import type { Revision } from "./types.js";

/** So long a lease that was ended with copies of its requests on their way is remembered, in logged time. */
const REMEMBER_MS = 600_000;

/** The whole replicated state, and the changes that involve more than one part of it. */
export class State {
  readonly limits: MachineLimits;
  revision: Revision = 0;
  /** Logged time of the last call. */
  timeMs = 0;
  readonly #hash = new StateHash();
  readonly keys: KeySpace;
  readonly leases: Leases = new Leases(this.#hash);
  readonly queues: Queues = new Queues(this.#hash, () => ++this.revision);
  readonly counters: Counters = new Counters(this.#hash);

  constructor(limits: MachineLimits) {
    this.limits = limits;
    this.keys = new KeySpace(limits, this.#hash);
  }

  get bytes(): number {
    return this.keys.bytes + this.queues.bytes + this.counters.bytes + this.leases.table.size * LEASE_BYTES;
  }

  get digest(): string {
    const { history } = this.keys;
    return [this.revision, this.timeMs, this.#hash.hex, this.bytes, history.compacted, history.bytes].join(".");
  }

  /** @param before what is there, and is there no more afterwards */
  put(key: string, before: KeyRecord | null, value: Uint8Array, lease: string | null, revision: Revision): void {
    const left = before === null ? null : before.lease;
    this.keys.put(key, before, value, lease, revision);
    if (left === lease) return;
    if (left !== null) this.leases.detach(left, "keys", key);
    if (lease !== null) this.leases.attach(lease, "keys", key);
  }

  /** @returns whether it was there */
  delete(key: string, revision: Revision): boolean {
    const before = this.keys.get(key);
    if (before === null) return false;
    this.keys.delete(before, revision);
    if (before.lease !== null) this.leases.detach(before.lease, "keys", key);
    return true;
  }

  /** After the last change of a revision. */
  close(revision: Revision): void {
    this.revision = Math.max(this.revision, revision);
    this.keys.history.trim();
  }

  /** Ends a lease; what hangs on it goes at once as far as the steps go, and then as if it had expired. @returns steps taken */
  end(id: string, remember: boolean, stepsMax: number): number {
    const steps = this.#clear(id, stepsMax);
    const rememberMs = remember ? REMEMBER_MS : 0;
    if (this.leases.attached(id) === null) this.#forget(id, rememberMs);
    else this.leases.set(id, { ttlMs: rememberMs, expiresMs: this.timeMs, ended: true });
    return steps;
  }

  /** Clears away what has expired, a limited number of steps. */
  expire(stepsMax: number): void {
    let left = stepsMax;
    for (let due = this.leases.next(); due !== null && due.expiresMs <= this.timeMs; due = this.leases.next()) {
      if (left <= 0) return;
      left -= 1 + this.#clear(due.id, left);
      const lease = this.leases.table.get(due.id);
      if (this.leases.attached(due.id) === null) this.#forget(due.id, lease?.ended === true ? lease.ttlMs : 0);
    }
  }

  /** Logged time at which there is something to clear away, above that of the last call. */
  nextDeadline(): number | null {
    const due = this.leases.next();
    return due === null ? null : Math.max(due.expiresMs, this.timeMs + 1);
  }

  /** Nothing hangs on it any more. */
  #forget(id: string, rememberMs: number): void {
    if (rememberMs > 0) this.leases.set(id, { ttlMs: 0, expiresMs: this.timeMs + rememberMs, ended: true });
    else this.leases.remove(id);
  }

  /** @returns steps taken */
  #clear(id: string, stepsMax: number): number {
    const attached = this.leases.attached(id);
    if (attached === null) return 0;
    let steps = 0;
    const revision = this.revision + 1;
    for (let key = attached.keys.first(); key !== undefined && steps < stepsMax; key = attached.keys.first()) {
      this.delete(key, revision);
      steps++;
    }
    if (steps > 0) this.close(revision);
    for (let name = attached.queues.first(); name !== undefined && steps < stepsMax; name = attached.queues.first()) {
      this.leases.detach(id, "queues", name);
      steps += 1 + this.queues.remove(name, id);
    }
    return steps;
  }
}
