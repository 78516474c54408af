import { type CowMap, cowMap } from "@synod/rsm";
import type { Chain, KeyRecord } from "./changes.js";
import { History } from "./history.js";
import { ANSWER_BYTES_MAX, type MachineLimits } from "./limits.js";
import { prefixEnd, SortedKeys } from "./sorted-keys.js";
import { hashRecord, type StateHash } from "./state-hash.js";
import type { CoordinationAnswer, KeyEntry, KeyEvent, KeySelector, Revision } from "./types.js";

/** What a key costs besides itself and its value, about. */
const RECORD_BYTES = 128;
/** A watch without news is told how far it has come after so many revisions, so that no look goes further back. */
const PROGRESS_REVISIONS = 256;
/** And after so much of what the history may hold, lest it be forgotten what the watch has not been told of. */
const PROGRESS_SHARE = 1 / 8;
const EMPTY = new Uint8Array(0);

/** What is stored with a key; what follows from it is left out. */
export type Stored = Omit<KeyRecord, "key" | "hash" | "chain">;

export interface RangeRequest {
  readonly keys: KeySelector;
  readonly limit: number;
  /** Null: now. */
  readonly revision: Revision | null;
  readonly reverse: boolean;
  readonly keysOnly: boolean;
  /** Ends after the entry that reaches it. Default 512 KiB. */
  readonly bytesMax?: number;
}

export interface FoundRange {
  readonly entries: readonly KeyEntry[];
  readonly more: boolean;
  readonly bytes: number;
}

/** The keys, and what they were. */
export class KeySpace {
  readonly #hash: StateHash;
  readonly records: CowMap<string, KeyRecord> = cowMap({ copy: recordOf });
  readonly #sorted = new SortedKeys();
  readonly history: History;
  readonly #historyBytesMax: number;
  bytes = 0;

  constructor(limits: MachineLimits, hash: StateHash) {
    this.#hash = hash;
    this.#historyBytesMax = limits.historyBytesMax;
    this.history = new History(limits.historyBytesMax, hash);
  }

  get(key: string): KeyRecord | null {
    return this.records.get(key) ?? null;
  }

  /** By how much the bytes grow if the key is put. */
  growth(key: string, value: Uint8Array): number {
    return growthOver(this.get(key), key, value);
  }

  /** @param before what is there, and is there no more afterwards */
  put(given: string, before: KeyRecord | null, value: Uint8Array, lease: string | null, revision: Revision): void {
    if (before === null) {
      const chain = this.history.chainOf(given);
      this.history.add(revision, chain, null);
      this.#add(chain, { value, revision, createRevision: revision, version: 1, lease });
      return;
    }
    this.history.add(revision, before.chain, before);
    this.#leave(before);
    const record = this.records.shared ? (this.records.update(before.key) as KeyRecord) : before;
    record.value = value;
    record.revision = revision;
    record.version++;
    record.lease = lease;
    record.hash = hashOf(record.key, record);
    this.#enter(record);
  }

  delete(before: KeyRecord, revision: Revision): void {
    const { key, chain } = before;
    this.history.add(revision, chain, before);
    this.#leave(before);
    this.records.delete(key);
    this.#sorted.delete(key);
  }

  /** A key as it is in a snapshot. */
  restore(key: string, stored: Stored): void {
    this.#add(this.history.chainOf(key), stored);
  }

