import { type Chain, Changes, type KeyRecord } from "./changes.js";
import { SortedKeys } from "./sorted-keys.js";
import { hashRecord, type StateHash } from "./state-hash.js";
import type { Revision } from "./types.js";

/** What a change costs besides key and value, about. */
const CHANGE_BYTES = 96;
/** Never pushed to. */
const EMPTY: number[] = [];

const bytesOf = (key: string, length: number): number => CHANGE_BYTES + key.length + length;

const hashOf = (revision: Revision, key: string, before: KeyRecord | null): number =>
  hashRecord(7, key, [revision, before?.hash ?? 0]);

/** What keys were before, as far back as its bytes go. */
export class History {
  readonly #bytesMax: number;
  readonly #hash: StateHash;
  readonly #changes = new Changes();
  /** Those in which there is something. */
  readonly #chains = new Map<string, Chain>();
  /** Their keys. */
  readonly touched: SortedKeys = new SortedKeys();
  bytes = 0;
  #seenBytes = 0;
  /** Every change up to this revision is forgotten. */
  compacted: Revision = 0;

  constructor(bytesMax: number, hash: StateHash) {
    this.#bytesMax = bytesMax;
    this.#hash = hash;
  }

  /** Of a key that may have been there before: where its changes go. */
  chainOf(key: string): Chain {
    // Most keys have one change: an empty array would make room for 17 at the first push.
    return this.#chains.get(key) ?? { key, numbers: EMPTY, head: 0 };
  }

  add(revision: Revision, chain: Chain, before: KeyRecord | null): void {
    const { key } = chain;
    if (chain.numbers.length === 0) {
      chain.numbers = [this.#changes.end];
      this.#chains.set(key, chain);
      this.touched.add(key);
    } else chain.numbers.push(this.#changes.end);
    const hash = hashOf(revision, key, before);
    const bytes = bytesOf(key, before === null ? 0 : before.value.length);
    this.#changes.add(revision, chain, before, hash, this.#seenBytes);
    this.bytes += bytes;
    this.#seenBytes += bytes;
    this.#hash.add(hash);
  }

  /** To be called when all changes of a revision are in: a revision is kept as a whole, or forgotten. */
  trim(): void {
    const changes = this.#changes;
    while (changes.begin < changes.end) {
      const { begin } = changes;
      const revision = changes.revision(begin);
      if (this.bytes <= this.#bytesMax && revision > this.compacted) break;
      this.compacted = Math.max(this.compacted, revision);
      const chain = changes.chain(begin);
      this.bytes -= bytesOf(chain.key, changes.length(begin));
      this.#hash.remove(changes.hash(begin));
      this.#forget(chain);
      changes.forgetFirst();
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
    const { numbers, head } = chain;
    const number = numbers[firstOf(head, numbers.length, (at) => this.#isFrom(numbers[at] as number, revision + 1))];
    return number === undefined ? current : this.#changes.before(number);
  }

  /** Numbers of the changes from a revision on, in order: of one key, or of all for null. */
  *from(revision: Revision, key: string | null): Generator<number, void> {
    if (key === null) {
      const { begin, end } = this.#changes;
      for (let number = firstOf(begin, end, (at) => this.#isFrom(at, revision)); number < end; number++) yield number;
      return;
    }
    const { numbers, head } = this.#chains.get(key) ?? { numbers: [], head: 0 };
    const first = firstOf(head, numbers.length, (at) => this.#isFrom(numbers[at] as number, revision));
    for (let at = first; at < numbers.length; at++) yield numbers[at] as number;
  }

  keyOf(number: number): string {
    return this.#changes.chain(number).key;
  }

  revisionOf(number: number): Revision {
    return this.#changes.revision(number);
  }

  /** What a change made of its key. */
  after(number: number, current: KeyRecord | null): KeyRecord | null {
    const { numbers, head } = this.#changes.chain(number);
    const next = numbers[firstOf(head, numbers.length, (at) => (numbers[at] as number) > number)];
    return next === undefined ? current : this.#changes.before(next);
  }

  /** What is kept of the changes from a revision on. */
  bytesFrom(revision: Revision): number {
    const { begin, end } = this.#changes;
    return this.#seenBytes - this.#startOf(firstOf(begin, end, (at) => this.#isFrom(at, revision)));
  }

  /** As of now, for a snapshot. */
  copy(): Changes {
    return this.#changes.copy();
  }

  #isFrom(number: number, revision: Revision): boolean {
    return this.#changes.revision(number) >= revision;
  }

  /** Bytes of all changes before this one that this replica has seen. */
  #startOf(number: number): number {
    return number < this.#changes.end ? this.#changes.start(number) : this.#seenBytes;
  }

  #forget(chain: Chain): void {
    chain.head++;
    if (chain.head === chain.numbers.length) {
      chain.numbers = EMPTY;
      chain.head = 0;
      this.#chains.delete(chain.key);
      this.touched.delete(chain.key);
    } else if (chain.head > 64 && chain.head * 2 > chain.numbers.length) {
      chain.numbers = chain.numbers.slice(chain.head);
      chain.head = 0;
    }
  }
}

/** The first for which it holds, from which on it holds for all; `to` if for none. */
function firstOf(from: number, to: number, holds: (at: number) => boolean): number {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (holds(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
