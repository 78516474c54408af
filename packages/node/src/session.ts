import { type CallOptions, SynodError, type Session, type SessionId, type SessionTicket } from "@synod/interface";
import { limitMs } from "./calls.js";
import { checkSession } from "./checks.js";
import type { Driver } from "./driver.js";
import { SequenceBook } from "./sequences.js";
import { refuseAborted, whyGivenUp, withEnds } from "./signals.js";
import type { NodeLimits } from "./types.js";

/** Opens a session through the log. */
export function openSession(driver: Driver, limits: NodeLimits, options: CallOptions): Promise<Session> {
  return new Promise((resolve, reject) => {
    refuseAborted(options.signal, "a session was opened");
    checkRoom(driver);
    const ownMs = limitMs(limits, options.timeoutMs);
    withEnds<Session>(driver, options, { resolve, reject }, (settle) => {
      const opening = driver.proposals.open({
        deadlineMs: driver.nowMs + ownMs,
        resolve: (id) => settle.resolve(new OpenedSession(driver, limits, id)),
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

class OpenedSession implements Session {
  readonly limit: number;
  readonly #driver: Driver;
  readonly #limits: NodeLimits;
  readonly #book: SequenceBook;
  #closing: Promise<void> | null = null;

  constructor(driver: Driver, limits: NodeLimits, id: SessionId) {
    this.#driver = driver;
    this.#limits = limits;
    this.limit = limits.inFlightCommandsMax;
    this.#book = new SequenceBook(id, this.limit);
  }

  get id(): SessionId {
    return this.#book.id;
  }

  ticket(): SessionTicket {
    const ticket = this.#book.next();
    if (ticket === null)
      throw new SynodError("Busy", "too many requests of this session are open: call done() for finished ones");
    return ticket;
  }

  done({ session, sequence }: SessionTicket): void {
    if (session.slot !== this.id.slot || session.index !== this.id.index)
      throw new SynodError("InvalidArgument", "the ticket is one of another session");
    this.#book.done(sequence);
  }

  /** Calls share one attempt, and what ends it; one that failed may be followed by another. */
  close(options: CallOptions = {}): Promise<void> {
    this.#closing ??= closeSession(this.#driver, this.#limits, this.id, options).catch((error: unknown) => {
      this.#closing = null;
      throw error;
    });
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
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
