import type { ChosenValue, Metrics, Slot, Versions } from "@synod/interface";
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
  readonly metrics: Metrics;
  readonly now: () => number;
  /** Values up to here are those of the log that was found at the start. */
  readonly recoveredUpTo: Slot;
  /** After each slot. */
  readonly onApplied: (slot: Slot) => void;
  readonly buggify: Buggify;
  readonly raised: (versions: Versions) => void;
}

/** Executes chosen values in slot order, some in each turn, and tells the callers of their outcome. */
export class Applier {
  readonly #o: ApplierOptions;
  #queue: ChosenValue[] = [];
  #head = 0;
  #bytes = 0;
  /** One value at a time is timed until it is executed. */
  #timed: { readonly slot: Slot; readonly atMs: number } | null = null;
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

  /** Values that wait. */
  get count(): number {
    return this.#queue.length - this.#head;
  }

  add(value: ChosenValue): void {
    this.#timed ??= { slot: value.slot, atMs: this.#o.now() };
    this.#queue.push(value);
    this.#bytes += value.value.length;
  }

  /** A snapshot stands for everything up to this slot. */
  installed(index: Slot): void {
    // It will never be executed here, and none after it would be timed.
    if (this.#timed !== null && this.#timed.slot <= index) this.#timed = null;
    for (let next = this.#queue[this.#head]; next !== undefined && next.slot <= index; next = this.#queue[this.#head]) {
      this.#head++;
      this.#bytes -= next.value.length;
    }
  }

  /** Executes for a while. Returns whether anything was executed. */
  slice(): boolean {
    if (this.idle) return false;
    const { metrics } = this.#o;
    const before = this.commands;
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
    metrics.observe("synod_apply_ms", nowMs - startedMs);
    if (this.commands > before) metrics.count("synod_applied_commands_total", this.commands - before);
    if (this.idle || this.#head > 1024) {
      this.#queue.splice(0, this.#head);
      this.#head = 0;
    }
    return true;
  }

  #apply({ slot, value }: ChosenValue, nowMs: number): void {
    const { machine, proposals, raised, recoveredUpTo } = this.#o;
    for (const outcome of machine.apply(slot, value, slot <= recoveredUpTo)) {
      if (outcome.kind === "raised") {
        if (outcome.changed) raised(outcome.versions);
        continue;
      }
      if (outcome.kind === "result" && !outcome.cached) this.commands++;
      proposals.onOutcome(outcome, nowMs, machine.timeMs);
    }
    if (this.#timed?.slot === slot) {
      this.#o.metrics.observe("synod_apply_wait_ms", this.#o.now() - this.#timed.atMs);
      this.#timed = null;
    }
    this.#o.onApplied(slot);
  }
}
