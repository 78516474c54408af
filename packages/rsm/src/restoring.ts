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
  #failed = false;

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
  }

  #guarded(call: () => void): void {
    if (this.#failed) throw new SynodError("InvariantViolated", "This restore has failed: begin a new one.");
    try {
      call();
    } catch (cause) {
      this.#failed = true;
      this.#parts.failed(cause);
      throw cause;
    }
  }
}
