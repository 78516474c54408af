import { SynodError } from "@synod/interface";
import { type Core, Linked } from "./core.js";
import { LIST_MAX } from "./limits.js";

/** Rates of the clocks of holder and leader may differ by so much. */
const MARGIN = 0.1;
/** Renewed so often in its time to live. */
const RENEWALS = 3;
/** Nobody waits longer for an end that cannot be told: the lease expires by itself. */
const END_WAIT_MAX_MS = 10_000;

/** A lease that is kept alive until it is ended or lost. */
export class KeptLease {
  readonly id: string;
  readonly ttlMs: number;
  readonly #core: Core;
  readonly #lost = new AbortController();
  /** By the own clock, from when the last keep-alive that was answered was sent. */
  #validUntilMs: number;
  /** Next time to renew it. */
  dueMs: number;
  #ended = false;
  /** That it is over is being told; settles when that is known. */
  ending: Promise<void> = Promise.resolve();
  /** Copies of requests under it may still be on their way. */
  unknown = false;

  constructor(core: Core, id: string, ttlMs: number, sentMs: number) {
    this.#core = core;
    this.id = id;
    this.ttlMs = ttlMs;
    this.#validUntilMs = sentMs + ttlMs * (1 - MARGIN);
    this.dueMs = sentMs + ttlMs / RENEWALS;
  }

  /** Aborts with a `LeaseLost` when it is lost; not when it is ended. */
  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  get validUntilMs(): number {
    return this.#validUntilMs;
  }

