interface Entry<T> {
  readonly atMs: number;
  readonly order: number;
  readonly item: T;
}

function isBefore(a: Entry<unknown>, b: Entry<unknown>): boolean {
  return a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs;
}

/** What is to happen, by time; what has the same time, in the order in which it was added. A binary heap. */
export class Agenda<T> {
  readonly #heap: Entry<T>[] = [];
  #added = 0;

  /** When the next item is due; infinity if there is none. */
  get nextAtMs(): number {
    return this.#heap[0]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  add(atMs: number, item: T): void {
    const heap = this.#heap;
    const entry: Entry<T> = { atMs, order: this.#added++, item };
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const above = (i - 1) >> 1;
      const parent = heap[above] as Entry<T>;
      if (!isBefore(entry, parent)) break;
      heap[i] = parent;
      i = above;
    }
    heap[i] = entry;
  }

  /** Takes the next item out; undefined if there is none. */
  take(): T | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return undefined;
    if (heap.length > 0) this.#sink(last);
    return first.item;
  }

  #sink(entry: Entry<T>): void {
    const heap = this.#heap;
    let i = 0;
    for (;;) {
      let least = 2 * i + 1;
      const left = heap[least];
      if (left === undefined) break;
      const right = heap[least + 1];
      if (right !== undefined && isBefore(right, left)) least++;
      const child = heap[least] as Entry<T>;
      if (!isBefore(child, entry)) break;
      heap[i] = child;
      i = least;
    }
    heap[i] = entry;
  }
}
