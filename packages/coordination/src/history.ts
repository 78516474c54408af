import { Changes, type KeyRecord } from "./changes.js";
import { SortedKeys } from "./sorted-keys.js";
import { hashRecord, type StateHash } from "./state-hash.js";
import type { Revision } from "./types.js";

/** Numbers of the changes of one key, in order. */
interface Chain {
  numbers: number[];
  /** Those in front are forgotten. */
  head: number;
}

/** Most keys have one change, for which an object would cost more than all else that is kept of it. */
const chainOf = (chain: number | Chain): Chain => (typeof chain === "number" ? { numbers: [chain], head: 0 } : chain);

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
  readonly #changes = new Changes();
  /** A number where there is one change. */
  readonly #chains = new Map<string, number | Chain>();
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
    const chain = this.#chains.get(key);
    const { end } = this.#changes;
    if (chain === undefined) {
      this.#chains.set(key, end);
      this.touched.add(key);
    } else if (typeof chain === "number") this.#chains.set(key, { numbers: [chain, end], head: 0 });
    else chain.numbers.push(end);
    const hash = hashOf(revision, key, before);
    const bytes = bytesOf(key, before);
    this.#changes.add(revision, key, before, hash, this.#seenBytes);
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
      this.bytes -= this.#startOf(begin + 1) - changes.start(begin);
      this.#hash.remove(changes.hash(begin));
      this.#forget(changes.key(begin));
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
    const { numbers, head } = chainOf(chain);
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
    const chain = this.#chains.get(key);
    if (chain === undefined) return;
    const { numbers, head } = chainOf(chain);
    const first = firstOf(head, numbers.length, (at) => this.#isFrom(numbers[at] as number, revision));
    for (let at = first; at < numbers.length; at++) yield numbers[at] as number;
  }

  keyOf(number: number): string {
    return this.#changes.key(number);
  }

  revisionOf(number: number): Revision {
    return this.#changes.revision(number);
  }

  /** What a change made of its key. */
  after(number: number, current: KeyRecord | null): KeyRecord | null {
    const { numbers, head } = chainOf(this.#chains.get(this.keyOf(number)) as number | Chain);
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

  #forget(key: string): void {
    const chain = this.#chains.get(key) as number | Chain;
    if (typeof chain !== "number") chain.head++;
    if (typeof chain === "number" || chain.head === chain.numbers.length) {
      this.#chains.delete(key);
      this.touched.delete(key);
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
