import type { SessionId, Slot } from "./ids.js";
import type { Watched } from "./service.js";

/** What `apply` may know besides the command. The same on every replica. */
export interface ApplyContext {
  readonly slot: Slot;
  /** Position in the batch of the slot, from 0: (slot, index) is unique and grows. */
  readonly index: number;
  /** Logged time in milliseconds since the cluster was formatted; never falls, and stands still while nothing is logged. */
  readonly timeMs: number;
  readonly session: SessionId;
  /**
   * Version of the state machine in force, from 1. Where two releases apply a command differently, branch on this and never on
   * the release that runs: the same command must do the same on a replica that is not upgraded yet.
   */
  readonly machineVersion: number;
}

/** What `tick` may know. The same on every replica. */
export type TickContext = Pick<ApplyContext, "slot" | "timeMs" | "machineVersion">;

export interface Applied<Result> {
  readonly result: Result;
  /** What observers are told; not part of the state. */
  readonly events?: readonly unknown[];
}

/** Takes the chunks of a snapshot, one at a time; synchronous. What throws here ends the restore. */
export interface SnapshotSink {
  write(chunk: Uint8Array): void;
  /** All chunks have come: from now on the state is that of the snapshot. */
  end(): void;
}

/**
 * A deterministic automaton: the same commands in the same order give the same state and results on every replica. It
 * must not use clocks, random numbers, I/O, or the order of anything that is not itself determined by commands.
 * An exception from `apply` or `query` is a bug of the state machine; one from `apply` stops the node (`ApplyFailed`).
 * State machine replication: Schneider 1990; Paxos Made Simple, section 3.
 */
export interface StateMachine<Command, Query, Result, Answer = Result> {
  /** Supports every `machineVersion` from 1 to this; 1 if left out. Raise it when `apply` is to do something else than before. */
  readonly version?: number;
  apply(command: Command, context: ApplyContext): Applied<Result>;
  /** Reads without changing anything. */
  query(query: Query): Answer;
  /**
   * What there is to tell who watches `query`, or null if nothing has happened yet. Changes nothing; asked of every watch again after
   * commands were executed, so cheap where nothing happened. Without this method there are no watches.
   */
  watch?(query: Query): Watched<Query, Answer> | null;
  /** The state as of the call, in chunks that are pulled later while `apply` goes on. */
  snapshot(): Iterable<Uint8Array>;
  /**
   * Replaces the state by that of a snapshot, whose chunks come as `snapshot` gave them, over many turns: the old state may be
   * gone from here on, and nothing else is called until `end`, unless this restore is given up and another one begins.
   */
  restore(): SnapshotSink;
  /**
   * Short text that is equal where the states are equal; its first 255 characters count. Nodes hold these texts against each other
   * now and then, the more rarely the longer it takes. Cheap where the machine keeps a hash of its own up to date. A release that writes
   * it in another way needs a higher `version`: until that is in force its nodes are not asked for a digest to compare.
   */
  digest?(): string;
  /**
   * Logged time at which `tick` is to be called even if no command comes, or null. A function of the state alone, as `apply` made it: every replica
   * asks it at the same place of the log and has to get the same answer, or their states part. Above the logged time of the last call; what is not
   * is as good as null.
   */
  nextDeadline?(): number | null;
  /**
   * Logged time has reached `nextDeadline`: called once for the slot that brought it, before its commands. Deterministic like `apply`: the time is in
   * the context, no clock is to be read; where much
   * is due, do some of it and ask for more by `nextDeadline`.
   */
  tick?(context: TickContext): void;
}
