import { CALL, checkId, checkOptions } from "./checks.js";
import { type CallOptions, type Core, Linked } from "./core.js";
import type { KeptLease, LeaseKeeper } from "./lease-keeper.js";
import { checkTtl } from "./requests.js";

export interface GrantOptions extends CallOptions {
  /** Logged time without a keep-alive after which it is over. Default 10,000. */
  readonly ttlMs?: number;
}

/** A lease that is kept alive. Keys that were put with it end with it. `await using` ends it. */
export interface LeaseHandle extends AsyncDisposable {
  readonly id: string;
  /** Aborts with a `LeaseLost` as its reason when it is lost; not when it is ended. */
  readonly signal: AbortSignal;
  /** Looks at the clock: false from when it may be over, even if no timer has run yet. */
  readonly held: boolean;
  /** @throws SynodError `LeaseLost` */
  assertHeld(): void;
  /** Ends it, and its keys. Settles within 10 s at most; never rejects. */
  end(): Promise<void>;
}

/** How a lease stands, as the cluster knows it. */
export interface LeaseInfo {
  readonly ttlMs: number;
  /** Of logged time, which stands still while nothing is logged. */
  readonly leftMs: number;
  readonly keys: number;
  /** Queues in which it has a place. */
  readonly requests: number;
}

export interface Leases {
  /** Grants a lease and keeps it alive until it is ended or lost. */
  grant(options?: GrantOptions): Promise<LeaseHandle>;
  /** Null if there is none of this id. */
  get(id: string, options?: CallOptions): Promise<LeaseInfo | null>;
}

const GRANT = [...CALL, "ttlMs"];
const TTL_DEFAULT_MS = 10_000;

export class LeasesClient implements Leases {
  readonly #core: Core;
  readonly #keeper: LeaseKeeper;

  constructor(core: Core, keeper: LeaseKeeper) {
    this.#core = core;
    this.#keeper = keeper;
  }

  /** `close` waits for what is under way, so that nothing is given to a client that is closed. */
  async grant(options: GrantOptions = {}): Promise<LeaseHandle> {
    checkOptions("grant", options, GRANT);
    const granting = this.#grant(options);
    this.#core.later(granting);
    return granting;
  }

  async #grant(options: GrantOptions): Promise<LeaseHandle> {
    const ttlMs = checkTtl(options.ttlMs ?? TTL_DEFAULT_MS);
    const id = this.#core.newId();
    const until = new Linked(options.signal, this.#core.closed);
    let unknown = false;
    let made = false;
    try {
      const { sentMs } = await this.#core.settle(
        "leases",
        { kind: "grantLease", id, ttlMs },
        {
          signal: until.signal,
          unknown: () => {
            unknown = true;
          },
        },
      );
      made = true;
      if (until.signal.aborted) throw until.signal.reason;
      const lease = this.#keeper.keep(id, ttlMs, sentMs);
      // A copy of the grant that comes after its end must not make it anew.
      lease.unknown = unknown;
      return new Handle(this.#keeper, lease);
    } catch (cause) {
      if (made || unknown) this.#core.later(this.#keeper.endById(id, ttlMs, unknown));
      throw cause;
    } finally {
      until.dispose();
    }
  }

  async get(id: string, options: CallOptions = {}): Promise<LeaseInfo | null> {
    checkOptions("get", options, CALL);
    const query = { kind: "lease", id: checkId("The id of a lease", id) } as const;
    const answer = await this.#core.read(["lease", "none"], query, options);
    if (answer.kind === "none") return null;
    const { ttlMs, leftMs, keys, requests } = answer;
    return { ttlMs, leftMs, keys, requests };
  }
}

class Handle implements LeaseHandle {
  readonly #keeper: LeaseKeeper;
  readonly #lease: KeptLease;

  constructor(keeper: LeaseKeeper, lease: KeptLease) {
    this.#keeper = keeper;
    this.#lease = lease;
  }

  get id(): string {
    return this.#lease.id;
  }

  get signal(): AbortSignal {
    return this.#lease.signal;
  }

  get held(): boolean {
    return this.#lease.held;
  }

  assertHeld(): void {
    this.#lease.assertHeld();
  }

  end(): Promise<void> {
    return this.#keeper.end(this.#lease);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }
}
