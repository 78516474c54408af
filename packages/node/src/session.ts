import { SynodError, type SessionId, type SessionTicket } from "@synod/interface";
import type { Driver } from "./driver.js";
import { SequenceBook } from "./sequences.js";
import type { NodeLimits, NodeSession } from "./types.js";

/** Opens a session through the log. */
export function openSession(driver: Driver, limits: NodeLimits, signal?: AbortSignal): Promise<NodeSession> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      throw new SynodError("NotProposed", "the signal was aborted before a session was opened", {
        cause: signal.reason,
      });
    }
    const onAbort = (): void => proposal.giveUp("the signal was aborted", signal?.reason);
    const done = (): void => signal?.removeEventListener("abort", onAbort);
    const proposal = driver.proposals.open({
      deadlineMs: driver.nowMs + limits.proposeTimeoutMs,
      resolve: (id) => {
        done();
        resolve(new OpenedSession(id, limits.inFlightCommandsMax));
      },
      reject: (error) => {
        done();
        reject(error);
      },
    });
    signal?.addEventListener("abort", onAbort, { once: true });
    driver.wake();
  });
}

class OpenedSession implements NodeSession {
  readonly #book: SequenceBook;

  constructor(id: SessionId, limit: number) {
    this.#book = new SequenceBook(id, limit);
  }

  ticket(): SessionTicket {
    const ticket = this.#book.next();
    if (ticket === null)
      throw new SynodError("Busy", "too many requests of this session are open: call done() for finished ones");
    return ticket;
  }

  done(ticket: SessionTicket): void {
    this.#book.done(ticket.sequence);
  }
}