  /** Looks at the clock: timers do not run while a process stands still, or its event loop does. */
  get held(): boolean {
    if (this.#ended || this.signal.aborted) return false;
    if (this.#core.clock.now() < this.#validUntilMs) return true;
    this.lose("no keep-alive was answered in time");
    return false;
  }

  assertHeld(): void {
    if (this.held) return;
    throw this.signal.aborted ? this.signal.reason : new SynodError("LeaseLost", "It was released.");
  }

  renewed(sentMs: number): void {
    this.#validUntilMs = Math.max(this.#validUntilMs, sentMs + this.ttlMs * (1 - MARGIN));
  }

  lose(why: string, cause?: unknown): void {
    if (this.#ended || this.signal.aborted) return;
    const text = `The lease was lost: ${why}. Stop what it protects, and start over with a new one.`;
    this.#lost.abort(new SynodError("LeaseLost", text, cause === undefined ? {} : { cause }));
  }

  end(): void {
    this.#ended = true;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get over(): boolean {
    return this.#ended || this.signal.aborted;
  }
}

/** Keeps leases alive, many with one command, and tells each when it is lost. */
export class LeaseKeeper {
  readonly #core: Core;
  readonly #kept = new Map<string, KeptLease>();
  #cancelTimer: (() => void) | null = null;
  #timerMs = Infinity;

  constructor(core: Core) {
    this.#core = core;
  }

  keep(id: string, ttlMs: number, sentMs: number): KeptLease {
    const kept = new KeptLease(this.#core, id, ttlMs, sentMs);
    this.#kept.set(id, kept);
    this.#wakeBy(Math.min(kept.dueMs, kept.validUntilMs));
    return kept;
  }

  /** Gives a lease back. Each call settles when that is done, or it has expired by itself; at once if it was lost. Never rejects. */
  async end(kept: KeptLease): Promise<void> {
    if (!kept.ended) {
      this.#forget(kept);
      kept.end();
      kept.ending = this.endById(kept.id, kept.ttlMs, kept.unknown);
      this.#core.later(kept.ending);
    }
    // Whoever lost it must not wait for a cluster that may be out of reach.
    if (!kept.signal.aborted) await kept.ending;
  }

  async endById(id: string, ttlMs: number, remember: boolean): Promise<void> {
    const { clock } = this.#core;
    // Requests that are on their way may arrive after its time, and would make it anew.
    const patienceMs = remember ? END_WAIT_MAX_MS : Math.min(ttlMs, END_WAIT_MAX_MS);
    const limit = new Linked().after(clock, patienceMs, () => null);
    try {
      await this.#core.settle("leases", { kind: "endLeases", ids: [id], remember }, limit);
    } catch {
      // It expires.
    } finally {
      limit.dispose();
    }
  }

  /** Ends all, with as few commands as there may be. */
  async endAll(why: string): Promise<void> {
    const all = [...this.#kept.values()];
    for (const kept of all) {
      this.#forget(kept);
      kept.lose(why);
    }
    const limit = new Linked().after(this.#core.clock, END_WAIT_MAX_MS, () => null);
    try {
      for (let at = 0; at < all.length; at += LIST_MAX) {
        const ids = all.slice(at, at + LIST_MAX).map(({ id }) => id);
        const remember = all.some(({ unknown }) => unknown);
        await this.#core.settle("leases", { kind: "endLeases", ids, remember }, limit);
      }
    } catch {
      // They expire.
    } finally {
      limit.dispose();
    }
  }

  #wakeBy(atMs: number): void {
    if (atMs >= this.#timerMs) return;
    this.#cancelTimer?.();
    this.#timerMs = atMs;
    this.#cancelTimer = this.#core.clock.timer(Math.max(0, atMs - this.#core.clock.now()), () => {
      this.#cancelTimer = null;
      this.#timerMs = Infinity;
      this.#look();
    });
  }

  #look(): void {
    const nowMs = this.#core.clock.now();
    const due: KeptLease[] = [];
    let nextMs = Infinity;
    for (const [id, kept] of this.#kept) {
      // What is lost is seen first, before anything is sent for it.
      if (!kept.held) {
        this.#kept.delete(id);
        continue;
      }
      // A little early, so that many go together.
      if (kept.dueMs - kept.ttlMs / 20 <= nowMs) {
        kept.dueMs = nowMs + kept.ttlMs / RENEWALS;
        due.push(kept);
      }
      nextMs = Math.min(nextMs, kept.dueMs, kept.validUntilMs);
    }
    for (const alike of byLength(due)) {
      for (let at = 0; at < alike.length; at += LIST_MAX) this.#core.later(this.#renew(alike.slice(at, at + LIST_MAX)));
    }
    if (nextMs < Infinity) this.#wakeBy(nextMs);
  }

  async #renew(leases: readonly KeptLease[]): Promise<void> {
    const { clock } = this.#core;
    const sentMs = clock.now();
    const patienceMs = Math.min(...leases.map(({ ttlMs }) => ttlMs)) / RENEWALS;
    const limit = new Linked(this.#core.closed).after(clock, patienceMs, () => null);
    try {
      const ids = leases.map(({ id }) => id);
      const { gone } = await this.#core.propose("leases", { kind: "keepAlive", ids }, limit);
      for (const kept of leases) {
        if (gone.includes(kept.id)) this.#lost(kept, "it expired before a keep-alive arrived");
        else kept.renewed(sentMs);
      }
    } catch (cause) {
      const over = cause instanceof SynodError && (cause.code === "Closed" || cause.code === "Removed");
      for (const kept of leases) {
        if (over) this.#lost(kept, "nobody is there to keep it alive", cause);
        else kept.dueMs = Math.min(kept.dueMs, clock.now() + Math.max(20, kept.ttlMs / 10));
      }
    } finally {
      limit.dispose();
    }
    for (const kept of leases) {
      if (!kept.over && this.#kept.get(kept.id) === kept) this.#wakeBy(Math.min(kept.dueMs, kept.validUntilMs));
    }
  }

  #lost(kept: KeptLease, why: string, cause?: unknown): void {
    this.#forget(kept);
    kept.lose(why, cause);
  }

  #forget(kept: KeptLease): void {
    this.#kept.delete(kept.id);
    if (this.#kept.size > 0) return;
    // Nothing is left to wake up for: a process must not be kept alive by it.
    this.#cancelTimer?.();
    this.#cancelTimer = null;
    this.#timerMs = Infinity;
  }
}

/** A short lease cannot wait as long for an answer as a long one can: none is more than twice as long as another of the same list. */
function byLength(leases: readonly KeptLease[]): Iterable<KeptLease[]> {
  const lists = new Map<number, KeptLease[]>();
  for (const kept of leases) {
    const length = Math.floor(Math.log2(kept.ttlMs));
    const list = lists.get(length);
    if (list === undefined) lists.set(length, [kept]);
    else list.push(kept);
  }
  return lists.values();
}
