import { SortedKeys } from "./sorted-keys.js";
import { hashRecord, type StateHash } from "./state-hash.js";
import type { Revision } from "./types.js";

/** A key as the state holds it; never changed in place. */
export interface KeyRecord {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: Revision;
  readonly createRevision: Revision;
  readonly version: number;
  readonly lease: string | null;
  readonly hash: number;
}

/** One change of one key. What it was changed to stands in the next change of the key, or in the state. */
export interface Change {
  readonly revision: Revision;
  readonly key: string;
  readonly before: KeyRecord | null;
  readonly hash: number;
  next: Change | null;
  readonly bytes: number;
  /** Bytes of all changes before it that this replica has seen. */
  readonly startBytes: number;
}

interface Chain {
  changes: Change[];
  /** Those in front are forgotten. */
  head: number;
}

/** What a change costs besides key and value, about. */
const CHANGE_BYTES = 96;

const bytesOf = (key: string, before: KeyRecord | null): number =>
  CHANGE_BYTES + key.length + (before?.value.length ?? 0);

const hashOf = (revision: Revision, key: string, before: KeyRecord | null): number =>
  hashRecord(7, key, [revision, before?.hash ?? 0]);

/** What keys were before, as far back as its bytes go. */
export class History {
  readonly #bytesMax: number;
  readonly #hash: StateHash;
  #changes: Change[] = [];
  #head = 0;
  readonly #chains = new Map<string, Chain>();
  /** Keys with a chain. */
  readonly touched: SortedKeys = new SortedKeys();
  bytes = 0;
  #seenBytes = 0;
  /** Every change up to this revision is forgotten. */
  compacted: Revision = 0;

  constructor(bytesMax: number, hash: StateHash) {
    this.#bytesMax = bytesMax;
    this.#hash = hash;
  }

  add(revision: Revision, key: string, before: KeyRecord | null): void {
    const hash = hashOf(revision, key, before);
    const bytes = bytesOf(key, before);
    const change: Change = { revision, key, before, hash, next: null, bytes, startBytes: this.#seenBytes };
    let chain = this.#chains.get(key);
    if (chain === undefined) {
      chain = { changes: [], head: 0 };
      this.#chains.set(key, chain);
      this.touched.add(key);
    }
    const last = chain.changes.at(-1);
    if (last !== undefined && chain.head < chain.changes.length) last.next = change;
    chain.changes.push(change);
    this.#changes.push(change);
    this.bytes += bytes;
    this.#seenBytes += bytes;
    this.#hash.add(change.hash);
  }

  /** To be called when all changes of a revision are in: a revision is kept as a whole, or forgotten. */
  trim(): void {
    while (this.#head < this.#changes.length) {
      const first = this.#changes[this.#head] as Change;
      if (this.bytes <= this.#bytesMax && first.revision > this.compacted) break;
      this.compacted = Math.max(this.compacted, first.revision);
      this.bytes -= first.bytes;
      this.#hash.remove(first.hash);
      this.#head++;
      this.#forget(first.key);
    }
    if (this.#head > 1024 && this.#head * 2 > this.#changes.length) {
      this.#changes = this.#changes.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Everything up to this revision. */
  forget(revision: Revision): void {
    this.compacted = Math.max(this.compacted, revision);
    this.trim();
  }

  /** What a key was at a revision that is not forgotten. */
  at(key: string, revision: Revision, current: KeyRecord | null): KeyRecord | null {
    const chain = this.#chains.get(key);
    if (chain === undefined) return current;
    const change = chain.changes[firstFrom(chain.changes, chain.head, revision + 1)];
    return change === undefined ? current : change.before;
  }

  /** Changes from a revision on, in order: of one key, or of all for null. */
  *from(revision: Revision, key: string | null): Generator<Change, void> {
    const chain = key === null ? null : this.#chains.get(key);
    if (chain === undefined) return;
    const [changes, head] = chain === null ? [this.#changes, this.#head] : [chain.changes, chain.head];
    for (let at = firstFrom(changes, head, revision); at < changes.length; at++) yield changes[at] as Change;
  }

  /** What is kept of the changes from a revision on. */
  bytesFrom(revision: Revision): number {
    const first = this.#changes[firstFrom(this.#changes, this.#head, revision)];
    return first === undefined ? 0 : this.#seenBytes - first.startBytes;
  }

  /** As of now, for a snapshot: changes do not change, but for `next`. */
  copy(): readonly Change[] {
    return this.#changes.slice(this.#head);
  }

  #forget(key: string): void {
    const chain = this.#chains.get(key) as Chain;
    chain.head++;
    if (chain.head === chain.changes.length) {
      this.#chains.delete(key);
      this.touched.delete(key);
    } else if (chain.head > 64 && chain.head * 2 > chain.changes.length) {
      chain.changes = chain.changes.slice(chain.head);
      chain.head = 0;
    }
  }
}

/** Index of the first change of this revision or a later one. */
function firstFrom(changes: readonly Change[], head: number, revision: Revision): number {
  let low = head;
  let high = changes.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((changes[middle] as Change).revision < revision) low = middle + 1;
    else high = middle;
  }
  return low;
}
