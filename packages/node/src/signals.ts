import { offAbort, onAbort, SynodError } from "@synod/interface";
import type { Sight } from "./sight.js";

export interface Settle<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Begins a call that the caller's signal may end.
 * @param begin gets what settles the call, and returns what gives it up
 */
export function withSignal<T>(
  signal: AbortSignal | undefined,
  caller: Settle<T>,
  begin: (settle: Settle<T>) => (reason: unknown) => void,
): void {
  if (signal === undefined) {
    begin(caller);
    return;
  }
  const { resolve, reject } = caller;
  const aborted = (reason: unknown): void => giveUp(reason);
  const done = (): void => offAbort(signal, aborted);
  const giveUp = begin({
    resolve: (value) => {
      done();
      resolve(value);
    },
    reject: (error) => {
      done();
      reject(error);
    },
  });
  onAbort(signal, aborted);
}

/** Why a call was given up: a server names the deadline of its client; a signal of the caller may have any reason. */
export function whyGivenUp(cause: unknown, before: string, sight: Sight): string {
  const why = cause instanceof SynodError ? cause.message : "the signal was aborted";
  return `${why}${before} (${sight.text})`;
}
