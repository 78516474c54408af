import {
  type CallOptions,
  checkCall,
  type Codec,
  type Configuration,
  type GiveUp,
  type NodeId,
  type ProposeOptions,
  type SessionTicket,
  type SnapshotInfo,
  SynodError,
} from "@synod/interface";
import { CALL_BYTES } from "./admission.js";
import { checkTicket, checkTimeoutMs } from "./checks.js";
import type { Driver } from "./driver.js";
import { goesOn, refuseAborted, type Settle, whyGivenUp, withEnds, withSignal } from "./signals.js";
import type { ChangeOptions, MembershipChange, NodeLimits, TransferOptions } from "./types.js";

/** A change may have to wait until a new member has fetched everything. */
const CHANGE_TIMEOUT_MS = 60_000;
/** One at a time takes effect: whoever asks for more at once has lost sight. */
const CHANGES_MAX = 64;
const CHANGE_RETRY_MS = 1_000;
const TRANSFER_TIMEOUT_MS = 5_000;

export const CALL: readonly string[] = ["timeoutMs", "signal"];
const PROPOSE = [...CALL, "session"];
const CHANGE = [...CALL, "expectedEpoch"];
const TRANSFER = [...CALL, "to"];

/** Takes a command in. @throws SynodError what stands against it already here */
export function beginProposal(
  driver: Driver,
  limits: NodeLimits,
  body: Uint8Array,
  options: ProposeOptions,
  caller: Settle<Uint8Array>,
): void {
  checkCall("propose", options, PROPOSE);
  const { signal, timeoutMs, session } = options;
  refuseAborted(signal, "the command was proposed");
  if (signal === undefined && timeoutMs === undefined) {
    beginCommand(driver, limits, { body, session }, caller);
    return;
  }
  withEnds(driver, { signal, timeoutMs }, caller, (settle) =>
    beginCommand(driver, limits, { body, session, timeoutMs }, settle),
  );
}

/** How long the node waits by itself: for ever where the caller gave a time limit, which `withEnds` watches. */
export const limitMs = ({ proposeTimeoutMs }: NodeLimits, timeoutMs: number | undefined): number =>
  timeoutMs === undefined ? proposeTimeoutMs : Infinity;

/** @returns what gives it up. @throws SynodError what stands against it already here */
export function beginCommand(
  driver: Driver,
  limits: NodeLimits,
  {
    body,
    session,
    timeoutMs,
  }: {
    readonly body: Uint8Array;
    readonly session: SessionTicket | undefined;
    readonly timeoutMs?: number | undefined;
  },
  caller: Settle<Uint8Array>,
  waitsForRoom = true,
): GiveUp {
  const { commandBytesMax, queueBytesMax } = limits;
  if (body.length > commandBytesMax) {
    throw new SynodError(
      "TooLarge",
      `the command has ${body.length} bytes; limits.commandBytesMax is ${commandBytesMax}: split it, or raise the limit on all nodes (up to 4 MiB)`,
    );
  }
  // `Busy` would be said for ever.
  if (body.length + CALL_BYTES > queueBytesMax) {
    throw new SynodError(
      "TooLarge",
      `the command has ${body.length} bytes; with limits.queueBytesMax at ${queueBytesMax} there is never room for more than ${queueBytesMax - CALL_BYTES}: split it, or raise the limit`,
    );
  }
  const { proposals } = driver;
  if (session !== undefined) checkTicket(session, body);
  const refusal = proposals.refusal(session?.session ?? null, body.length);
  if (refusal !== null) throw driver.busy("commands", refusal);
  const deadlineMs = driver.nowMs + limitMs(limits, timeoutMs);
  const proposal = proposals.add({ body, ticket: session, deadlineMs, caller, waitsForRoom });
  driver.wake();
  return (cause) => proposal.giveUp(...whyGivenUp(cause, driver.sight));
}

/** Takes a change of the members in. @throws SynodError what stands against it already here */
export function beginChange(
  driver: Driver,
  change: MembershipChange,
  options: ChangeOptions,
  caller: Settle<Configuration>,
): void {
  checkCall("changeMembership", options, CHANGE);
  const { signal, expectedEpoch, timeoutMs = CHANGE_TIMEOUT_MS } = options;
  refuseAborted(signal, "the change was asked for");
  checkTimeoutMs(timeoutMs);
  if (driver.changes.count >= CHANGES_MAX) throw driver.busy("changes", { retryAfterMs: CHANGE_RETRY_MS });
  withSignal(signal, caller, (settle) => {
    const deadlineMs = driver.nowMs + timeoutMs;
    const asked = driver.changes.add({ change, expectedEpoch, deadlineMs, ...settle });
    return (cause) => asked.giveUp(...whyGivenUp(cause, driver.sight));
  });
  driver.wake();
}

/** @throws SynodError what stands against it already here */
export function beginTransfer(driver: Driver, options: TransferOptions, caller: Settle<NodeId>): void {
  checkCall("transferLeadership", options, TRANSFER);
  const { to, signal, timeoutMs = TRANSFER_TIMEOUT_MS } = options;
  refuseAborted(signal, "the leadership was handed over");
  checkTimeoutMs(timeoutMs);
  withSignal(signal, caller, (settle) => {
    driver.transfers.begin({ to, timeoutMs, settle });
    return (cause) => settle.reject(goesOn(cause));
  });
  driver.wake();
}

/** @throws SynodError what stands against it already here */
export function beginSnapshot(driver: Driver, options: CallOptions, caller: Settle<SnapshotInfo>): void {
  checkCall("snapshot", options, CALL);
  refuseAborted(options.signal, "a snapshot was taken");
  withEnds(driver, options, caller, (settle) => {
    driver.snapshots.take().then(settle.resolve, settle.reject);
    return (cause) => settle.reject(goesOn(cause));
  });
}

export function decodeResult<Result>(codec: Codec<Result>, reply: Uint8Array): Result {
  try {
    return codec.decode(reply);
  } catch (cause) {
    const text = "the command took effect, but the result codec cannot read the result that it wrote";
    throw new SynodError("InvalidResult", text, { cause });
  }
}
