import { type Caller, checkCall, checkSignal, type GiveUp, type ReadOptions, SynodError } from "@synod/interface";
import type { ReadVia } from "@synod/multipaxos";
import type { ReplicatedMachine } from "@synod/rsm";
import type { Driver } from "./driver.js";
import { CALL } from "./calls.js";
import { notConfirmed } from "./reads.js";
import { OVERDUE, type Settle, withEnds } from "./signals.js";
import type { Sight } from "./sight.js";

export interface ConfirmedReadsParts<Query, Answer> {
  readonly driver: Pick<Driver, "nowMs" | "reads" | "askIndex" | "cancelRead" | "sight" | "timer">;
  readonly machine: Pick<ReplicatedMachine<Query, Answer>, "query">;
  readonly readTimeoutMs: number;
  /** Everything acknowledged before this moment is executed here. */
  readonly confirmed: (startedMs: number) => void;
}

const READ = [...CALL, "via"];

/** Linearizable reads: each asks for an index, and is answered when everything up to it is executed. */
export class ConfirmedReads<Query, Answer> {
  readonly #p: ConfirmedReadsParts<Query, Answer>;

  constructor(parts: ConfirmedReadsParts<Query, Answer>) {
    this.#p = parts;
  }

  /** @throws SynodError what stands against the call already here */
  read(query: Query, options: ReadOptions, caller: Settle<Answer>): void {
    checkCall("read", options, READ);
    const { signal, timeoutMs, via = "leader" } = options;
    checkSignal(signal);
    if (signal?.aborted === true) {
      const text = "the signal was aborted before the read was confirmed";
      throw new SynodError("NoLeader", text, { cause: signal.reason });
    }
    if (via !== "leader" && via !== "quorum") {
      throw new SynodError("InvalidArgument", `via is "leader" or "quorum", not ${String(via)}`);
    }
    if (signal === undefined && timeoutMs === undefined) {
      this.begin(query, via, caller);
      return;
    }
    const { driver, readTimeoutMs } = this.#p;
    // In place of the limit of the node.
    const limitMs = timeoutMs === undefined ? readTimeoutMs : Infinity;
    withEnds(driver, { signal, timeoutMs }, caller, (settle) => this.begin(query, via, settle, limitMs));
  }

  /** @returns what gives it up */
  begin(query: Query, via: ReadVia, caller: Caller<Answer>, limitMs: number = this.#p.readTimeoutMs): GiveUp {
    const { driver, machine, confirmed } = this.#p;
    const { reads } = driver;
    const startedMs = driver.nowMs;
    const token = reads.add({
      deadlineMs: startedMs + limitMs,
      answer: (untilMs) => {
        const outcome = outcomeOf(machine, query);
        // Only now: the process may have stood still since the lease was looked at.
        if (untilMs < Infinity && driver.nowMs >= untilMs) return "round";
        confirmed(startedMs);
        if ("answer" in outcome) caller.resolve(outcome.answer);
        else caller.reject(outcome.cause);
        return null;
      },
      reject: (error) => caller.reject(error),
    });
    driver.askIndex(token, via);
    return (cause) => {
      driver.cancelRead(token);
      reads.fail(token, cause === OVERDUE ? notConfirmed(driver.sight) : givenUp(cause, driver.sight));
    };
  }
}

function givenUp(cause: unknown, { text }: Sight): SynodError {
  const why = cause instanceof SynodError ? cause.message : "the signal was aborted";
  return new SynodError("NoLeader", `${why} before the read was confirmed (${text})`, { cause });
}

function outcomeOf<Query, Answer>(
  machine: Pick<ReplicatedMachine<Query, Answer>, "query">,
  query: Query,
): { readonly answer: Answer } | { readonly cause: unknown } {
  try {
    return { answer: machine.query(query) };
  } catch (cause) {
    return { cause };
  }
}
