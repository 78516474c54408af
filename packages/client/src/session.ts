import { Sequences, type SessionId, type SessionTicket, SynodError } from "@synod/interface";
import { Call, type CallShared } from "./call.js";
import { type Opened, openPlan } from "./session-plans.js";

/** How long one attempt to open a session may take at most; who waits for it has a deadline of its own. */
const openMsMax = 10_000;
/** Nobody is told but as `obstacle`. */
const ownOpenPlan: typeof openPlan = {
  ...openPlan,
  conclude: ({ text, cause }) => new SynodError("NotProposed", text, { cause }),
};
/** Before a session is asked for again after that failed. */
const openAgainMs = 250;

/** A session of this client, as long as the cluster keeps it. */
class OwnSession extends Sequences {
  readonly id: SessionId;
  /** When something of it was last known to have reached the log. */
  usedAtMs: number;

  constructor({ session, limit }: Opened, nowMs: number) {
    super(limit);
    this.id = session;
    this.usedAtMs = nowMs;
  }
}

/** Who wants to propose in the client's session. */
export interface TicketHolder {
  granted(ticket: Ticket): void;
  /** No session can be had. */
  refused(error: SynodError): void;
  /** For so long it waits. */
  readonly untilMs: number;
}

/** A place in the session of the client. */
export interface Ticket {
  /** With the floor as it is now: every attempt says which replies are done with by then. */
  current(): SessionTicket;
  /** The cluster answered a command of this session. */
  used(): void;
  /** The cluster does not know the session any more. */
  expired(): void;
  /** The session kept too many replies to execute it; it is tried again. */
  refused(): void;
  /** The request has ended, in whatever way. */
  done(): void;
}

interface TicketEvents {
  used(session: OwnSession): void;
  expired(session: OwnSession): void;
  /** There may be room for another ticket. */
  done(): void;
}

class OwnTicket implements Ticket {
  readonly #session: OwnSession;
  readonly #sequence: number;
  readonly #events: TicketEvents;
  #done = false;

  constructor(session: OwnSession, sequence: number, events: TicketEvents) {
    this.#session = session;
    this.#sequence = sequence;
    this.#events = events;
  }

