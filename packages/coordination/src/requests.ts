import { asText, SynodError } from "@synod/interface";
import { checkInteger, invalid, shown } from "./checks.js";
import { type CallOptions, type Closing, type Core, Linked } from "./core.js";
import type { KeptLease, LeaseKeeper } from "./lease-keeper.js";
import { TTL_MAX_MS } from "./limits.js";
import type { CoordinationAnswer, CoordinationQuery } from "./types.js";

/** How a place in a queue is asked for. */
export interface AcquireOptions extends CallOptions {
  /** So long it is held, in logged time, without a sign of life. Kept alive meanwhile. Default 10,000. */
  readonly ttlMs?: number;
  /** Gives up after so long. By default it waits until the signal aborts. */
  readonly waitMs?: number;
}

export interface Request extends AcquireOptions {
  readonly resource: string;
  readonly limit: number;
  readonly parties: number;
  readonly value: Uint8Array;
}

/** What is held. */
export interface Grant {
  readonly lease: KeptLease;
  readonly fencingToken: number;
}

type Failure = "aborted" | "timeout" | "closed" | "expired" | "refused" | "failed";

const TTL_DEFAULT_MS = 10_000;
/** Shorter than this, a lease is lost to any hiccup. */
const TTL_MIN_MS = 50;
/** A place that waits is looked at so often in its time to live. */
const LOOKS = 3;
/** Without waiting: so long is tried to find out whether it is free. */
const TRY_MS = 30_000;

/** Gets places in queues, and leaves none behind. */
export class Requests {
  readonly #core: Core;
  readonly #keeper: LeaseKeeper;

  constructor(core: Core, keeper: LeaseKeeper) {
    this.#core = core;
    this.#keeper = keeper;
  }

  /** @throws SynodError `LockNotAcquired`, `InvalidArgument` */
  async take(request: Request): Promise<Grant> {
    return (await this.#entered(request, true, request.waitMs)) as Grant;
  }

  /** Null if it would have to wait. @throws SynodError `LockNotAcquired`, `InvalidArgument` */
  tryTake(request: Request): Promise<Grant | null> {
    return this.#entered(request, false, request.waitMs ?? TRY_MS);
  }

  /** `close` waits for what is under way, so that nothing is given to a client that is closed. */
  #entered(request: Request, wait: boolean, waitMs: number | undefined): Promise<Grant | null> {
    const entering = this.#enter(request, wait, waitMs);
    this.#core.later(entering);
    return entering;
  }

  release({ lease }: Grant): Promise<void> {
    return this.#keeper.end(lease);
  }

