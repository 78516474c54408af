/** What is among `OpenCalls`. */
export interface Seated {
  /** Where it is among them; -1 where it is not. */
  seat: number;
  giveUp(why: string, cause?: unknown): void;
}

/** Calls that have begun and not ended, in no order. Not a Set: see `NumberMap`. */
export class OpenCalls {
  readonly #calls: Seated[] = [];

  get size(): number {
    return this.#calls.length;
  }

  add(call: Seated): void {
    call.seat = this.#calls.length;
    this.#calls.push(call);
  }

  delete(call: Seated): void {
    const { seat } = call;
    if (seat < 0) return;
    call.seat = -1;
    const last = this.#calls.pop();
    if (last === undefined || last === call) return;
    last.seat = seat;
    this.#calls[seat] = last;
  }

  giveUpAll(why: string, cause: unknown): void {
    // One that ends may end others.
    for (const call of this.#calls.slice()) if (call.seat >= 0) call.giveUp(why, cause);
  }
}