  #add(chain: Chain, stored: Stored): void {
    // Each command brings the text anew: one for all is kept, that of the chain.
    const { key } = chain;
    const { value, revision, createRevision, version, lease } = stored;
    const hash = hashOf(key, stored);
    const record = recordOf({ key, value, revision, createRevision, version, lease, hash, chain });
    this.#sorted.add(key);
    this.records.set(key, record);
    this.#enter(record);
  }

  /** A change as it is in a snapshot, in order; after all keys. */
  restoreChange(revision: Revision, key: string, before: Stored | null): void {
    const chain = this.get(key)?.chain ?? this.history.chainOf(key);
    this.history.add(
      revision,
      chain,
      before === null ? null : recordOf({ ...before, key, hash: hashOf(key, before), chain }),
    );
  }

  count(keys: KeySelector): number {
    if ("key" in keys) return this.records.has(keys.key) ? 1 : 0;
    const { from, to } = boundsOf(keys);
    return Math.max(0, this.#sorted.rank(to) - this.#sorted.rank(from));
  }

  /** @returns null if the revision is forgotten */
  range(request: RangeRequest): FoundRange | null {
    const { limit, revision, keysOnly, bytesMax = ANSWER_BYTES_MAX } = request;
    if (revision !== null && revision < this.history.compacted) return null;
    const entries: KeyEntry[] = [];
    let bytes = 0;
    for (const key of this.#candidates(request)) {
      const current = this.get(key);
      const record = revision === null ? current : this.history.at(key, revision, current);
      if (record === null) continue;
      if (entries.length >= limit || bytes >= bytesMax) return { entries, more: true, bytes };
      entries.push(entryOf(key, keysOnly ? { ...record, value: EMPTY } : record));
      bytes += key.length + RECORD_BYTES + (keysOnly ? 0 : record.value.length);
    }
    return { entries, more: false, bytes };
  }

  /** Keys in order, for as many as are asked for: what is deleted meanwhile must be read before. */
  first(keys: KeySelector, count: number): { readonly keys: readonly string[]; readonly more: boolean } {
    const found: string[] = [];
    for (const key of this.#candidates({ keys, revision: null, reverse: false })) {
      if (!this.records.has(key)) continue;
      if (found.length >= count) return { keys: found, more: true };
      found.push(key);
    }
    return { keys: found, more: false };
  }

  /** What happened to keys from a revision on; null if nothing did and there is no need to say so. */
  events(keys: KeySelector, from: Revision, revision: Revision): CoordinationAnswer | null {
    const { compacted } = this.history;
    if (compacted > 0 && from <= compacted) return { kind: "compacted", compacted, revision };
    const events: KeyEvent[] = [];
    let bytes = 0;
    let last = 0;
    for (const change of this.history.from(from, "key" in keys ? keys.key : null)) {
      // A revision is told as a whole.
      const changed = this.history.revisionOf(change);
      if (bytes >= ANSWER_BYTES_MAX && changed !== last) return { kind: "events", events, revision: last };
      const key = this.history.keyOf(change);
      if (!selects(keys, key)) continue;
      const event = this.#eventOf(change, key, changed);
      events.push(event);
      last = changed;
      bytes += key.length + RECORD_BYTES + (event.kind === "put" ? event.value.length : 0);
    }
    const news = events.length > 0 || revision - from >= PROGRESS_REVISIONS || this.#isFar(from);
    return news ? { kind: "events", events, revision } : null;
  }

  #isFar(from: Revision): boolean {
    return this.history.bytesFrom(from) > this.#historyBytesMax * PROGRESS_SHARE;
  }

  #eventOf(change: number, key: string, revision: Revision): KeyEvent {
    const after = this.history.after(change, this.get(key));
    return after === null ? { kind: "delete", key, revision } : { kind: "put", ...entryOf(key, after) };
  }

  *#candidates({ keys, revision, reverse }: Pick<RangeRequest, "keys" | "revision" | "reverse">): Generator<string> {
    if ("key" in keys) return yield keys.key;
    const { from, to } = boundsOf(keys);
    const sets = revision === null ? [this.#sorted] : [this.#sorted, this.history.touched];
    const iterators = sets.map((set) => (reverse ? set.down(to) : set.up(from)));
    for (const key of merged(iterators, reverse)) {
      if (reverse ? key < from : to !== null && key >= to) return;
      yield key;
    }
  }

  #enter(record: KeyRecord): void {
    this.#hash.add(record.hash);
    this.bytes += sizeOf(record.key, record.value);
  }

  #leave(record: KeyRecord): void {
    this.#hash.remove(record.hash);
    this.bytes -= sizeOf(record.key, record.value);
  }
}

/** All records have one shape. A spread makes a shape of its own in V8, and a spread of that yet another: what reads records would be compiled anew after each snapshot. */
function recordOf(given: KeyRecord): KeyRecord {
  const { key, value, revision, createRevision, version, lease, hash, chain } = given;
  return { key, value, revision, createRevision, version, lease, hash, chain };
}

function hashOf(key: string, { value, revision, createRevision, version, lease }: Stored): number {
  return hashRecord(1, key, [revision, createRevision, version], value, lease ?? "");
}

/** By how much the bytes grow if what is there becomes this. */
export const growthOver = (before: KeyRecord | null, key: string, value: Uint8Array): number =>
  before === null ? sizeOf(key, value) : value.length - before.value.length;

const sizeOf = (key: string, value: Uint8Array): number => RECORD_BYTES + key.length + value.length;

export const entryOf = (key: string, record: Stored): KeyEntry => ({
  key,
  value: record.value,
  revision: record.revision,
  createRevision: record.createRevision,
  version: record.version,
  lease: record.lease,
});

type Span = Exclude<KeySelector, { readonly key: string }>;

export function boundsOf(keys: Span): { readonly from: string; readonly to: string | null } {
  if ("prefix" in keys) {
    const { prefix, after } = keys;
    // The least text above another is that with a 0 behind it.
    const from = after === undefined || after < prefix ? prefix : `${after}\0`;
    return { from, to: prefixEnd(prefix) };
  }
  return { from: keys.from, to: keys.to ?? null };
}

function selects(keys: KeySelector, key: string): boolean {
  if ("key" in keys) return keys.key === key;
  if ("prefix" in keys) return key.startsWith(keys.prefix) && (keys.after === undefined || key > keys.after);
  return key >= keys.from && (keys.to === undefined || key < keys.to);
}

/** Each key once, in order. */
function* merged(iterators: readonly Iterator<string, void>[], reverse: boolean): Generator<string> {
  const heads = iterators.map((iterator) => iterator.next());
  for (;;) {
    let best: string | undefined;
    for (const head of heads) {
      if (head.done === true) continue;
      if (best === undefined || (reverse ? head.value > best : head.value < best)) best = head.value;
    }
    if (best === undefined) return;
    yield best;
    for (const [i, iterator] of iterators.entries()) {
      const head = heads[i] as IteratorResult<string, void>;
      if (head.done !== true && head.value === best) heads[i] = iterator.next();
    }
  }
}
