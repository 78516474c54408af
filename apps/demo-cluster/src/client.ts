import { setTimeout as delay } from "node:timers/promises";
import type { MembershipChange, StaleAnswer } from "@synod/node";
import type { KvAnswer, KvCommand, KvResult } from "./kv.js";
import type { LoadTarget } from "./load.js";
import { CallError, type ReplicaProcess } from "./replica-process.js";
import type { Throughput } from "./throughput.js";

/** A call's answer and who gave it. */
export interface Answered<T> {
  readonly replica: number;
  readonly value: T;
}

/** Who is asked, or null for whichever takes it, and for how long. */
export interface Target {
  readonly only: ReplicaProcess | null;
  readonly timeoutMs: number;
}

export interface ClientOptions {
  readonly throughput: Throughput;
  readonly running: () => readonly ReplicaProcess[];
  readonly leader: () => number | null;
}

export const CALL_MS = 5000;
/** How long one that is not the leader is given: it may wait for a leader that others can reach. */
const TRY_MS = 1000;
/** Between two tries of the same call at different replicas. */
const RETRY_MS = 50;
/** The call had no effect: it may be tried at another replica. */
const TRY_AGAIN: readonly string[] = ["NotProposed", "NoLeader", "Busy", "Closed"];

/** The replicas' client: sends calls, tries again where that is safe, and counts. */
export class Client {
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** @throws CallError */
  propose(command: KvCommand, target: Target): Promise<Answered<KvResult>> {
    return this.#call(target, (process, timeoutMs) => process.call({ kind: "propose", command }, timeoutMs));
  }

  /** @throws CallError */
  read(keys: readonly string[], target: Target, via: "leader" | "quorum" = "leader"): Promise<Answered<KvAnswer>> {
    return this.#call(target, (process, timeoutMs) => process.call({ kind: "read", query: { keys }, via }, timeoutMs));
  }

  /** What one replica has, which may be old. @throws CallError */
  readStale(keys: readonly string[], target: Target): Promise<Answered<StaleAnswer<KvAnswer>>> {
    return this.#call(target, (process, timeoutMs) => process.call({ kind: "readStale", query: { keys } }, timeoutMs));
  }

  /** Settles with the epoch that is in force when the change is complete. @throws CallError */
  async change(change: MembershipChange, timeoutMs: number): Promise<number> {
    // Not cut short at anyone: a new member may need long to catch up.
    const { value } = await this.#call({ only: null, timeoutMs }, (process, _ms, leftMs) =>
      process.call({ kind: "change", change }, leftMs),
    );
    return value;
  }

  /** For the load: one try at one replica. */
  loadTarget(process: ReplicaProcess): LoadTarget {
    const { throughput } = this.#options;
    return {
      open: process.open,
      propose: async (command) => {
        const startedMs = performance.now();
        try {
          await process.call({ kind: "propose", command }, CALL_MS);
          throughput.acknowledged(performance.now() - startedMs);
        } catch (cause) {
          throughput.failed();
          throw cause;
        }
      },
    };
  }

  async #call<T>(
    { only, timeoutMs }: Target,
    ask: (process: ReplicaProcess, timeoutMs: number, leftMs: number) => Promise<T>,
  ): Promise<Answered<T>> {
    const { throughput } = this.#options;
    const deadlineMs = performance.now() + timeoutMs;
    for (let turn = 0; ; turn++) {
      const process = only ?? this.#candidate(turn);
      const startedMs = performance.now();
      try {
        if (process === null) throw new CallError("NotProposed", "no replica runs");
        const leftMs = Math.max(Math.ceil(deadlineMs - startedMs), 1);
        const patient = only !== null || process.id === this.#options.leader();
        const value = await ask(process, patient ? leftMs : Math.min(leftMs, TRY_MS), leftMs);
        throughput.acknowledged(performance.now() - startedMs);
        return { replica: process.id, value };
      } catch (cause) {
        const again = only === null && cause instanceof CallError && TRY_AGAIN.includes(cause.code);
        if (!again || performance.now() + RETRY_MS >= deadlineMs) {
          throughput.failed();
          throw cause;
        }
      }
      await delay(RETRY_MS);
    }
  }

  /** The leader first, since it answers fastest; in between the others in turn, for it may lead no more. */
  #candidate(turn: number): ReplicaProcess | null {
    const running = this.#options.running();
    const leader = turn % 2 === 0 ? running.find(({ id }) => id === this.#options.leader()) : undefined;
    return leader ?? running[turn % running.length] ?? null;
  }
}
