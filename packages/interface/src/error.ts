/** Every code that a Synod package throws. A code never changes its meaning; texts may. */
export type SynodErrorCode =
  // Calls of a service.
  | "NotProposed" // refused before anything was proposed: safe to try again
  | "OutcomeUnknown" // may or may not take effect: try again through the same session ticket
  | "Busy" // a limit is reached: try again later
  | "Closed" // the node, transport or storage was closed
  | "NotTransferred" // the leadership stays, or went, where it was not to go: see the text
  | "NoLeader" // a read found no leader within its deadline
  | "TooStale" // a stale read could not meet its bound within its deadline
  | "SessionUnknown" // never opened, or expired: this copy was not executed; whether an earlier one was is forgotten
  | "SessionStale" // the sequence is at or below the session's floor: its reply was given up by the caller
  | "SessionFull" // it keeps as many replies as it may: this copy was not executed; try again with the same ticket once others are done
  | "InvalidResult" // the command took effect, but its result could not be encoded for the caller
  | "InvalidCommand" // the command codec refused the bytes; the state is untouched
  // Coordination: locks, leases, elections, keys.
  | "LockNotAcquired" // never got it: the wait ended before it was this caller's turn, and it left the queue
  | "LeaseLost" // had it and lost it, or may have: stop what it protects. Never taken again by itself
  | "Compacted" // the revision is older than the history that is kept: read the present state and go on from there
  | "ConditionFailed" // others changed the key again and again meanwhile
  // Changes of the members.
  | "EpochMismatch" // the configuration is another than the change was made for: look again, then ask again
  | "ChangeUnderWay" // the change before is not complete: wait for it
  | "IdRetired" // a node id that was removed is never used again: take a new one
  | "LearnerBehind" // it cannot become a voter before it has caught up and answers
  | "Removed" // this node is no member any more, and stopped
  // Arguments and input from outside.
  | "InvalidArgument"
  | "InvalidConfiguration"
  | "Malformed" // bytes that are no valid message, frame, batch or record
  | "VersionUnsupported"
  | "TooLarge"
  // Disks and identity.
  | "NotFormatted"
  | "AlreadyFormatted"
  | "StoreForeign" // the store belongs to another cluster or node
  | "StoreLocked" // another process has it open
  | "StoreDamaged"
  | "StoreFailed" // a write or a sync failed: this open store is of no more use
  | "StoreFull"
  // Network.
  | "AddressInUse"
  | "PeerRefused"
  // Clients and servers.
  | "NoServer" // a client reached none of its servers within the deadline; nothing was sent
  | "WrongCluster" // client and server belong to different clusters
  | "Unauthorized" // the server does not know the token, or wants one
  | "Forbidden" // the role of the token does not allow this call
  | "CertificateRefused" // TLS: a certificate that does not prove what it should, on either side
  // The node stops rather than go on.
  | "InvariantViolated"
  | "RoundsExhausted"
  | "ApplyFailed"
  | "SnapshotFailed" // the state machine threw while a snapshot of it was taken: nothing is lost, the log stays until one is taken
  | "StateDiverged"; // the state differs from that of a majority of the members: start again, from log and snapshot

const brand = Symbol.for("@synod/SynodError");

/** What a `SynodError` may carry besides code and text. */
export interface SynodErrorOptions {
  readonly cause?: unknown;
  /** Facts for programs and logs: file, offset, limit, retryAfterMs, ... */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** Of whatever may be thrown: an object without a prototype, or with a `toString` that throws, has no text of its own. */
export function asText(value: unknown): string {
  try {
    return String(value);
  } catch {
    return `[${typeof value}]`;
  }
}

/** @returns the value, or its text where JSON cannot say it: a bigint, an object that holds itself */
function sayable(value: unknown): unknown {
  try {
    JSON.stringify(value);
    return value;
  } catch {
    return asText(value);
  }
}

/** Outside of the class, which is renamed by bundlers where it names itself; and its name is in what Node.js prints of an error. */
function isSynodError(value: unknown): boolean {
  return typeof value === "object" && value !== null && brand in value;
}

/**
 * The one error class of Synod. Test `error.code`, not the text. `instanceof` also holds for an instance that comes
 * from a second copy of this package in the same process.
 */
export class SynodError extends Error {
  override readonly name: string = "SynodError";
  readonly code: SynodErrorCode;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: SynodErrorCode, message: string, options: SynodErrorOptions = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.details = options.details ?? {};
    Object.defineProperty(this, brand, { value: true });
  }

  /**
   * For logs and status pages: `JSON.stringify` of an error leaves out its text and its cause. Whatever the cause is and
   * the details hold, it does not throw: a cause that is no `SynodError`, and a detail that JSON cannot say, become text.
   */
  toJSON(): Readonly<Record<string, unknown>> {
    const { name, code, message, cause } = this;
    const details = Object.fromEntries(Object.entries(this.details).map(([key, value]) => [key, sayable(value)]));
    const why = isSynodError(cause) ? cause : asText(cause);
    return { name, code, message, details, ...(cause === undefined ? {} : { cause: why }) };
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isSynodError(value);
  }
}
