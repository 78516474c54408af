import { SynodError } from "@synod/interface";
import { ACQUIRE, checkFunction, checkName, checkOptions, invalid, shown } from "./checks.js";
import { type CallOptions, type Core, Linked } from "./core.js";
import { checkKeep, KeptKeys } from "./kept.js";
import { type Lock, type Locks, type Protected } from "./locks.js";
import { type AcquireOptions, checkWait } from "./requests.js";
import { textValues } from "./values.js";

export interface RunOnceOptions extends AcquireOptions {
  /** So long, in logged time, and at most three eighths longer, it is remembered that an occurrence was done. Default 7 days, at most 292. */
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
   * @param occurrence - names it alike in all processes, such as "2026-11-21": what differs between them is run by each of them
   * @throws SynodError `LockNotAcquired`, `InvalidArgument`, `Busy` or `TooLarge` where it could not be remembered: nothing was done; `LeaseLost`: it was lost before it was
   * known to be done; and what the work throws
   */
  runOnce<T>(
    name: string,
    occurrence: string,
    work: (given: Protected) => T | PromiseLike<T>,
    options?: RunOnceOptions,
  ): Promise<RunOnceResult<T>>;
  /**
   * For `setRunCoordinator(...)` of node-cron or the option `runCoordinator` of a task: of all processes, the first to ask runs an occurrence, and no other
   * ever does, even if it fails. Claims are kept for ten minutes at least, by which the clocks of the processes may differ.
   */
  cronCoordinator(): RunCoordinator;
}

const OPTIONS = [...ACQUIRE, "keepMs"];
const KEEP_DEFAULT_MS = 7 * 24 * 3_600_000;
const CLAIM_MIN_MS = 600_000;
const CLAIM_PATIENCE_MS = 30_000;
/** What the key of an occurrence has while it runs, or once it was begun; and when it is done. */
const BEGUN = Uint8Array.of(1);
const DONE = new Uint8Array(0);

export class JobsClient implements Jobs {
  readonly #core: Core;
  readonly #locks: Locks;
  readonly #kept: KeptKeys;

  /** @param locks - with queues of their own */
  constructor(core: Core, locks: Locks) {
    this.#core = core;
    this.#locks = locks;
    this.#kept = new KeptKeys(core);
  }

  async runOnce<T>(
    name: string,
    occurrence: string,
    work: (given: Protected) => T | PromiseLike<T>,
    options: RunOnceOptions = {},
  ): Promise<RunOnceResult<T>> {
    // No name and occurrence read like another pair of them.
    const key = `synod/jobs/${JSON.stringify([checkName(name), checkOccurrence(occurrence)])}`;
    checkFunction("work", work, "runOnce(name, occurrence, async ({ signal }) => ..., options)");
    checkOptions("runOnce", options, OPTIONS);
    const { keepMs: given = KEEP_DEFAULT_MS, ...acquiring } = options;
    const keepMs = checkKeep(given);
    checkWait(acquiring);
    if (await this.#isDone(key, options)) return { ran: false };
    return this.#locks.runExclusive(
      name,
      async (given) => {
        // Whatever could keep it from being remembered comes to light before the work.
        let lease = "";
        const begin = (on: string): Promise<boolean> => this.#begin(key, (lease = on), given);
        const begun = await heldOr(given.lock, () => this.#kept.hang(keepMs, given, begin));
        if (!begun) return { ran: false };
        const value = await work(given);
        given.lock.assertHeld();
        await heldOr(given.lock, () => this.#done(key, keepMs, lease, given));
        return { ran: true, value };
      },
      acquiring,
    );
  }

  cronCoordinator(): RunCoordinator {
    return {
      shouldRun: (key, ttlMs) => this.#claim(`synod/cron/${key}`, checkKeep(Math.max(CLAIM_MIN_MS, Math.ceil(ttlMs)))),
      // The claim stays, for those whose clocks are late.
      onComplete: async () => {},
    };
  }

  async #isDone(key: string, options: CallOptions): Promise<boolean> {
    const { entry } = await this.#core.read(["get"], { kind: "get", key, revision: null }, options);
    return entry?.value.length === 0;
  }

  /** Takes the place of the mark. @returns false if somebody else has done it while this one waited */
  async #begin(key: string, lease: string, { lock, signal }: Protected): Promise<boolean> {
    const { result } = await this.#core.settle(
      "transaction",
      {
        kind: "transaction",
        if: [
          { held: lock.resource, fencingToken: lock.fencingToken },
          { key, field: "value", is: "!=", to: DONE },
        ],
        do: [{ kind: "put", key, value: BEGUN, lease }],
        else: [{ kind: "range", keys: { key }, limit: 1 }],
      },
      { signal },
    );
    const [found] = result.results;
    if (result.succeeded) return true;
    if (found?.kind === "range" && found.entries[0]?.value.length === 0) return false;
    throw lostBefore("was begun");
  }

  /** What was hung on the first lease may be kept for less by as long as the work took: better than not at all. */
  async #done(key: string, keepMs: number, first: string, { lock, signal }: Protected): Promise<void> {
    const put = (lease: string) =>
      this.#core.settle(
        "transaction",
        {
          kind: "transaction",
          if: [{ held: lock.resource, fencingToken: lock.fencingToken }],
          do: [{ kind: "put", key, value: DONE, lease }],
          else: [],
        },
        { signal },
      );
    const { result } = await this.#kept.hang(keepMs, { signal }, put, first);
    if (!result.succeeded) throw lostBefore("was marked as done");
  }

  /** Whoever puts the key first has it. */
  async #claim(key: string, keepMs: number): Promise<boolean> {
    const own = textValues.encode(this.#core.newId());
    const until = new Linked(this.#core.closed).after(this.#core.clock, CLAIM_PATIENCE_MS, () => null);
    try {
      const { result } = await this.#kept.hang(keepMs, until, (lease) =>
        this.#core.settle("written", { kind: "put", key, value: own, lease, expected: 0 }, until),
      );
      if (result.done) return true;
      // An earlier copy of the own claim, perhaps.
      const { entry } = await this.#core.read(["get"], { kind: "get", key, revision: null }, until);
      return entry !== null && textValues.decode(entry.value) === textValues.decode(own);
    } finally {
      until.dispose();
    }
  }
}

/** A lock that was lost meanwhile is why it failed, and what the caller should know. */
async function heldOr<T>(lock: Lock, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    lock.assertHeld();
    throw cause;
  }
}

const lostBefore = (what: string): SynodError =>
  new SynodError("LeaseLost", `The lock of the job was lost before it ${what}.`);

/** @throws SynodError `InvalidArgument` */
function checkOccurrence(occurrence: string): string {
  if (typeof occurrence === "string" && occurrence !== "") return occurrence;
  throw invalid(
    `An occurrence is a text that is the same in all processes, such as "2026-11-21", not ${shown(occurrence)}. A Date differs from process to process by its milliseconds, and each of them would do the job.`,
  );
}