  async #enter(request: Request, wait: boolean, waitMs: number | undefined): Promise<Grant | null> {
    const { resource, limit, parties, value, signal } = request;
    const { clock, closed } = this.#core;
    const ttlMs = checkWait(request);
    const id = this.#core.newId();
    const until = new Linked(signal, closed);
    let timedOut = false;
    if (waitMs !== undefined && waitMs < Infinity) {
      until.after(clock, waitMs, () => {
        timedOut = true;
        const what = lease === null ? "the cluster did not answer" : "its turn did not come";
        return new SynodError("Busy", `${what} within ${waitMs} ms`);
      });
    }
    let lease: KeptLease | null = null;
    let unknown = false;
    try {
      const { result, sentMs } = await this.#core.settle(
        "acquired",
        { kind: "acquire", name: resource, id, ttlMs, limit, parties, value, wait },
        {
          signal: until.signal,
          unknown: () => {
            unknown = true;
          },
        },
      );
      if (result.status === "none") {
        // A copy that is still on its way may find it free.
        if (unknown) this.#core.later(this.#keeper.endById(id, ttlMs, true));
        return null;
      }
      lease = this.#keeper.keep(id, ttlMs, sentMs);
      lease.unknown = unknown;
      const token =
        result.status === "held" ? result.fencingToken : await this.#turn(resource, lease, result.revision, until);
      lease.assertHeld();
      if (until.signal.aborted) throw until.signal.reason;
      return { lease, fencingToken: token };
    } catch (cause) {
      if (lease === null && unknown) this.#core.later(this.#keeper.endById(id, ttlMs, true));
      if (lease !== null) this.#core.later(this.#keeper.end(lease));
      const why = until.signal.aborted ? until.signal.reason : cause;
      // Nothing was sent: it is the call that is wrong.
      if (why instanceof SynodError && why.code === "InvalidArgument") throw why;
      throw notAcquired(resource, ttlMs, failureOf(why, { signal, closed, timedOut, lease }), why);
    } finally {
      until.dispose();
    }
  }

  /** Waits until it holds. @returns the token */
  async #turn(name: string, lease: KeptLease, after: number, until: Linked): Promise<number> {
    const wait = new Linked(until.signal, lease.signal);
    try {
      const query = { kind: "request", name, id: lease.id, after } as const;
      // A watch may be at a replica that is cut off while the keep-alives arrive: nobody else would get the lock, and nobody would know.
      const looking = this.#looked(query, lease.ttlMs / LOOKS, wait.signal);
      const answer = await Promise.race([this.#core.next(query, wait.signal), looking]);
      if (answer?.kind === "request" && answer.status === "held") return answer.fencingToken;
      if (answer === null) throw wait.signal.reason;
      lease.lose("it expired before a keep-alive arrived");
      throw lease.signal.reason;
    } finally {
      // Ends whichever of the two is still under way.
      wait.abort(null);
      wait.dispose();
    }
  }

  /** Asks again and again, linearizably, until it does not wait any more; null: the signal aborted. */
  async #looked(
    query: Extract<CoordinationQuery, { readonly kind: "request" }>,
    everyMs: number,
    signal: AbortSignal,
  ): Promise<CoordinationAnswer | null> {
    for (;;) {
      await this.#core.sleep(everyMs, signal);
      if (signal.aborted) return null;
      try {
        const answer = await this.#core.read(["request"], query, { signal });
        if (answer.status !== "waiting") return answer;
      } catch {
        // The watch says whether there is still hope.
      }
    }
  }
}

export const checkTtl = (ttlMs: number): number => checkInteger("ttlMs", ttlMs, TTL_MIN_MS, TTL_MAX_MS);

/** How long it may wait. @returns its time to live */
export function checkWait({ ttlMs = TTL_DEFAULT_MS, waitMs = Infinity }: AcquireOptions): number {
  if (typeof waitMs === "number" && waitMs >= 0) return checkTtl(ttlMs);
  throw invalid(`waitMs is a number from 0, in milliseconds, not ${shown(waitMs)}.`);
}

function failureOf(
  cause: unknown,
  seen: {
    readonly signal: AbortSignal | undefined;
    readonly closed: Closing;
    readonly timedOut: boolean;
    readonly lease: KeptLease | null;
  },
): Failure {
  if (seen.timedOut) return "timeout";
  if (seen.closed.aborted) return "closed";
  if (seen.signal?.aborted === true) return "aborted";
  if (seen.lease?.signal.aborted === true) return "expired";
  // A node that stopped refuses at once, and will do so for ever: who tries again in a loop has to know.
  if (cause instanceof SynodError && (cause.code === "Closed" || cause.code === "Removed")) return "closed";
  return cause instanceof SynodError && cause.details["refused"] === true ? "refused" : "failed";
}

const WHY: Record<Failure, (cause: string, ttlMs: number) => string> = {
  aborted: () => "the signal aborted",
  timeout: (cause) => cause,
  closed: (cause) => `nothing can be asked any more: ${cause}`,
  expired: (_, ttlMs) =>
    `no answer came in time for its ttlMs of ${ttlMs} (${TTL_DEFAULT_MS} is the default), and its place was lost`,
  refused: (cause) => `a limit is reached: ${cause}`,
  failed: (cause) => `the cluster could not be asked: ${cause}`,
};

function notAcquired(resource: string, ttlMs: number, reason: Failure, cause: unknown): SynodError {
  const text = WHY[reason](cause instanceof Error ? cause.message.replace(/\.$/, "") : asText(cause), ttlMs);
  return new SynodError("LockNotAcquired", `${resource} was not acquired: ${text}.`, {
    cause,
    details: { resource, reason },
  });
}
