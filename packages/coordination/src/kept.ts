import { SynodError } from "@synod/interface";
import type { CallOptions, Core } from "./core.js";
import { TTL_MAX_MS } from "./limits.js";

/** Longest time for which something can be kept: with what is added it must not be above the longest time to live. */
const KEEP_MAX_MS: number = Math.floor(TTL_MAX_MS * 0.8);
/** A time is cut into so many slices at least: what is written in the same one shares a lease. */
const SLICES = 8;

interface Term {
  readonly sliceMs: number;
  readonly ttlMs: number;
}

/** A lease to hang keys on, as long as the own clock has not come so far. */
interface Shared {
  readonly id: string;
  readonly untilMs: number;
}

/**
 * Times to live for keys without a lease for each of them. Leases have names that follow from logged time and the term, so that all
 * processes share them: about a dozen for each term, however many keys there are. Terms are rounded, so that there are few of them, too.
 */
export class KeptKeys {
  readonly #core: Core;
  readonly #shared = new Map<number, Shared>();

  constructor(core: Core) {
    this.#core = core;
  }

  /**
   * Hangs something on a lease that lasts for `keepMs` of logged time at least, and three eighths more at most. One that somebody ended is known here no longer.
   * @param otherwise - a lease to take where there is none to be had
   */
  async hang<T>(
    keepMs: number,
    options: CallOptions & { readonly signal: AbortSignal },
    put: (lease: string) => Promise<T>,
    otherwise?: string,
  ): Promise<T> {
    const lease = await this.lease(keepMs, options).catch((cause: unknown) => {
      if (otherwise === undefined) throw cause;
      return otherwise;
    });
    try {
      return await put(lease);
    } catch (cause) {
      if (!isNoLease(cause)) throw cause;
      for (const [ttlMs, { id }] of this.#shared) if (id === lease) this.#shared.delete(ttlMs);
      return put(await this.lease(keepMs, options));
    }
  }

  /** @returns the id of a lease that lasts for `keepMs` of logged time at least, and three eighths more at most */
  async lease(keepMs: number, options: CallOptions & { readonly signal: AbortSignal }): Promise<string> {
    const { clock } = this.#core;
    const { sliceMs, ttlMs } = termOf(keepMs);
    const known = this.#shared.get(ttlMs);
    const nowMs = clock.now();
    if (known !== undefined && nowMs < known.untilMs) return known.id;
    const { timeMs } = await this.#core.read(["status"], { kind: "status" }, options);
    let id = `synod/kept/${ttlMs}/${Math.floor(timeMs / sliceMs)}`;
    // It is over already where nothing was logged for so long, or somebody ended it.
    while (!(await this.#granted(id, ttlMs, options))) id = this.#core.newId();
    this.#shared.set(ttlMs, { id, untilMs: nowMs + sliceMs / 2 });
    return id;
  }

  /** Makes a lease or renews the one that is there. @returns false if it is over */
  async #granted(id: string, ttlMs: number, options: { readonly signal: AbortSignal }): Promise<boolean> {
    try {
      await this.#core.settle("leases", { kind: "grantLease", id, ttlMs }, options);
      return true;
    } catch (cause) {
      if (isNoLease(cause)) return false;
      throw cause;
    }
  }
}

const isNoLease = (cause: unknown): boolean => cause instanceof SynodError && cause.details["reason"] === "noLease";

function termOf(keepMs: number): Term {
  const sliceMs = 2 ** Math.floor(Math.log2(Math.max(keepMs, SLICES) / SLICES));
  return { sliceMs, ttlMs: (Math.ceil(keepMs / sliceMs) + 1) * sliceMs };
}

/** @throws SynodError `InvalidArgument` */
export function checkKeep(keepMs: number): number {
  if (Number.isSafeInteger(keepMs) && keepMs >= 1 && keepMs <= KEEP_MAX_MS) return keepMs;
  throw new SynodError("InvalidArgument", `keepMs is an integer from 1 to ${KEEP_MAX_MS}, not ${String(keepMs)}.`);
}
