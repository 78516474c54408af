import { SynodError } from "@synod/interface";
import { type CallOptions, type Core, Linked } from "./core.js";
import { checkName, type Lock, type Locks, type Protected } from "./locks.js";
import type { AcquireOptions } from "./requests.js";

export interface RunOnceOptions extends AcquireOptions {
  /** So long, in logged time, it is remembered that an occurrence was done. Default 7 days. */
  readonly keepMs?: number;
}

export type RunOnceResult<T> = { readonly ran: true; readonly value: T } | { readonly ran: false };

/** What node-cron (4.4 and later) asks before each run of a task with `distributed: true`. */
export interface RunCoordinator {
  shouldRun(key: string, ttlMs: number): Promise<boolean>;
  onComplete(key: string): Promise<void>;
}

export interface Jobs {
  /**
   * Runs an occurrence of a job unless it was done before, one process at a time. If the process fails or is lost before the end, another one
   * runs it: the work is done at least once, and by two at a time never, as far as it heeds its signal or its token.
   * @throws SynodError `LockNotAcquired`; `LeaseLost`: it was lost before it was known to be done; and what the work throws
   */
  runOnce<T>(
    name: string,
    occurrence: string | number | Date,
    work: (given: Protected) => T | PromiseLike<T>,
    options?: RunOnceOptions,
  ): Promise<RunOnceResult<T>>;
  /**
   * For `setRunCoordinator(...)` of node-cron or the option `runCoordinator` of a task: of all processes, the first to ask runs an occurrence, and no other
   * ever does, even if it fails. Claims are kept for ten minutes at least, by which the clocks of the processes may differ.
   */
  cronCoordinator(): RunCoordinator;
}

const KEEP_DEFAULT_MS = 7 * 24 * 3_600_000;
const CLAIM_MIN_MS = 600_000;
const CLAIM_PATIENCE_MS = 30_000;
const EMPTY = new Uint8Array(0);

export class JobsClient implements Jobs {
  readonly #core: Core;
  readonly #locks: Locks;

  /** @param locks - with queues of their own */
  constructor(core: Core, locks: Locks) {
    this.#core = core;
    this.#locks = locks;
  }

  async runOnce<T>(
    name: string,
    occurrence: string | number | Date,
    work: (given: Protected) => T | PromiseLike<T>,
    options: RunOnceOptions = {},
  ): Promise<RunOnceResult<T>> {
    const which = occurrence instanceof Date ? occurrence.toISOString() : String(occurrence);
    const key = `synod/jobs/${checkName(name)}/${which}`;
    if (await this.#isDone(key, options)) return { ran: false };
    return this.#locks.runExclusive(
      name,
      async (given) => {
        // Somebody else may have done it while this one waited.
        if (await this.#isDone(key, { signal: given.signal })) return { ran: false };
        const value = await work(given);
        await this.#done(key, given, options.keepMs ?? KEEP_DEFAULT_MS);
        return { ran: true, value };
      },
      options,
    );
  }

  cronCoordinator(): RunCoordinator {
    return {
      shouldRun: (key, ttlMs) => this.#claim(`synod/cron/${key}`, Math.max(CLAIM_MIN_MS, Math.ceil(ttlMs))),
      // The claim stays, for those whose clocks are late.
      onComplete: async () => {},
    };
  }

  async #isDone(key: string, options: CallOptions): Promise<boolean> {
    return (await this.#core.read(["get"], { kind: "get", key, revision: null }, options)).entry !== null;
  }

  async #done(key: string, { lock, signal }: Protected, keepMs: number): Promise<void> {
    lock.assertHeld();
    try {
      if (await this.#markDone(key, lock, keepMs, signal)) return;
    } catch (cause) {
      lock.assertHeld();
      throw cause;
    }
    throw new SynodError("LeaseLost", "The lock of the job was lost before it was marked as done.");
  }

  /** @returns false if the lock is somebody else's by now */
  async #markDone(key: string, lock: Lock, keepMs: number, signal: AbortSignal): Promise<boolean> {
    const lease = this.#core.newId();
    await this.#core.settle("leases", { kind: "grantLease", id: lease, ttlMs: keepMs }, { signal });
    const { result } = await this.#core.settle(
      "transaction",
      {
        kind: "transaction",
        if: [{ held: lock.resource, fencingToken: lock.fencingToken }],
        do: [{ kind: "put", key, value: EMPTY, lease }],
        else: [],
      },
      { signal },
    );
    return result.succeeded;
  }

  /** Whoever puts the key first has it. */
  async #claim(key: string, ttlMs: number): Promise<boolean> {
    const id = this.#core.newId();
    const until = new Linked(this.#core.closed).after(this.#core.clock, CLAIM_PATIENCE_MS, () => null);
    try {
      await this.#core.settle("leases", { kind: "grantLease", id, ttlMs }, until);
      const command = { kind: "put", key, value: EMPTY, lease: id, expected: 0 } as const;
      const { result } = await this.#core.settle("written", command, until);
      if (result.done) return true;
      // An earlier copy of the own claim, perhaps.
      const { entry } = await this.#core.read(["get"], { kind: "get", key, revision: null }, until);
      const own = entry?.lease === id;
      if (!own) this.#core.later(this.#core.propose("leases", { kind: "endLeases", ids: [id], remember: false }));
      return own;
    } finally {
      until.dispose();
    }
  }
}
