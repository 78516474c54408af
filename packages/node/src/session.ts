import { type CallOptions, checkCall, OpenedSession, type Session, type SessionId, SynodError } from "@synod/interface";
import { CALL, limitMs } from "./calls.js";
import { checkSession } from "./checks.js";
import type { Driver } from "./driver.js";
import { refuseAborted, whyGivenUp, withEnds } from "./signals.js";
import type { NodeLimits } from "./types.js";

/** Opens a session through the log. */
export function openSession(driver: Driver, limits: NodeLimits, options: CallOptions): Promise<Session> {
  return new Promise((resolve, reject) => {
    checkCall("openSession", options, CALL);
    refuseAborted(options.signal, "a session was opened");
    checkRoom(driver);
    const close = (id: SessionId, given: CallOptions): Promise<void> => closeSession(driver, limits, id, given);
    const ownMs = limitMs(limits, options.timeoutMs);
    withEnds<Session>(driver, options, { resolve, reject }, (settle) => {
      const opening = driver.proposals.open({
        deadlineMs: driver.nowMs + ownMs,
        resolve: (id) => settle.resolve(new OpenedSession(id, limits.inFlightCommandsMax, close)),
        reject: settle.reject,
      });
      return (cause) => opening.giveUp(...whyGivenUp(cause, driver.sight));
    });
    driver.wake();
  });
}

function checkRoom(driver: Driver): void {
  const refusal = driver.proposals.refusal(null, 0);
  if (refusal !== null) throw driver.busy("calls", refusal);
}

/** Gives a session up through the log. */
export function closeSession(
  driver: Driver,
  limits: NodeLimits,
  session: SessionId,
  options: CallOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (driver.stopped) throw new SynodError("Closed", "the node is closed");
    checkCall("closeSession", options, CALL);
    refuseAborted(options.signal, "the session was closed");
    checkSession(session);
    checkRoom(driver);
    const ownMs = limitMs(limits, options.timeoutMs);
    withEnds<void>(driver, options, { resolve, reject }, (settle) => {
      const closing = driver.proposals.close({
        session,
        deadlineMs: driver.nowMs + ownMs,
        resolve: () => settle.resolve(),
        reject: settle.reject,
      });
      return (cause) => closing.giveUp(...whyGivenUp(cause, driver.sight));
    });
    driver.wake();
  });
}
