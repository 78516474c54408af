import { type ReadOptions, SynodError } from "@synod/interface";
import type { ReplicatedMachine } from "@synod/rsm";
import type { Driver } from "./driver.js";
import { withSignal } from "./signals.js";

export interface ConfirmedReadsParts<Query, Answer> {
  readonly driver: Pick<Driver, "nowMs" | "reads" | "askIndex" | "cancelRead">;
  readonly machine: Pick<ReplicatedMachine<Query, Answer>, "query">;
  readonly readTimeoutMs: number;
  /** Everything acknowledged before this moment is executed here. */
  readonly confirmed: (startedMs: number) => void;
}

/** Linearizable reads: each asks for an index, and is answered when everything up to it is executed. */
export class ConfirmedReads<Query, Answer> {
  readonly #p: ConfirmedReadsParts<Query, Answer>;

  constructor(parts: ConfirmedReadsParts<Query, Answer>) {
    this.#p = parts;
  }

  /** @throws SynodError what stands against the call already here */
  read(
    query: Query,
    { signal, via = "leader" }: ReadOptions,
    caller: { resolve: (answer: Answer) => void; reject: (cause: unknown) => void },
  ): void {
    const { driver, machine, readTimeoutMs, confirmed } = this.#p;
    const { reads } = driver;
    const aborted = (cause: unknown): SynodError =>
      new SynodError("NoLeader", "the signal was aborted before the read was confirmed", { cause });
    if (signal?.aborted === true) throw aborted(signal.reason);
    if (via !== "leader" && via !== "quorum") {
      throw new SynodError("InvalidArgument", `via is "leader" or "quorum", not ${String(via)}`);
    }
    const startedMs = driver.nowMs;
    withSignal<Answer>(signal, caller, (settle) => {
      const token = reads.add({
        deadlineMs: startedMs + readTimeoutMs,
        answer: (untilMs) => {
          const outcome = outcomeOf(() => machine.query(query));
          // Only now: the process may have stood still since the lease was looked at.
          if (untilMs < Infinity && driver.nowMs >= untilMs) return "round";
          confirmed(startedMs);
          if ("answer" in outcome) settle.resolve(outcome.answer);
          else settle.reject(outcome.cause);
          return null;
        },
        reject: settle.reject,
      });
      driver.askIndex(token, via);
      return (cause) => {
        driver.cancelRead(token);
        reads.fail(token, aborted(cause));
      };
    });
  }
}

function outcomeOf<T>(query: () => T): { readonly answer: T } | { readonly cause: unknown } {
  try {
    return { answer: query() };
  } catch (cause) {
    return { cause };
  }
}
