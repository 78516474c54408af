import { checkNames, offAbort, onAbort, type Slot, SynodError } from "@synod/interface";
import type { Replica } from "@synod/multipaxos";
import type { ReplicatedMachine } from "@synod/rsm";
import type { Driver } from "./driver.js";
import type { StaleAnswer, StaleReadOptions } from "./types.js";

export interface StaleReadsParts<Query, Answer> {
  readonly driver: Pick<Driver, "nowMs" | "reads" | "askIndex" | "cancelRead" | "wake">;
  readonly replica: Pick<Replica, "heardUpTo">;
  readonly machine: Pick<ReplicatedMachine<Query, Answer>, "applied" | "query">;
  readonly readTimeoutMs: number;
  /** The state machine takes in a snapshot: there is nothing to be read. */
  readonly installing: () => boolean;
}

type Bounds = Pick<StaleReadOptions, "maxAgeMs" | "maxSlots" | "atLeast">;

const OPTIONS = ["maxAgeMs", "maxSlots", "atLeast", "signal"];

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

  read(
    query: Query,
    options: StaleReadOptions,
    resolve: (answer: StaleAnswer<Answer>) => void,
    reject: (cause: unknown) => void,
  ): void {
    const { driver, machine, readTimeoutMs, installing } = this.#p;
    checkBounds(options);
    const { signal, atLeast = 0 } = options;
    const aborted = (): SynodError =>
      new SynodError("TooStale", "the signal was aborted before the bound of the read was met", {
        cause: signal?.reason,
      });
    if (signal?.aborted === true) throw aborted();
    const calledMs = driver.nowMs;
    if (!installing() && this.#met(options, calledMs)) return resolve(this.#answer(query));

    let askedMs: number | null = null;
    const giveUp = (): void => {
      driver.cancelRead(token);
      driver.reads.fail(token, aborted());
    };
    const done = (): void => {
      if (signal !== undefined) offAbort(signal, giveUp);
    };
    const token = driver.reads.add({
      stale: true,
      deadlineMs: calledMs + readTimeoutMs,
      answer: () => {
        if (askedMs !== null) this.confirmed(askedMs);
        // What a quorum vouched for since the call lacks nothing that was chosen at the call.
        const bounds = askedMs === null ? options : { atLeast };
        if (!this.#met(bounds, calledMs)) {
          askedMs = driver.nowMs;
          return "quorum";
        }
        done();
        try {
          resolve(this.#answer(query));
        } catch (cause) {
          reject(cause);
        }
        return null;
      },
      reject: (error) => {
        done();
        reject(error);
      },
    });
    if (signal !== undefined) onAbort(signal, giveUp);
    if (installing() || machine.applied < atLeast) {
      driver.reads.ready([token], atLeast);
      driver.wake();
    } else {
      askedMs = calledMs;
      driver.askIndex(token, "quorum");
    }
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
