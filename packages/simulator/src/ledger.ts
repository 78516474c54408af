import type { ApplyContext, Codec, NodeId, Slot } from "@synod/interface";
import type { Operation } from "@synod/linearizability";
import type { Judge } from "./judge.js";
import type { Oracle } from "./oracle.js";
import type { Life } from "./process.js";

export interface Execution {
  readonly node: NodeId;
  readonly life: Life;
  readonly tag: number;
  readonly context: ApplyContext;
  readonly result: unknown;
}

/** More than the fastest simulated clock. */
const CLOCK_RATE_MAX = 1.06;
/** What all leaders together may be ahead by. */
const LOGGED_SLACK_MS = 500;
/** What the leaders since a command was asked for may be ahead by, and the longest time in which one notices that it is cut off. */
const LEAP_SLACK_MS = 300;

const textOf = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16)).join(" ");

/** What was asked for, executed, answered and refused. */
export class Ledger {
  readonly #judge: Judge;
  readonly #resultCodec: Pick<Codec<unknown>, "encode">;
  /** Every command that a client asked for. */
  readonly tags: Set<number> = new Set();
  readonly history: Operation<unknown, unknown>[] = [];
  #oracle: Oracle | null = null;
  /** All jumps of all clocks: leaders in turn may each log theirs. */
  clocksAheadMs = 0;
  #lastTag = 0;
  #stamp = 0;
  /** The fastest that time may have gone by when a command was asked for. */
  readonly #askedAtMs = new Map<number, number>();
  /** Of all commands executed: how far logged time was ahead of when they were asked for, at least. */
  #aheadLeastMs: number = Number.POSITIVE_INFINITY;
  /** Place of each executed command in the log, and its result. */
  readonly #executed = new Map<number, { slot: Slot; index: number; result: string }>();
  readonly #refused = new Set<number>();
  /** Sessions of these commands were gone when a node had executed everything up to this slot. */
  readonly #forgotten = new Map<number, Slot>();
  readonly #answered = new Set<number>();
  /** Rises in both. */
  readonly #answeredAt: { readonly atMs: number; readonly slot: Slot }[] = [];
  /** Last place that each life executed. */
  readonly #last = new WeakMap<Life, { slot: Slot; index: number }>();

  constructor(judge: Judge, resultCodec: Pick<Codec<unknown>, "encode">) {
    this.#judge = judge;
    this.#resultCodec = resultCodec;
  }

  watch(oracle: Oracle): void {
    this.#oracle = oracle;
  }

  get answered(): number {
    return this.#answered.size;
  }

  /** Grows with each call: the order of calls and returns, also of those at the same virtual time. */
  stamp(): number {
    return ++this.#stamp;
  }

