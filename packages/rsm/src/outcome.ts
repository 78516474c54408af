import type { SessionId, SessionTicket, Versions } from "@synod/interface";

/** The command was executed, now or (`cached`) earlier under the same ticket. */
export interface ResultOutcome {
  readonly kind: "result";
  /** Place of the entry in its batch. */
  readonly index: number;
  readonly ticket: SessionTicket;
  /** The result as the result codec encoded it when the command was executed. Not to be changed. */
  readonly reply: Uint8Array;
  /** True for a repeat: nothing was executed now. */
  readonly cached: boolean;
  /** What the state machine tells observers; only when the command was executed now. */
  readonly events?: readonly unknown[];
}

/** The command codec refused the bytes. This is the answer of the sequence for good; the state is untouched. */
export interface InvalidCommandOutcome {
  readonly kind: "invalidCommand";
  readonly index: number;
  readonly ticket: SessionTicket;
  readonly cached: boolean;
}

/** The command was executed, and the result codec refused its result. This is the answer of the sequence for good. */
export interface UnencodableResultOutcome {
  readonly kind: "unencodableResult";
  readonly index: number;
  readonly ticket: SessionTicket;
  readonly cached: boolean;
  /** What the codec threw; only when the command was executed now. */
  readonly cause?: unknown;
  readonly events?: readonly unknown[];
}

/** The command was not executed, and nothing was stored. */
export interface RefusedOutcome {
  /**
   * - `stale`: the sequence is at or below the session's floor; its reply is gone.
   * - `unknownSession`: never opened, closed, or expired.
   * - `beyondLimit`: too many replies, or bytes of them, are kept above the floor. No answer: the same ticket may still be
   *   executed by a later copy.
   */
  readonly kind: "stale" | "unknownSession" | "beyondLimit";
  readonly index: number;
  readonly ticket: SessionTicket;
}

export interface OpenedOutcome {
  readonly kind: "opened";
  readonly index: number;
  readonly nonce: string;
  readonly session: SessionId;
}

/** There are as many sessions as may be. */
export interface OpenRefusedOutcome {
  readonly kind: "openRefused";
  readonly index: number;
  readonly nonce: string;
}

export interface ClosedOutcome {
  readonly kind: "closed";
  readonly index: number;
  readonly session: SessionId;
  /** False if there was no such session (any more). */
  readonly existed: boolean;
}

/** The versions in force from here on; as before if `changed` is false. */
export interface RaisedOutcome {
  readonly kind: "raised";
  readonly index: number;
  readonly versions: Versions;
  readonly changed: boolean;
}

/** What became of one entry of a batch. */
export type Outcome =
  | ResultOutcome
  | InvalidCommandOutcome
  | UnencodableResultOutcome
  | RefusedOutcome
  | OpenedOutcome
  | OpenRefusedOutcome
  | ClosedOutcome
  | RaisedOutcome;
