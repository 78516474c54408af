import { type CowMap, cowMap } from "@synod/rsm";
import { hashRecord, type StateHash } from "./state-hash.js";

export interface Counter {
  value: number;
  /** The last requests and what they were answered. */
  readonly recent: Map<string, number>;
}

/** Requests that a counter remembers. */
const RECENT_MAX = 1024;
const COUNTER_BYTES = 128;
const REQUEST_BYTES = 96;

/** Numbers to which is added. */
export class Counters {
  readonly #hash: StateHash;
  readonly table: CowMap<string, Counter> = cowMap({
    copy: ({ value, recent }: Counter) => ({ value, recent: new Map(recent) }),
  });
  bytes = 0;

  constructor(hash: StateHash) {
    this.#hash = hash;
  }

  value(name: string): number {
    return this.table.get(name)?.value ?? 0;
  }

  recent(name: string, request: string): number | undefined {
    return this.table.get(name)?.recent.get(request);
  }

  /** By how much the bytes grow. */
  growth(name: string, request: string | null): number {
    const counter = this.table.get(name);
    const forgets = (counter?.recent.size ?? 0) >= RECENT_MAX;
    return (
      (counter === undefined ? COUNTER_BYTES + name.length : 0) + (request === null || forgets ? 0 : REQUEST_BYTES)
    );
  }

  set(name: string, value: number, request: string | null): void {
    let counter = this.table.update(name);
    if (counter === undefined) {
      counter = { value: 0, recent: new Map() };
      this.table.set(name, counter);
      this.bytes += COUNTER_BYTES + name.length;
    } else {
      this.#hash.remove(hashOf(name, counter));
    }
    counter.value = value;
    this.#hash.add(hashOf(name, counter));
    if (request !== null) this.restoreRecent(name, value, request);
  }

  /** Remembers a request; from a snapshot, in order. */
  restoreRecent(name: string, value: number, request: string): void {
    const recent = this.table.update(name)?.recent;
    if (recent === undefined) return;
    recent.set(request, value);
    this.#hash.add(hashOfRecent(name, request, value));
    this.bytes += REQUEST_BYTES;
    const [oldest] = recent.size > RECENT_MAX ? recent : [];
    if (oldest === undefined) return;
    recent.delete(oldest[0]);
    this.#hash.remove(hashOfRecent(name, ...oldest));
    this.bytes -= REQUEST_BYTES;
  }
}

const hashOf = (name: string, { value }: Counter): number => hashRecord(5, name, [value]);
const hashOfRecent = (name: string, request: string, value: number): number =>
  hashRecord(6, `${request}\0${name}`, [value]);
