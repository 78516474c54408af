import { SynodError } from "./error.js";
import type { SessionId, SessionTicket } from "./ids.js";
import { Sequences } from "./sequences.js";
import type { CallOptions, Session } from "./service.js";

/** A session that was opened for a user, whoever reaches the cluster for it. */
export class OpenedSession implements Session {
  readonly id: SessionId;
  readonly limit: number;
  readonly #sequences: Sequences;
  readonly #giveUp: (session: SessionId, options: CallOptions) => Promise<void>;
  #closing: Promise<void> | null = null;

  /** @param giveUp - has the cluster forget the session */
  constructor(id: SessionId, limit: number, giveUp: (session: SessionId, options: CallOptions) => Promise<void>) {
    this.id = id;
    this.limit = limit;
    this.#sequences = new Sequences(limit);
    this.#giveUp = giveUp;
  }

  ticket(): SessionTicket {
    const sequence = this.#sequences.next();
    if (sequence !== null) return { session: this.id, sequence, floor: this.#sequences.floor };
    throw new SynodError("Busy", "too many requests of this session are open: call done() for finished ones");
  }

  done({ session, sequence }: SessionTicket): void {
    if (session.slot !== this.id.slot || session.index !== this.id.index)
      throw new SynodError("InvalidArgument", "the ticket is one of another session");
    this.#sequences.done(sequence);
  }

  /** Calls share one attempt, and what ends it; one that failed may be followed by another. */
  close(options: CallOptions = {}): Promise<void> {
    this.#closing ??= this.#giveUp(this.id, options).catch((error: unknown) => {
      this.#closing = null;
      throw error;
    });
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
