import { SynodError, type SynodErrorCode } from "@synod/interface";

/** How the program ends. README.md prints this table; a code never changes its meaning. */
export const EXIT_CODES = {
  done: { code: 0, meaning: "done" },
  failed: { code: 1, meaning: "something else failed; the text says what" },
  usage: { code: 2, meaning: "a wrong flag, argument, environment variable or configuration file" },
  no: { code: 3, meaning: "the answer is no: no such key, the condition did not hold, not healthy, a check failed" },
  unavailable: { code: 4, meaning: "nothing was done and it can be tried again: no leader, no connection, busy" },
  unknown: { code: 5, meaning: "the outcome is unknown: it may or may not have taken effect" },
  refused: { code: 6, meaning: "refused by the other side: cluster, token, role, certificate or version" },
  store: { code: 7, meaning: "the data directory cannot be used as it is: see the text" },
  stopped: { code: 8, meaning: "the node stopped rather than go on: see the text and the runbook" },
  notAcquired: { code: 120, meaning: "`lock`, `elect`: never held, the command was not run" },
  lost: {
    code: 121,
    meaning:
      "`lock`, `elect`: held and lost while the command ran; it was ended, but for `--on-loss warn`. `lease keep-alive`: the lease is over",
  },
  cannotRun: { code: 126, meaning: "`lock`, `elect`: the command cannot be run" },
  notFound: { code: 127, meaning: "`lock`, `elect`: there is no such command" },
  unread: { code: 141, meaning: "nobody reads the output any more, as after `head -1`" },
} as const;

export type ExitName = keyof typeof EXIT_CODES;

const BY_ERROR: Readonly<Record<SynodErrorCode, ExitName>> = {
  NotProposed: "unavailable",
  OutcomeUnknown: "unknown",
  Busy: "unavailable",
  Closed: "unavailable",
  NotTransferred: "no",
  NoLeader: "unavailable",
  TooStale: "unavailable",
  SessionUnknown: "unknown",
  SessionStale: "unknown",
  SessionFull: "unavailable",
  InvalidResult: "failed",
  InvalidCommand: "usage",
  EpochMismatch: "no",
  ChangeUnderWay: "no",
  IdRetired: "usage",
  LearnerBehind: "no",
  // Its disk is of no use any more: starting it again helps nobody.
  Removed: "store",
  InvalidArgument: "usage",
  InvalidConfiguration: "usage",
  Malformed: "failed",
  VersionUnsupported: "refused",
  TooLarge: "usage",
  NotFormatted: "store",
  AlreadyFormatted: "store",
  StoreForeign: "store",
  StoreLocked: "store",
  StoreDamaged: "store",
  StoreFailed: "store",
  StoreFull: "store",
  NoServer: "unavailable",
  WrongCluster: "refused",
  Unauthorized: "refused",
  Forbidden: "refused",
  CertificateRefused: "refused",
  LockNotAcquired: "notAcquired",
  LeaseLost: "lost",
  Compacted: "no",
  ConditionFailed: "no",
  AddressInUse: "failed",
  PeerRefused: "refused",
  InvariantViolated: "stopped",
  RoundsExhausted: "stopped",
  ApplyFailed: "stopped",
  SnapshotFailed: "failed",
  StateDiverged: "stopped",
};

/** Ends the program with an exit code of its own; all other errors are mapped by their code. */
export class CliError extends Error {
  readonly exit: ExitName;

  constructor(exit: ExitName, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.exit = exit;
  }
}

export function exitOf(error: unknown): ExitName {
  if (error instanceof CliError) return error.exit;
  return error instanceof SynodError ? BY_ERROR[error.code] : "failed";
}

/** With what the program ends once nothing is open any more. */
export function endWith(exit: ExitName): void {
  process.exitCode = EXIT_CODES[exit].code;
}
