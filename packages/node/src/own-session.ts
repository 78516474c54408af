import type { SessionId, SessionTicket } from "@synod/interface";
import { LastUse, SequenceBook } from "./sequences.js";

/** Pause before a session is asked for again when there were too many. */
const OPEN_AGAIN_MS = 1_000;

export interface OwnSessionOptions {
  /** Requests that it may have open. */
  readonly limit: number;
  /** Unused for this long it is not trusted to be still there. */
  readonly idleMs: number;
  /** Asks the log for a session, however long it takes. */
  readonly open: (caller: {
    readonly resolve: (id: SessionId, nowMs: number, loggedMs: number) => void;
    readonly reject: () => void;
  }) => void;
}

/** The session in which this node sends the commands that were given without a ticket. It is opened when needed, and anew when lost. */
export class OwnSession {
  readonly #options: OwnSessionOptions;
  readonly #use = new LastUse();
  #book: SequenceBook | null = null;
  #opening = false;
  #notBeforeMs = 0;

  constructor(options: OwnSessionOptions) {
    this.#options = options;
  }

  /** Whether tickets can be had. If not, a session is asked for. */
  ready(nowMs: number, loggedMs: number): boolean {
    if (this.#book?.open === 0 && this.#use.isIdle(nowMs, loggedMs, this.#options.idleMs)) this.#book = null;
    if (this.#book === null && !this.#opening && nowMs >= this.#notBeforeMs) this.#open(nowMs);
    return this.#book !== null;
  }

  #open(nowMs: number): void {
    this.#opening = true;
    this.#options.open({
      resolve: (id, openedMs, loggedMs) => {
        this.#opening = false;
        this.#book = new SequenceBook(id, this.#options.limit);
        this.used(openedMs, loggedMs);
      },
      reject: () => {
        this.#opening = false;
        this.#notBeforeMs = nowMs + OPEN_AGAIN_MS;
      },
    });
  }

  /** The next ticket; null while as many requests are open as may be. */
  next(nowMs: number, loggedMs: number): SessionTicket | null {
    const ticket = this.#book?.next() ?? null;
    if (ticket !== null) this.used(nowMs, loggedMs);
    return ticket;
  }

  used(nowMs: number, loggedMs: number): void {
    this.#use.used(nowMs, loggedMs);
  }

  /** The ticket with the present floor; the same object where nothing has changed. */
  renewed(ticket: SessionTicket): SessionTicket {
    const book = this.#bookOf(ticket);
    if (book === null || ticket.floor === book.floor) return ticket;
    return { session: ticket.session, sequence: ticket.sequence, floor: book.floor };
  }

  /** The log knows it no more. An answer to a ticket of an earlier session says nothing of the present one. */
  lost(ticket: SessionTicket): void {
    if (this.#bookOf(ticket) !== null) this.#book = null;
  }

  /** It kept too many bytes of replies to let this one in, which is sent again. */
  refused(ticket: SessionTicket): void {
    this.#bookOf(ticket)?.refused(ticket.sequence);
  }

  done(ticket: SessionTicket): void {
    this.#bookOf(ticket)?.done(ticket.sequence);
  }

  #bookOf({ session }: SessionTicket): SequenceBook | null {
    return session === this.#book?.id ? this.#book : null;
  }
}
