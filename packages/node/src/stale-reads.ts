import { checkNames, checkSignal, type GiveUp, type Slot, SynodError } from "@synod/interface";
import type { Replica } from "@synod/multipaxos";
import type { ReplicatedMachine } from "@synod/rsm";
import type { Driver } from "./driver.js";
import { checkTimeLimit } from "./checks.js";
import { tooStale } from "./reads.js";
import { OVERDUE, type Settle, withEnds } from "./signals.js";
import type { StaleAnswer, StaleReadOptions } from "./types.js";

export interface StaleReadsParts<Query, Answer> {
  readonly driver: Pick<Driver, "nowMs" | "reads" | "askIndex" | "cancelRead" | "wake" | "sight" | "timer">;
  readonly replica: Pick<Replica, "heardUpTo">;
  readonly machine: Pick<ReplicatedMachine<Query, Answer>, "applied" | "query">;
  readonly readTimeoutMs: number;
  /** The state machine takes in a snapshot: there is nothing to be read. */
  readonly installing: () => boolean;
}

type Bounds = Pick<StaleReadOptions, "maxAgeMs" | "maxSlots" | "atLeast">;

const OPTIONS = ["maxAgeMs", "maxSlots", "atLeast", "signal", "timeoutMs"];

const aborted = (cause: unknown): SynodError =>
  new SynodError("TooStale", "the signal was aborted before the bound of the read was met", { cause });

function checkBounds(options: Bounds): void {
  checkNames((name) => `readStale has no option ${name}`, options, OPTIONS);
  const { maxAgeMs, maxSlots, atLeast } = options;
  const bad = (name: string, what: string, value: unknown): SynodError =>
    new SynodError("InvalidArgument", `${name} must be ${what}, not ${String(value)}`);
  if (maxAgeMs !== undefined && !(typeof maxAgeMs === "number" && maxAgeMs >= 0)) {
    throw bad("maxAgeMs", "a number from 0", maxAgeMs);
  }
  for (const [name, value] of Object.entries({ maxSlots, atLeast })) {
    if (value !== undefined && (!Number.isSafeInteger(value) || value < 0)) throw bad(name, "an integer from 0", value);
  }
}

/**
 * Reads of what this node has. How old that is it knows from the linearizable reads that it has answered: what was acknowledged
 * before such a read began is executed here since.
 */
export class StaleReads<Query, Answer> {
  readonly #p: StaleReadsParts<Query, Answer>;
  #confirmedMs = Number.NEGATIVE_INFINITY;

  constructor(parts: StaleReadsParts<Query, Answer>) {
    this.#p = parts;
  }

  /** Everything acknowledged before this moment is executed here. */
  confirmed(startedMs: number): void {
    this.#confirmedMs = Math.max(this.#confirmedMs, startedMs);
  }

  /** @throws SynodError what stands against the call already here */
  read(query: Query, options: StaleReadOptions, caller: Settle<StaleAnswer<Answer>>): void {
    const { driver, installing } = this.#p;
    checkBounds(options);
    const { signal, timeoutMs } = options;
    checkSignal(signal);
    if (timeoutMs !== undefined) checkTimeLimit(timeoutMs);
    if (signal?.aborted === true) throw aborted(signal.reason);
    const calledMs = driver.nowMs;
    if (!installing() && this.#met(options, calledMs)) return caller.resolve(this.#answer(query));
    withEnds(driver, { signal, timeoutMs }, caller, (settle) => this.#begin(query, options, calledMs, settle));
  }

  /** @returns what gives it up */
  #begin(
    query: Query,
    options: StaleReadOptions,
    calledMs: number,
    { resolve, reject }: Settle<StaleAnswer<Answer>>,
  ): GiveUp {
    const { driver, machine, readTimeoutMs, installing } = this.#p;
    const { atLeast = 0, timeoutMs } = options;
    let askedMs: number | null = null;
    const token = driver.reads.add({
      stale: true,
      deadlineMs: timeoutMs === undefined ? calledMs + readTimeoutMs : Infinity,
      answer: () => {
        if (askedMs !== null) this.confirmed(askedMs);
        // What a quorum vouched for since the call lacks nothing that was chosen at the call.
        const bounds = askedMs === null ? options : { atLeast };
        if (!this.#met(bounds, calledMs)) {
          askedMs = driver.nowMs;
          return "quorum";
        }
        try {
          resolve(this.#answer(query));
        } catch (cause) {
          reject(cause);
        }
        return null;
      },
      reject,
    });
    if (installing() || machine.applied < atLeast) {
      driver.reads.ready([token], atLeast);
      driver.wake();
    } else {
      askedMs = calledMs;
      driver.askIndex(token, "quorum");
    }
    return (cause) => {
      driver.cancelRead(token);
      driver.reads.fail(token, cause === OVERDUE ? tooStale(driver.sight) : aborted(cause));
    };
  }

  #met({ maxAgeMs = Infinity, maxSlots = Infinity, atLeast = 0 }: Bounds, calledMs: number): boolean {
    const { machine, replica, driver } = this.#p;
    const { applied } = machine;
    if (applied < atLeast || this.#confirmedMs < calledMs - maxAgeMs) return false;
    if (maxSlots === Infinity) return true;
    const heardUpTo: Slot | null = replica.heardUpTo(driver.nowMs);
    return heardUpTo !== null && heardUpTo - applied <= maxSlots;
  }

  #answer(query: Query): StaleAnswer<Answer> {
    const { machine, driver } = this.#p;
    const answer = machine.query(query);
    return { answer, asOf: machine.applied, ageMs: driver.nowMs - this.#confirmedMs };
  }
}