  current(): SessionTicket {
    const session = this.#session;
    return { session: session.id, sequence: this.#sequence, floor: session.floor };
  }

  used(): void {
    this.#events.used(this.#session);
  }

  expired(): void {
    this.#events.expired(this.#session);
  }

  refused(): void {
    this.#session.refused(this.#sequence);
  }

  done(): void {
    if (this.#done) return;
    this.#done = true;
    this.#session.done(this.#sequence);
    this.#events.done();
  }
}

/** Opens a session when the first command wants one, keeps it alive, and replaces it once the cluster has forgotten it. */
export class Sessions {
  readonly #shared: CallShared;
  readonly #onLost: (session: SessionId) => void;
  readonly #waiting = new Set<TicketHolder>();
  readonly #ticketEvents: TicketEvents = {
    used: (session) => {
      session.usedAtMs = this.#shared.context.clock.now();
    },
    expired: (session) => this.#lost(session),
    done: () => this.#serve(),
  };
  #session: OwnSession | null = null;
  #opening: Call<Opened> | null = null;
  #cancelTimer: () => void = () => {};
  #cancelAgain: () => void = () => {};
  #closed = false;
  /** Tickets are being given just now. */
  #serving = false;
  /** Why the last attempt to open a session ended; empty once one is open. */
  #notOpenedFor = "";
  /** The next attempt takes at least so long. */
  #openMsMin = 0;

  constructor(shared: CallShared, onLost: (session: SessionId) => void) {
    this.#shared = shared;
    this.#onLost = onLost;
  }

  get id(): SessionId | null {
    return this.#session?.id ?? null;
  }

  /** Why there is no session yet, for people; empty where nothing is known. */
  get obstacle(): string {
    const why = this.#opening?.said || this.#notOpenedFor;
    return why === "" ? "" : `no session could be opened: ${why}`;
  }

  /** A ticket, if there is one now and nobody waits for it. */
  take(): Ticket | null {
    const session = this.#waiting.size === 0 && !this.#closed ? this.#fresh() : null;
    const sequence = session?.next() ?? null;
    return session === null || sequence === null ? null : this.#ticket(session, sequence);
  }

  /** Gives a ticket as soon as there is one. */
  acquire(holder: TicketHolder): void {
    this.#waiting.add(holder);
    this.#serve();
  }

  withdraw(holder: TicketHolder): void {
    this.#waiting.delete(holder);
  }

  /** @returns the session, which is of no more use to this client; the cluster should be told. */
  close(): SessionId | null {
    this.#closed = true;
    this.#cancelTimer();
    this.#cancelAgain();
    this.#opening?.giveUp("the client is closed");
    const id = this.id;
    this.#session = null;
    return id;
  }

  #serve(): void {
    // A call that ends as soon as it has a ticket asks for this again: of thousands that end so, each would stand on the stack of the one before.
    if (this.#serving) return;
    this.#serving = true;
    try {
      for (const holder of this.#waiting) if (!this.#grant(holder)) return;
    } finally {
      this.#serving = false;
    }
  }

  /** @returns whether there may be a ticket for another one */
  #grant(holder: TicketHolder): boolean {
    if (this.#closed) return false;
    const session = this.#fresh();
    if (session === null) {
      this.#open();
      return false;
    }
    const sequence = session.next();
    if (sequence === null) return false;
    this.#waiting.delete(holder);
    holder.granted(this.#ticket(session, sequence));
    return true;
  }

  /** The session, unless it was idle for so long, as after a sleep of the machine, that the cluster may have forgotten it. */
  #fresh(): OwnSession | null {
    const { clock, limits } = this.#shared.context;
    const session = this.#session;
    if (session !== null && session.open === 0 && clock.now() - session.usedAtMs > 3 * limits.keepAliveMs) {
      this.#session = null;
    }
    return this.#session;
  }

  #ticket(session: OwnSession, sequence: number): Ticket {
    return new OwnTicket(session, sequence, this.#ticketEvents);
  }

  #lost(session: OwnSession): void {
    if (this.#session !== session) return;
    this.#session = null;
    this.#cancelTimer();
    this.#onLost(session.id);
    this.#serve();
  }

  #open(): void {
    if (this.#opening !== null) return;
    const timeoutMs = this.#openMs();
    if (timeoutMs <= 0) return;
    this.#openMsMin = 2 * timeoutMs;
    const opening = new Call(this.#shared, ownOpenPlan, { timeoutMs });
    this.#opening = opening;
    opening.begin().go();
    opening.promise.then(
      (opened) => this.#opened(opened),
      (error: unknown) => this.#notOpened(error),
    );
  }

  /**
   * As long as somebody waits, so that the server says what is wrong before that is over; and twice as long as the attempt before, which ended without a
   * session: each one that comes too late leaves a session behind that nobody uses.
   */
  #openMs(): number {
    let untilMs = 0;
    for (const holder of this.#waiting) untilMs = Math.max(untilMs, holder.untilMs);
    return Math.min(openMsMax, Math.max(untilMs - this.#shared.context.clock.now(), this.#openMsMin));
  }

  #opened(opened: Opened): void {
    this.#opening = null;
    this.#notOpenedFor = "";
    this.#openMsMin = 0;
    if (this.#closed) return;
    this.#session = new OwnSession(opened, this.#shared.context.clock.now());
    this.#beatLater();
    this.#serve();
  }

  #notOpened(error: unknown): void {
    this.#opening = null;
    if (this.#closed) return;
    const { code, message } = error as SynodError;
    this.#notOpenedFor = message;
    if (code === "NotProposed" || code === "Busy" || code === "OutcomeUnknown") {
      // Those who wait have deadlines of their own.
      this.#cancelAgain = this.#shared.context.clock.timer(openAgainMs, () => this.#serve());
      return;
    }
    for (const holder of this.#waiting) {
      this.#waiting.delete(holder);
      holder.refused(error as SynodError);
    }
  }

  #beatLater(): void {
    const { clock, limits } = this.#shared.context;
    this.#cancelTimer();
    this.#cancelTimer = clock.timer(limits.keepAliveMs, () => this.#beat());
  }

  /** Mentions an idle session in the log, by a request whose reply was given up: it counts as use and executes nothing. */
  #beat(): void {
    const { clock, limits } = this.#shared.context;
    const session = this.#session;
    if (session === null) return;
    this.#beatLater();
    if (clock.now() - session.usedAtMs < limits.keepAliveMs / 2 || session.open > 0 || session.floor === 0) return;
    const { floor } = session;
    const ticket = { session: session.id, sequence: floor, floor };
    const beat = new Call<null>(
      this.#shared,
      {
        kind: "propose",
        to: "leader",
        bytes: 40,
        repeatable: true,
        request: (id, deadlineMs) => ({ kind: "propose", id, deadlineMs, ticket, body: new Uint8Array(0) }),
        read: () => null,
        conclude: ({ text }) => new SynodError("NotProposed", text),
      },
      { timeoutMs: limits.keepAliveMs / 2 },
    );
    beat.begin().go();
    beat.promise.then(
      () => {},
      ({ code }: SynodError) => {
        if (code === "SessionStale") session.usedAtMs = clock.now();
        else if (code === "SessionUnknown") this.#lost(session);
      },
    );
  }
}
