import {
  type Applied,
  type ApplyContext,
  type SnapshotSink,
  type StateMachine,
  SynodError,
  type TickContext,
  type Watched,
} from "@synod/interface";
import { checkFields } from "./checks.js";
import { execute } from "./commands.js";
import { LIMIT_NAMES, type MachineLimits, limitsOf } from "./limits.js";
import { answer, watchAnswer } from "./queries.js";
import { restoring, snapshotOf } from "./snapshot.js";
import { State } from "./state.js";
import type {
  CoordinationAnswer,
  CoordinationCommand,
  CoordinationQuery,
  CoordinationResult,
  Revision,
} from "./types.js";

/** Keys, leases and requests that are cleared away before a command, and when nothing else is to do. */
const STEPS_PER_COMMAND = 64;
const STEPS_PER_TICK = 1024;

/** Limits of what is replicated: equal on all replicas, for good. */
export type CoordinationMachineOptions = Partial<MachineLimits>;

export interface CoordinationMachine
  extends StateMachine<CoordinationCommand, CoordinationQuery, CoordinationResult, CoordinationAnswer> {
  /**
   * For a restored backup, before any replica has the state: goes on from this revision, so that none that was given out after the backup is
   * given out again, and forgets the history, as its readers may have seen what is not in the backup. Not replicated.
   * @throws SynodError `InvalidArgument` for one that is below the present revision
   */
  raiseRevision(to: Revision): void;
}

/**
 * Keys with revisions, leases, queues for locks, and counters: one deterministic state machine. For `createNode`, together with `coordinationCodecs`.
 * @throws SynodError `InvalidArgument` for a limit that is unknown or no positive integer.
 */
export function coordinationMachine(options: CoordinationMachineOptions = {}): CoordinationMachine {
  checkFields("The limits of coordinationMachine", options, LIMIT_NAMES);
  return new Machine(limitsOf(options));
}

class Machine implements CoordinationMachine {
  readonly version: number = 1;
  #state: State;

  constructor(limits: MachineLimits) {
    this.#state = new State(limits);
  }

  apply(command: CoordinationCommand, { timeMs }: ApplyContext): Applied<CoordinationResult> {
    this.#reach(timeMs, STEPS_PER_COMMAND);
    return { result: execute(this.#state, command) };
  }

  tick({ timeMs }: TickContext): void {
    this.#reach(timeMs, STEPS_PER_TICK);
  }

  nextDeadline(): number | null {
    return this.#state.nextDeadline();
  }

  query(query: CoordinationQuery): CoordinationAnswer {
    return answer(this.#state, query);
  }

  watch(query: CoordinationQuery): Watched<CoordinationQuery, CoordinationAnswer> | null {
    const watched = watchAnswer(this.#state, query);
    if (watched !== undefined) return watched;
    throw new SynodError(
      "InvalidArgument",
      `A query of kind ${query.kind} cannot be watched: watch events, a lock or a request.`,
    );
  }

  snapshot(): Iterable<Uint8Array> {
    return snapshotOf(this.#state);
  }

  restore(): SnapshotSink {
    return restoring(this.#state.limits, (state) => {
      this.#state = state;
    });
  }

  raiseRevision(to: Revision): void {
    const { revision, keys } = this.#state;
    if (!Number.isSafeInteger(to) || to < revision) {
      throw new SynodError(
        "InvalidArgument",
        `A revision is raised to an integer from ${revision}, not to ${String(to)}.`,
      );
    }
    this.#state.revision = to;
    keys.history.forget(to);
  }

  digest(): string {
    return this.#state.digest;
  }

  #reach(timeMs: number, steps: number): void {
    this.#state.timeMs = Math.max(this.#state.timeMs, timeMs);
    this.#state.expire(steps);
  }
}
