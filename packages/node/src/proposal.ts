import { SynodError, type Ballot, type SessionId, type SessionTicket, type SynodErrorOptions } from "@synod/interface";
import type { BatchEntry } from "@synod/rsm";
import type { Place } from "./leader-queue.js";

/** Which ticket a command travels with, or the opening of a session. */
export type ProposalSource =
  /** A ticket of the node's own session, given when there is one. */
  | { readonly kind: "own" }
  | { readonly kind: "given"; readonly ticket: SessionTicket; readonly waitsForRoom: boolean }
  | { readonly kind: "close"; readonly session: SessionId }
  | {
      readonly kind: "open";
      readonly nonce: string;
      readonly opened: (id: SessionId, nowMs: number, loggedMs: number) => void;
    };

const COMMAND = [
  "the command was not proposed: it is safe to try again",
  "the command may or may not take effect",
] as const;

/** What is said of one that is given up: it was not proposed, or may have been. */
const OUTCOMES: { readonly [Kind in ProposalSource["kind"]]: readonly [no: string, maybe: string] } = {
  own: COMMAND,
  // Another attempt with the same ticket may have been.
  given: ["this attempt was not proposed: try again with the same ticket", COMMAND[1]],
  open: ["no session was opened", "a session may be opened that nobody uses"],
  close: ["the session was not closed", "the session may or may not be closed"],
};

/** One command of a caller, or the opening of a session, on its way through the cluster. */
export class Proposal {
  readonly source: ProposalSource;
  readonly body: Uint8Array;
  readonly deadlineMs: number;
  /** What goes into a batch; null until a ticket is there. */
  entry: BatchEntry | null = null;
  /** Copies that may still be proposed, or were. At zero the command was surely not proposed. */
  copies = 0;
  /** Where a copy waits in the queue of this node; null if there is none. */
  place: Pick<Place, "withdraw"> | null = null;
  /** Leader to whom the last copy went; null = it must be sent again. */
  sentTo: Ballot | null = null;
  sentAtMs = 0;
  /** It is not sent again before this. */
  notBeforeMs = 0;
  /** The leader has it in its queue. */
  acknowledged = false;
  /** Why it is not executed yet, if the log said so. */
  obstacle = "";
  settled = false;
  /** It is to be sent as soon as a leader is known. */
  fresh = false;
  /** It was sent, and is sent again where that is needed. */
  sent = false;
  /** Another call with the same ticket. */
  next: Proposal | null = null;
  before: Proposal | null = null;
  after: Proposal | null = null;
  readonly #settle: { resolve(reply: Uint8Array): void; reject(error: SynodError): void };
  readonly #release: (proposal: Proposal) => void;

  constructor(options: {
    source: ProposalSource;
    body: Uint8Array;
    deadlineMs: number;
    settle: { resolve(reply: Uint8Array): void; reject(error: SynodError): void };
    release: (proposal: Proposal) => void;
  }) {
    this.source = options.source;
    this.body = options.body;
    this.deadlineMs = options.deadlineMs;
    this.#settle = options.settle;
    this.#release = options.release;
  }

  resolve(reply: Uint8Array): void {
    if (this.#end()) this.#settle.resolve(reply);
  }

  reject(error: SynodError): void {
    if (this.#end()) this.#settle.reject(error);
  }

  /** The caller waits no longer. Tells it whether what it asked for may still take effect. */
  giveUp(why: string, options: SynodErrorOptions): void {
    const [no, maybe] = OUTCOMES[this.source.kind];
    this.reject(
      this.copies === (this.place === null ? 0 : 1)
        ? new SynodError("NotProposed", `${why}; ${no}`, options)
        : new SynodError("OutcomeUnknown", `${why}; ${maybe}${this.obstacle}`, options),
    );
  }

  #end(): boolean {
    if (this.settled) return false;
    this.settled = true;
    this.place?.withdraw();
    this.place = null;
    this.#release(this);
    return true;
  }
}
