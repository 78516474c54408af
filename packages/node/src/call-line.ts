/** What stands in a line; both are null outside of one. */
export interface InLine<T> {
  before: T | null;
  after: T | null;
}

/**
 * Calls in the order in which they came, each of which leaves when it ends. Not a `Set`, for the reason that `NumberMap` gives; whoever has
 * left points at nobody any more.
 */
export class CallLine<T extends InLine<T>> {
  #first: T | null = null;
  #last: T | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** It is in no line. */
  add(call: T): void {
    call.before = this.#last;
    if (this.#last === null) this.#first = call;
    else this.#last.after = call;
    this.#last = call;
    this.#size++;
  }

  /** It is in this line. */
  delete(call: T): void {
    const { before, after } = call;
    if (before === null) this.#first = after;
    else before.after = after;
    if (after === null) this.#last = before;
    else after.before = before;
    call.before = null;
    call.after = null;
    this.#size--;
  }

  /** As of now. */
  all(): T[] {
    const all: T[] = [];
    for (let call = this.#first; call !== null; call = call.after) all.push(call);
    return all;
  }
}
