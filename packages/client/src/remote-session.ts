import {
  type CallOptions,
  Sequences,
  type Session,
  type SessionId,
  type SessionTicket,
  SynodError,
} from "@synod/interface";
import type { Opened } from "./session-plans.js";

/** A session that a user of the client asked for. */
export class RemoteSession implements Session {
  readonly id: SessionId;
  readonly limit: number;
  readonly #sequences: Sequences;
  readonly #close: (session: SessionId, options: CallOptions) => Promise<void>;
  #closing: Promise<void> | null = null;

  constructor({ session, limit }: Opened, close: (session: SessionId, options: CallOptions) => Promise<void>) {
    this.id = session;
    this.limit = limit;
    this.#sequences = new Sequences(limit);
    this.#close = close;
  }

  ticket(): SessionTicket {
    const { floor } = this.#sequences;
    const sequence = this.#sequences.next();
    if (sequence !== null) return { session: this.id, sequence, floor };
    throw new SynodError("Busy", "too many requests of this session are open: call done() for finished ones");
  }

  done({ session, sequence }: SessionTicket): void {
    if (session.slot !== this.id.slot || session.index !== this.id.index)
      throw new SynodError("InvalidArgument", "the ticket is one of another session");
    this.#sequences.done(sequence);
  }

  close(options: CallOptions = {}): Promise<void> {
    this.#closing ??= this.#close(this.id, options).catch((error: unknown) => {
      this.#closing = null;
      throw error;
    });
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
