import { ACQUIRE, checkFunction, checkInteger, checkName, checkOptions } from "./checks.js";
import { HOLDERS_MAX } from "./limits.js";
import type { AcquireOptions, Grant, Requests } from "./requests.js";

export interface SemaphoreOptions extends AcquireOptions {
  /** At most so many hold it at a time. Where two ask with different limits, the lower one counts while it holds. */
  readonly limit: number;
}

/** What is held. `await using` releases it. */
export interface Lock extends AsyncDisposable {
  readonly name: string;
  /** The full name of its queue, for a transaction: `{ held: lock.resource, fencingToken: lock.fencingToken }`. */
  readonly resource: string;
  /**
   * A position in the log: greater than that of every earlier holder of anything, for ever. Whoever is written to should remember the greatest one it
   * has seen and refuse a lower one: see `fencedResource`.
   */
  readonly fencingToken: number;
  /** Aborts with a `LeaseLost` as its reason when the lock is lost: stop at once. It is never taken again by itself. Not when it is released. */
  readonly signal: AbortSignal;
  /** Looks at the clock: false from when it may be somebody else's, even if this process stood still and no timer has run yet. */
  readonly held: boolean;
  /** @throws SynodError `LeaseLost` */
  assertHeld(): void;
  /** Settles when others can have it, within 10 s at most. Never rejects. */
  release(): Promise<void>;
}

/** What work under a lock is given. */
export interface Protected {
  readonly signal: AbortSignal;
  readonly fencingToken: number;
  readonly lock: Lock;
}

export interface Locks<Options extends AcquireOptions = AcquireOptions> {
  /**
   * Waits for its turn, first come, first served. Whoever gives up leaves the queue.
   * @throws SynodError `LockNotAcquired`; why is in `details.reason` ("aborted", "timeout", "closed", "expired", "refused", "failed") and `cause`.
   */
  acquire(name: string, ...options: OptionsOf<Options>): Promise<Lock>;
  /** Null if it is not free. @throws SynodError `LockNotAcquired` where that could not be found out. */
  tryAcquire(name: string, ...options: OptionsOf<Options>): Promise<Lock | null>;
  /**
   * Acquires, works, releases.
   * @throws SynodError `LockNotAcquired`: nothing was done; `LeaseLost`: it was lost before the work came to its end. And what the work throws,
   * but for an `AbortError` once the lock is lost: that is `LeaseLost`, too.
   */
  runExclusive<T>(
    name: string,
    work: (given: Protected) => T | PromiseLike<T>,
    ...options: OptionsOf<Options>
  ): Promise<T>;
}

/** Left out where nothing is mandatory. */
type OptionsOf<Options> = Partial<Options> extends Options ? [options?: Options] : [options: Options];

const EMPTY = new Uint8Array(0);

/** Locks whose queues begin with a prefix. */
export function lockFamily<Options extends AcquireOptions>(
  requests: Requests,
  prefix: string,
  limitOf: (options: Options | undefined) => number | undefined,
  names: readonly string[] = ACQUIRE,
): Locks<Options> {
  const requestOf = (call: string, name: string, options: Options | undefined) => {
    if (options !== undefined) checkOptions(call, options, names);
    const limit = checkInteger("limit", limitOf(options), 1, HOLDERS_MAX);
    return { ...options, resource: `${prefix}/${checkName(name)}`, limit, parties: 0, value: EMPTY };
  };
  const family: Locks<Options> = {
    async acquire(name, ...[options]) {
      const request = requestOf("acquire", name, options);
      return new HeldLock(requests, name, request.resource, await requests.take(request));
    },
    async tryAcquire(name, ...[options]) {
      const request = requestOf("tryAcquire", name, options);
      const grant = await requests.tryTake(request);
      return grant === null ? null : new HeldLock(requests, name, request.resource, grant);
    },
    async runExclusive(name, work, ...options) {
      checkFunction("work", work, "runExclusive(name, async ({ signal }) => ..., options)");
      return runUnder(await family.acquire(name, ...options), work);
    },
  };
  return family;
}

export async function runUnder<T>(lock: Lock, work: (given: Protected) => T | PromiseLike<T>): Promise<T> {
  try {
    const result = await work({ signal: lock.signal, fencingToken: lock.fencingToken, lock });
    // Somebody else may have been at it meanwhile: that must not look like success.
    lock.assertHeld();
    return result;
  } catch (cause) {
    // What waits with the signal has an error of its own for its end, and callers look for the loss.
    if (lock.signal.aborted && cause instanceof Error && cause.name === "AbortError") throw lock.signal.reason;
    throw cause;
  } finally {
    await lock.release();
  }
}

export class HeldLock implements Lock {
  readonly name: string;
  readonly resource: string;
  readonly #requests: Requests;
  readonly #grant: Grant;

  constructor(requests: Requests, name: string, resource: string, grant: Grant) {
    this.#requests = requests;
    this.name = name;
    this.resource = resource;
    this.#grant = grant;
  }

  get fencingToken(): number {
    return this.#grant.fencingToken;
  }

  get signal(): AbortSignal {
    return this.#grant.lease.signal;
  }

  get held(): boolean {
    return this.#grant.lease.held;
  }

  /** Of its lease. */
  get id(): string {
    return this.#grant.lease.id;
  }

  assertHeld(): void {
    this.#grant.lease.assertHeld();
  }

  release(): Promise<void> {
    return this.#requests.release(this.#grant);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }
}