  newTag(): number {
    this.tags.add(++this.#lastTag);
    this.#askedAtMs.set(this.#lastTag, this.#fastestMs);
    return this.#lastTag;
  }

  onApply({ node, life, tag, context, result }: Execution): void {
    const { slot, index } = context;
    const judge = this.#judge;
    const last = this.#last.get(life);
    judge.check(
      last === undefined || last.slot < slot || (last.slot === slot && last.index < index),
      "in-order apply",
      () => `node ${node} executes ${slot}.${index} after ${last?.slot}.${last?.index}`,
    );
    this.#last.set(life, { slot, index });
    judge.check(
      this.#oracle?.truth.chosenTags(slot)?.[index] === tag,
      "agreement",
      () => `node ${node} executes command ${tag} as ${slot}.${index}, which is not what is chosen there`,
    );
    judge.check(
      context.timeMs <= this.#loggedMostMs,
      "logged time follows the clocks",
      () => `slot ${slot} was logged at ${context.timeMs} ms, ${judge.nowMs().toFixed(0)} ms after the start`,
    );
    judge.check(!this.#refused.has(tag), "refused means never executed", () => `command ${tag} at node ${node}`);
    judge.check(
      slot <= (this.#forgotten.get(tag) ?? slot),
      "refused means never executed",
      () => `command ${tag} at node ${node}, in slot ${slot}: its session was gone before`,
    );
    const encoded = textOf(this.#resultCodec.encode(result));
    const known = this.#executed.get(tag);
    if (known === undefined) {
      this.#executed.set(tag, { slot, index, result: encoded });
      this.#checkPace(tag, context);
      return;
    }
    judge.check(
      known.slot === slot && known.index === index,
      "exactly once",
      () => `command ${tag} is executed as ${known.slot}.${known.index} and, by node ${node}, as ${slot}.${index}`,
    );
    judge.check(
      known.result === encoded,
      "deterministic apply",
      () => `command ${tag} (slot ${slot}): node ${node} has a result that differs from that of another node`,
    );
  }

  /** To be called for first executions, which are in the order of the log. Whoever was granted a lease counts from when it was asked for. */
  #checkPace(tag: number, { slot, timeMs }: ApplyContext): void {
    this.#judge.check(
      timeMs - this.#fastestMs <= this.#aheadLeastMs + LEAP_SLACK_MS,
      "logged time never leaps",
      () => `slot ${slot} was logged at ${timeMs} ms: a lease that was granted before is over too early`,
    );
    this.#aheadLeastMs = Math.min(this.#aheadLeastMs, timeMs - (this.#askedAtMs.get(tag) ?? 0));
  }

  /** What the fastest clock can have come to, with the jumps of all. */
  get #fastestMs(): number {
    return this.#judge.nowMs() * CLOCK_RATE_MAX + this.clocksAheadMs;
  }

  /** No batch has a later time than this. */
  get #loggedMostMs(): number {
    return this.#fastestMs + LOGGED_SLACK_MS;
  }

  /** Every command that a client had its answer to at this moment lies at or below this slot. */
  answeredUpTo(atMs: number): Slot {
    for (let i = this.#answeredAt.length - 1; i >= 0; i--) {
      const answered = this.#answeredAt[i];
      if (answered !== undefined && answered.atMs <= atMs) return answered.slot;
    }
    return 0;
  }

  /** A client has its answer. */
  onAnswer(tag: number): void {
    this.#answered.add(tag);
    const place = this.#executed.get(tag);
    const highest = this.#answeredAt.at(-1)?.slot ?? 0;
    if (place !== undefined && place.slot > highest) {
      this.#answeredAt.push({ atMs: this.#judge.nowMs(), slot: place.slot });
    }
    this.#judge.check(
      place !== undefined && this.#oracle?.truth.chosenTags(place.slot)?.[place.index] === tag,
      "acknowledged means chosen",
      () => `command ${tag} was answered and is not on the disks of a quorum`,
    );
  }

  /** A client was told that its command was never proposed. */
  onRefused(tag: number): void {
    this.#refused.add(tag);
    const place = this.#executed.get(tag);
    const where = (): string => `command ${tag} was executed as ${place?.slot}.${place?.index}`;
    this.#judge.check(place === undefined, "refused means never executed", where);
  }

  /**
   * A client was told that the session of its command is unknown, by a node that had executed everything up to a slot: whether an earlier copy was executed
   * is forgotten, and no later one is.
   * @param lifeMs of an unused session; 0 for one that its client gave up
   */
  onForgotten(tag: number, applied: Slot, lifeMs: number): void {
    this.#judge.check(
      this.#loggedMostMs >= lifeMs,
      "exactly once",
      () => `command ${tag}: its session is unknown, and can neither have expired nor was it closed`,
    );
    this.#forgotten.set(tag, applied);
    const slot = this.#executed.get(tag)?.slot ?? 0;
    const text = (): string => `command ${tag}, in slot ${slot}: its session was gone by slot ${applied}`;
    this.#judge.check(slot <= applied, "refused means never executed", text);
  }

  /** Everything answered is at or below this slot, which all nodes of a quorum have reached. */
  checkNothingLost(applied: Slot): void {
    for (const tag of this.#answered) {
      const slot = this.#executed.get(tag)?.slot ?? Number.POSITIVE_INFINITY;
      this.#judge.check(slot <= applied, "acknowledged never lost", () => `command ${tag} of slot ${slot}`);
    }
  }
}
