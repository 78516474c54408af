import type { SessionId, SessionTicket } from "./ids.js";

/** What ends a call before it is answered. It then rejects with an error that says what is known, never with the signal's own reason (which is the `cause`). */
export interface CallOptions {
  readonly signal?: AbortSignal;
  /**
   * The call has ended by then, whatever happens: a number above 0, `Infinity` for no time limit. By default what the limits of the node or client
   * say, most often 10,000.
   */
  readonly timeoutMs?: number;
}

/** Given up, the call rejects with `NotProposed` or `OutcomeUnknown`. */
export interface ProposeOptions extends CallOptions {
  /** Executes at most once for this ticket, however often it is proposed. Without one the node's own session is used. */
  readonly session?: SessionTicket;
}

/** Given up, the call rejects with `NoLeader`, at a client also with `NoServer`. */
export interface ReadOptions extends CallOptions {
  /**
   * Who says what the read must not miss. `leader` by default: a round of the leader, or its lease alone if the cluster has leases.
   * `quorum`: a quorum of the members that this node asks itself; goes on where the leader is slow or gone. Both are linearizable.
   */
  readonly via?: "leader" | "quorum";
}

/** One answer of a watch. */
export interface Watched<Query, Answer> {
  readonly answer: Answer;
  /** What to watch next to go on behind this answer without gap or repetition, at any replica; null: the watch ends with it. */
  readonly next: Query | null;
}

export interface WatchOptions {
  /** Ends the watch: its iteration is done, without an error. */
  readonly signal?: AbortSignal;
}

/**
 * A session opened through the log, for requests that the caller wants to try again under its own control: gives out tickets, each for one request.
 * Disposing of it closes it.
 */
export interface Session extends AsyncDisposable {
  /** For who keeps tickets of its own, such as a program that goes on after a crash: sequences from 1, each given out once. */
  readonly id: SessionId;
  /** A command whose sequence is more than this above the floor waits until the floor rises. */
  readonly limit: number;
  /**
   * The ticket of the next request. Use the same ticket to try the same request again after `OutcomeUnknown`.
   * @throws SynodError `Busy` while as many requests are open as the session may have.
   */
  ticket(): SessionTicket;
  /**
   * The request of this ticket needs no more retries: its reply was received or given up. One that is never done keeps those behind it from being
   * forgotten, until the session has no more tickets.
   * @throws SynodError `InvalidArgument` for a ticket of another session.
   */
  done(ticket: SessionTicket): void;
  /**
   * Gives the session up: its tickets are of no more use. Otherwise the cluster forgets it 10 minutes of logged time after its last use.
   * Settles when it is gone, also where it was gone before; calls share one attempt, and one that failed may be followed by another.
   * @throws SynodError `NotProposed`, `OutcomeUnknown`, `Busy`, `Closed`, `Removed`, `InvalidArgument`, `Forbidden` to a client without the role write.
   */
  close(options?: CallOptions): Promise<void>;
}

/** Gives a call up: its caller is told now, with this as the cause of the error. Does nothing once the caller was told. */
export type GiveUp = (cause: unknown) => void;

/** Who waits for a call. Exactly one of the two is called, once, and not before the call has returned. */
export interface Caller<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/**
 * `propose` and `read` of a `Service` without a promise and a signal for each call: for servers, which have thousands under way. What stands
 * against a call right away is thrown.
 */
export interface DirectService<Query, Answer> {
  propose(body: Uint8Array, session: SessionTicket, caller: Caller<Uint8Array>): GiveUp;
  read(query: Query, via: "leader" | "quorum", caller: Caller<Answer>): GiveUp;
}

/** What an application talks to, embedded (`@synod/node`) or from another process. */
export interface Service<Command, Query, Result, Answer = Result> {
  /**
   * Replicates a command and settles with its result, executed exactly once.
   * @throws SynodError `NotProposed`, `OutcomeUnknown`, `Busy`, `Closed`, `Removed`, `InvalidCommand`, `InvalidResult`, `TooLarge`,
   * `InvalidArgument`; with a ticket `SessionUnknown` and `SessionStale`, and `SessionFull` from a client in another process. Such a client
   * adds `Forbidden`. Where the codec of commands refuses this one, what that throws.
   */
  propose(command: Command, options?: ProposeOptions): Promise<Result>;
  /**
   * Linearizable: sees every command that was acknowledged, anywhere, before the call.
   * @throws SynodError `NoLeader`, `Busy`, `Closed`, `Removed`, `InvalidArgument`; from a client in another process also `NoServer`,
   * `Forbidden`, `TooLarge`, `Malformed`. At a replica what `query` of the state machine throws passes through.
   */
  read(query: Query, options?: ReadOptions): Promise<Answer>;
  /**
   * Asks `query` of a replica's state now and after every change, and gives each answer that `StateMachine.watch` has for it, then
   * goes on with its `next`. Nothing is buffered: a consumer that is slow is answered with what there is when it comes back, which
   * for a state machine that forgets its history may be that it came too late. In order, but not linearizable: a replica may lag.
   * @throws SynodError out of the iteration: `Busy`, `Closed`, `Removed`, `InvalidArgument` where the state machine has no watches.
   */
  watch(query: Query, options?: WatchOptions): AsyncIterable<Watched<Query, Answer>>;
  /**
   * Opens a session for requests that the caller wants to try again under its own control. It belongs to the cluster: its tickets are good
   * wherever the cluster is spoken to.
   * @throws SynodError `NotProposed`, `OutcomeUnknown`, `Busy` also where the cluster has as many sessions as it may have, `Closed`, `Removed`,
   * `InvalidArgument`, `Forbidden` to a client without the role write.
   */
  openSession(options?: CallOptions): Promise<Session>;
}
