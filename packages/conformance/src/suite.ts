import type { SynodErrorCode } from "@synod/interface";
import { hasCode, show } from "./assert.js";
import { WrongShape } from "./shape.js";

/** Registers a test with a runner: `test` of Vitest or node:test, `it` of Mocha or Jest. */
export type TestFunction = (name: string, run: () => Promise<void>) => unknown;

/** What every suite takes. */
export interface SuiteOptions {
  /** Called once per case, at once. */
  readonly test: TestFunction;
  /**
   * A promise that has not settled, or an event that has not come, after so long fails the case; nothing is ever slept for.
   * Milliseconds of the host. Default 10,000.
   */
  readonly guardMs?: number;
}

/** Makes something happen in a world whose time does not pass by itself. */
export type Advance = () => void | Promise<void>;

interface Host {
  setTimeout: (callback: () => void, delayMs: number) => unknown;
  clearTimeout: (handle: unknown) => void;
}

const host = globalThis as unknown as Host;

const hostTurn = (): Promise<void> => new Promise((resolve) => void host.setTimeout(resolve, 0));

/** One case under way: waits that cannot last for ever, and what to clean up. */
export class Scope {
  readonly #guardMs: number;
  readonly #cleanUps: { readonly what: string; readonly run: () => unknown }[] = [];
  #advance: Advance | undefined;

  constructor(guardMs: number) {
    this.#guardMs = guardMs;
  }

  advanceWith(advance: Advance | undefined): void {
    this.#advance = advance;
  }

  defer(what: string, run: () => unknown): void {
    this.#cleanUps.push({ what, run });
  }

  /** What the promise gives, within the guard's time. */
  async settled<T>(what: string, promise: PromiseLike<T> | T): Promise<T> {
    let over = false;
    const end = (): void => {
      over = true;
    };
    // A handler of its own, so that a rejection after the guard's time is not an unhandled one.
    const watched = Promise.resolve(promise);
    watched.then(end, end);
    let handle: unknown;
    const guard = new Promise<never>((_, reject) => {
      handle = host.setTimeout(() => {
        over = true;
        reject(new Error(`${what}: did not happen within ${this.#guardMs} ms`));
      }, this.#guardMs);
    });
    try {
      return await Promise.race([watched, guard, this.#drive(() => over)]);
    } finally {
      over = true;
      host.clearTimeout(handle);
    }
  }

  /** Looks once a turn of the host: for what nothing tells of. */
  async until(what: string, condition: () => boolean): Promise<void> {
    let given = false;
    const look = async (): Promise<void> => {
      while (!given && !condition()) await hostTurn();
    };
    try {
      await this.settled(what, look());
    } finally {
      given = true;
    }
  }

  /** The call has to be refused with a `SynodError` of one of the codes. */
  async refused(what: string, promise: Promise<unknown>, ...codes: SynodErrorCode[]): Promise<void> {
    let error: unknown;
    try {
      await this.settled(what, promise);
    } catch (caught) {
      error = caught;
    }
    const wanted = `a SynodError ${codes.join(" or ")}`;
    if (error === undefined) throw new Error(`${what}: has to reject with ${wanted}, but it was fulfilled`);
    if (!hasCode(error, codes)) throw new Error(`${what}: has to reject with ${wanted}, not with ${show(error)}`);
  }

  async cleanUp(): Promise<void> {
    const errors: unknown[] = [];
    for (const { what, run } of this.#cleanUps.splice(0).reverse()) {
      try {
        await this.settled(what, Promise.resolve(run()));
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }

  /** Never settles by itself but for an error of `advance`. */
  #drive(isOver: () => boolean): Promise<never> {
    const advance = this.#advance;
    if (advance === undefined) return new Promise(() => {});
    return new Promise((_, reject) => {
      const go = async (): Promise<void> => {
        for (let round = 1; !isOver(); round++) {
          await advance();
          // Virtual worlds may pass without a turn of the host, and then the guard could not end this.
          if (round % 16 === 0) await hostTurn();
        }
      };
      go().catch(reject);
    });
  }
}

/**
 * Registers cases; each runs in a scope of its own, which is cleaned up whatever happens. What is wrong with `create` is
 * wrong in every case, and told by the first one that runs.
 */
export function caseRunner(options: SuiteOptions): (name: string, body: (scope: Scope) => Promise<void>) => void {
  const { test, guardMs = 10_000 } = options;
  let teller: string | null = null;
  return (name, body) => {
    test(name, async () => {
      const scope = new Scope(guardMs);
      try {
        await body(scope);
      } catch (error) {
        // What went wrong first is what to tell; after it, cleaning up may fail as well.
        await scope.cleanUp().catch(() => {});
        if (error instanceof WrongShape) teller ??= name;
        if (error instanceof WrongShape && teller !== name) return;
        throw error;
      }
      await scope.cleanUp();
    });
  };
}

/** For a promise that is awaited later: if the case fails before, its rejection is nobody's. */
export function later<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}

/** A promise that is settled from outside. */
export function signal(): { readonly promise: Promise<void>; readonly fire: () => void } {
  let fire = (): void => {};
  const promise = new Promise<void>((resolve) => {
    fire = resolve;
  });
  return { promise, fire };
}
