import {
  type CallOptions,
  checkSignal,
  type GiveUp,
  offAbort,
  onAbort,
  SynodError,
  type SynodErrorOptions,
} from "@synod/interface";
import { checkTimeLimit } from "./checks.js";
import type { Driver } from "./driver.js";
import type { Sight } from "./sight.js";

export interface Settle<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** Gets what settles the call, and returns what gives it up. */
type Begin<T> = (settle: Settle<T>) => GiveUp;

/** Why a call was given up whose own time is over. */
export const OVERDUE: unique symbol = Symbol("the time limit of the call");

/** Begins a call that the caller's signal may end. */
export function withSignal<T>(signal: AbortSignal | undefined, caller: Settle<T>, begin: Begin<T>): void {
  if (signal === undefined) {
    begin(caller);
    return;
  }
  // A node that fails settles what has just begun.
  let settled = false;
  const aborted = (reason: unknown): void => giveUp(reason);
  const done = (): void => {
    settled = true;
    offAbort(signal, aborted);
  };
  const giveUp = begin(after(caller, done));
  if (!settled) onAbort(signal, aborted);
}

/**
 * Begins a call that the caller's signal, or the time limit that the caller gave, may end. It has no other time limit then.
 * @throws SynodError `InvalidArgument`
 */
export function withEnds<T>(
  driver: Pick<Driver, "timer">,
  { signal, timeoutMs }: { readonly [name in keyof CallOptions]: CallOptions[name] | undefined },
  caller: Settle<T>,
  begin: Begin<T>,
): void {
  if (timeoutMs === undefined) return withSignal(signal, caller, begin);
  checkTimeLimit(timeoutMs);
  withSignal(signal, caller, (settle) => {
    let cancel: (() => void) | null = () => undefined;
    const done = (): void => {
      cancel?.();
      cancel = null;
    };
    const giveUp = begin(after(settle, done));
    if (timeoutMs < Infinity && cancel !== null) cancel = driver.timer(timeoutMs, () => giveUp(OVERDUE));
    return giveUp;
  });
}

/** The caller, told after something else was done. */
const after = <T>({ resolve, reject }: Settle<T>, done: () => void): Settle<T> => ({
  resolve: (value) => {
    done();
    resolve(value);
  },
  reject: (error) => {
    done();
    reject(error);
  },
});

/** Why a call was given up: its own time limit, the deadline that a server names of its client, or a signal with any reason. */
export function whyGivenUp(cause: unknown, sight: Sight): [why: string, options: SynodErrorOptions] {
  if (cause === OVERDUE) return overdue(sight);
  const why = cause instanceof SynodError ? cause.message : "the signal was aborted";
  return [`${why} (${sight.text})`, { cause }];
}

export const overdue = ({ text, details }: Sight): [why: string, options: SynodErrorOptions] => [
  `no answer within the time limit (${text})`,
  { details },
];

/** @throws SynodError `NotProposed`, `InvalidArgument` for what is no signal */
export function refuseAborted(signal: AbortSignal | undefined, before: string): void {
  checkSignal(signal);
  if (signal?.aborted !== true) return;
  throw new SynodError("NotProposed", `the signal was aborted before ${before}`, { cause: signal.reason });
}

/** Nobody waits any more for what the node does not stop once it has begun. */
export function goesOn(cause: unknown): SynodError {
  if (cause === OVERDUE) return new SynodError("OutcomeUnknown", "not done within the time limit, and it goes on");
  const text = "nobody waits for it any more, and it goes on: see the status";
  return new SynodError("OutcomeUnknown", text, { cause });
}
