import type { ChosenValue, Slot } from "@synod/interface";
import type { ReplicatedMachine } from "@synod/rsm";
import type { Proposals } from "./proposals.js";
import type { Buggify } from "./types.js";

/** Executing chosen values may take this long in one turn; then the sockets get their turn. */
const SLICE_MS = 5;

/** What a value costs in the log besides itself, about. */
const VALUE_BYTES = 64;

export interface ApplierOptions {
  readonly machine: Pick<ReplicatedMachine<never, unknown>, "apply" | "timeMs">;
  readonly proposals: Proposals;
  readonly now: () => number;
  readonly buggify: Buggify;
}

/** Executes chosen values in slot order, some in each turn, and tells the callers of their outcome. */
export class Applier {
  readonly #o: ApplierOptions;
  #queue: ChosenValue[] = [];
  #head = 0;
  #bytes = 0;
  /** Commands executed, repeats not counted. */
  commands = 0;
  /** Bytes of the values executed, and what each costs besides. */
  bytesExecuted = 0;

  constructor(options: ApplierOptions) {
    this.#o = options;
  }

  /** Of the values that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  get idle(): boolean {
    return this.#head >= this.#queue.length;
  }

  add(value: ChosenValue): void {
    this.#queue.push(value);
    this.#bytes += value.value.length;
  }

  /** A snapshot stands for everything up to this slot. */
  installed(index: Slot): void {
    for (let next = this.#queue[this.#head]; next !== undefined && next.slot <= index; next = this.#queue[this.#head]) {
      this.#head++;
      this.#bytes -= next.value.length;
    }
  }

  /** Executes for a while. Returns whether anything was executed. */
  slice(): boolean {
    if (this.idle) return false;
    const startedMs = this.#o.now();
    let nowMs = startedMs;
    do {
      const next = this.#queue[this.#head];
      if (next === undefined) break;
      this.#head++;
      this.#bytes -= next.value.length;
      this.bytesExecuted += next.value.length + VALUE_BYTES;
      this.#apply(next, nowMs);
      nowMs = this.#o.now();
    } while (nowMs - startedMs < SLICE_MS && !this.#o.buggify("one value executed a turn"));
    if (this.idle || this.#head > 1024) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    return true;
  }

  #apply({ slot, value }: ChosenValue, nowMs: number): void {
    const { machine, proposals } = this.#o;
    for (const outcome of machine.apply(slot, value)) {
      if (outcome.kind === "result" && !outcome.cached) this.commands++;
      proposals.onOutcome(outcome, nowMs, machine.timeMs);
    }
  }
}
