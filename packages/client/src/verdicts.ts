import { SynodError, type SynodErrorCode } from "@synod/interface";
import type { Answer } from "./connection.js";

/** What a failure says of the attempt that it answers. */
export interface Failure {
  readonly error: SynodError;
  /** This attempt certainly did not and will not take effect. */
  readonly notProposed: boolean;
  /** The log said it, of all attempts with this ticket. */
  readonly forAll: boolean;
  /** Another attempt may go better. */
  readonly retry: boolean;
  readonly retryAfterMs: number;
}

/** Said before anything was proposed. */
const notProposed: ReadonlySet<SynodErrorCode> = new Set([
  "NotProposed",
  "Busy",
  "Closed",
  "Removed",
  "TooLarge",
  "InvalidArgument",
  "Forbidden",
  "Malformed",
]);
/** What the log says of the command or its ticket, whichever attempt it was. */
const forAll: ReadonlySet<SynodErrorCode> = new Set([
  "InvalidCommand",
  "InvalidResult",
  "SessionStale",
  "SessionUnknown",
]);
/** Another server, or the same one later, may do better. */
const passing: ReadonlySet<SynodErrorCode> = new Set([
  "NotProposed",
  "OutcomeUnknown",
  "Busy",
  "Closed",
  "Removed",
  "NoLeader",
  "SessionFull",
]);

export function failureOf({ code, message, retryAfterMs }: Extract<Answer, { kind: "failure" }>): Failure {
  const details = retryAfterMs > 0 ? { details: { retryAfterMs } } : {};
  return {
    error: new SynodError(code, message, details),
    notProposed: notProposed.has(code),
    forAll: forAll.has(code),
    retry: passing.has(code),
    retryAfterMs,
  };
}

/** The connection ended under an attempt. */
export function lossOf(error: SynodError): Failure {
  return { error, notProposed: false, forAll: false, retry: true, retryAfterMs: 0 };
}
