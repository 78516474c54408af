import { byTime, type Operation } from "./history.js";

/**
 * The completed operations that are not placed yet, as one linked list of their calls and returns in time order.
 * Wing and Gong 1993; the list is that of Lowe 2017, section 3. Equal times count as concurrent: calls come first.
 *
 * Completed operations are numbered 0, 1, ... by their call. Entry 0 is the head of the list.
 */
export class Timeline {
  /** Index into the history of each completed operation, by call. */
  readonly completed: readonly number[];
  /** The same for those of unknown outcome. */
  readonly unknown: readonly number[];
  /** The operation that an entry belongs to: `k` for its call, `-1 - k` for its return. */
  readonly entryOf: Int32Array;
  readonly timeOf: Float64Array;
  readonly next: Int32Array;
  readonly taken: Uint8Array;
  /** Bit k is set if operation k is taken. */
  readonly words: Uint16Array;
  left: number;
  readonly #previous: Int32Array;
  readonly #callOf: Int32Array;
  readonly #returnOf: Int32Array;

  constructor(operations: readonly Operation<unknown, unknown>[]) {
    const get = (index: number): Operation<unknown, unknown> => operations[index] as Operation<unknown, unknown>;
    const order = [...operations.keys()].sort((a, b) => byTime(get(a), get(b)) || a - b);
    this.completed = order.filter((index) => get(index).return !== null);
    this.unknown = order.filter((index) => get(index).return === null);
    const n = this.completed.length;
    const events = this.completed.flatMap((index, k) => [
      { time: get(index).call, mark: k },
      { time: get(index).return as number, mark: -1 - k },
    ]);
    events.sort((a, b) => a.time - b.time || Number(a.mark < 0) - Number(b.mark < 0));
    this.entryOf = Int32Array.from([0, ...events.map(({ mark }) => mark)]);
    this.timeOf = Float64Array.from([Number.NEGATIVE_INFINITY, ...events.map(({ time }) => time)]);
    this.next = Int32Array.from({ length: 2 * n + 1 }, (_, entry) => (entry < 2 * n ? entry + 1 : 0));
    this.#previous = Int32Array.from({ length: 2 * n + 1 }, (_, entry) => (entry > 0 ? entry - 1 : 2 * n));
    this.#callOf = new Int32Array(n);
    this.#returnOf = new Int32Array(n);
    events.forEach(({ mark }, index) => {
      if (mark >= 0) this.#callOf[mark] = index + 1;
      else this.#returnOf[-1 - mark] = index + 1;
    });
    this.taken = new Uint8Array(n);
    this.words = new Uint16Array(Math.ceil(n / 16));
    this.left = n;
  }

  take(k: number): void {
    this.#unlink(this.#callOf[k] as number);
    this.#unlink(this.#returnOf[k] as number);
    this.#mark(k, 1);
    this.left -= 1;
  }

  /** Undoes the latest `take` that is not undone yet, which must be that of `k`. */
  giveBack(k: number): void {
    this.#relink(this.#returnOf[k] as number);
    this.#relink(this.#callOf[k] as number);
    this.#mark(k, 0);
    this.left += 1;
  }

  /** The completed operation with the earliest call of those that are left. */
  first(): number {
    return this.entryOf[this.next[0] as number] as number;
  }

  #mark(k: number, bit: 0 | 1): void {
    this.taken[k] = bit;
    this.words[k >> 4] = (this.words[k >> 4] as number) ^ (1 << (k & 15));
  }

  #unlink(entry: number): void {
    const [before, after] = [this.#previous[entry] as number, this.next[entry] as number];
    this.next[before] = after;
    this.#previous[after] = before;
  }

  #relink(entry: number): void {
    this.next[this.#previous[entry] as number] = entry;
    this.#previous[this.next[entry] as number] = entry;
  }
}
