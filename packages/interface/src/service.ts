import type { SessionTicket } from "./ids.js";

export interface ProposeOptions {
  /** Gives up waiting. The call then rejects with `NotProposed` or `OutcomeUnknown`, never with the signal's own reason (which is the `cause`). */
  readonly signal?: AbortSignal;
  /** Executes at most once for this ticket, however often it is proposed. Without one the node's own session is used. */
  readonly session?: SessionTicket;
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
  /**
   * Who says what the read must not miss. `leader` by default: a round of the leader, or its lease alone if the cluster has leases.
   * `quorum`: a quorum of the members that this node asks itself; goes on where the leader is slow or gone. Both are linearizable.
   */
  readonly via?: "leader" | "quorum";
}

/** What an application talks to, embedded (`@synod/node`) or from another process. */
export interface Service<Command, Query, Result, Answer = Result> {
  /**
   * Replicates a command and settles with its result, executed exactly once.
   * @throws SynodError `NotProposed`, `OutcomeUnknown`, `Busy`, `Closed`, `SessionUnknown`, `SessionStale`, `InvalidCommand`, `TooLarge`.
   */
  propose(command: Command, options?: ProposeOptions): Promise<Result>;
  /**
   * Linearizable: sees every command that was acknowledged, anywhere, before the call.
   * @throws SynodError `NoLeader`, `Busy`, `Closed`.
   */
  read(query: Query, options?: ReadOptions): Promise<Answer>;
}
