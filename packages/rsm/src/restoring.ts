import { type SnapshotSink, SynodError } from "@synod/interface";
import type { Session } from "./sessions.js";
import { type Header, SnapshotReader } from "./snapshot.js";

export interface RestoringParts {
  header(header: Header): void;
  /** The state machine's part begins. */
  stateMachine(): SnapshotSink;
  failed(cause: unknown): void;
  done(header: Header, sessions: readonly Session[]): void;
}

/** A restore under way. Nothing has changed until the state machine's part begins. */
export class Restoring implements SnapshotSink {
  readonly #parts: RestoringParts;
  readonly #reader: SnapshotReader;
  #header: Header | null = null;
  #sessions: readonly Session[] = [];
  #inner: SnapshotSink | null = null;
  /** Why it takes nothing more. */
  #over: string | null = null;

  constructor(parts: RestoringParts) {
    this.#parts = parts;
    this.#reader = new SnapshotReader({
      header: (header) => {
        parts.header(header);
        this.#header = header;
      },
      sessions: (sessions) => {
        this.#sessions = sessions;
        // The log may have gone on since the header came.
        if (this.#header !== null) parts.header(this.#header);
        this.#inner = parts.stateMachine();
      },
      machine: (chunk) => this.#inner?.write(chunk),
    });
  }

  write(chunk: Uint8Array): void {
    this.#guarded(() => this.#reader.write(chunk));
  }

  end(): void {
    this.#guarded(() => {
      this.#reader.end();
      this.#inner?.end();
      if (this.#header !== null) this.#parts.done(this.#header, this.#sessions);
    });
    this.retire();
  }

  /** Nothing of it counts any more: what is written to it now would make the state a mixture of two. */
  retire(): void {
    this.#over = "Another restore has begun, or this one has ended: begin a new one.";
  }

  #guarded(call: () => void): void {
    if (this.#over !== null) throw new SynodError("InvariantViolated", this.#over);
    try {
      call();
    } catch (cause) {
      this.#over = "This restore has failed: begin a new one.";
      this.#parts.failed(cause);
      throw cause;
    }
  }
}
