import type { Ballot, Codec, SnapshotSink, Slot, StateMachine, Versions, Watched } from "@synod/interface";
import type { Outcome } from "./outcome.js";

export interface ReplicatedMachineOptions<Command, Query, Result, Answer = Result> {
  /** The automaton, in its start state. From here on it is driven by the replicated machine alone. */
  readonly stateMachine: StateMachine<Command, Query, Result, Answer>;
  /** Reads the bodies of commands. Whether it refuses bytes must depend on these bytes alone. */
  readonly commandCodec: Pick<Codec<Command>, "decode" | "decodeLasting">;
  /** Writes results; equal results give equal bytes. */
  readonly resultCodec: Pick<Codec<Result>, "encode">;
  /** Logged time after which an unused session is forgotten. Default 600,000. Equal on all replicas, for good. */
  readonly sessionTtlMs?: number;
  /** Most sessions at a time. Default 100,000. Equal on all replicas, for good. */
  readonly sessionsMax?: number;
  /** A session that keeps as many bytes of replies executes nothing more until its floor rises. Default 8 MiB. Equal on all replicas, for good. */
  readonly sessionReplyBytesMax?: number;
  /** What this node supports. Default: wire 1, `LOG_VERSION`, and the state machine's own `version`. */
  readonly supports?: Versions;
}

/** A snapshot under way. */
export interface MachineSnapshot {
  /** Everything up to this slot is in it. */
  readonly index: Slot;
  /** Chunks of at most 64 KiB, made as they are pulled; once. To give a snapshot up, call `chunks.return()`. */
  readonly chunks: Generator<Uint8Array, void>;
}

/** A state machine behind exactly-once sessions, fed by the chosen values of a log. */
export interface ReplicatedMachine<Query, Answer> {
  /** Last slot applied; 0 at the start. */
  readonly applied: Slot;
  /** Logged time in milliseconds. */
  readonly timeMs: number;
  /** Of the leader by whose clock `timeMs` goes: the highest of all batches applied; null at the start. What lower ones log does not advance the time. */
  readonly timedBy: Ballot | null;
  /** Hash of all values up to `applied`, 16 hexadecimal digits: equal where the logs are equal. */
  readonly chainHash: string;
  readonly sessionCount: number;
  /** In force, as the log says up to `applied`. */
  readonly versions: Versions;
  /** What this node supports, at most. */
  readonly supports: Versions;
  /**
   * Applies the chosen value of the next slot. A batch gives one outcome for each of its entries, in order; every other
   * value only counts and changes the chain hash.
   * @throws SynodError `InvariantViolated` if `slot` is not `applied` + 1; `Malformed` or `VersionUnsupported` for a batch
   * that cannot be read or raises a version above what this node supports (nothing has changed then); `ApplyFailed` if the state machine threw (its error is the cause). After `ApplyFailed` this machine is of no more use: the node stops.
   * @param isLasting whether nobody changes the bytes of the value any more, and the state may keep views of them: they are in memory
   * anyway, as those of a log that was read at a start. False if left out
   */
  apply(slot: Slot, value: Uint8Array, isLasting?: boolean): readonly Outcome[];
  /** Asks the state machine. Errors are its own. */
  query(query: Query): Answer;
  /** What the state machine has for who watches `query`; undefined if it offers no watches. Errors are its own. */
  watch(query: Query): Watched<Query, Answer> | null | undefined;
  /**
   * Short text that is equal where sessions, logged time, limits, versions and the state machine's own digest are equal, whatever
   * led there. Takes time in proportion to the stored replies.
   */
  digest(): string;
  /** What the state machine says of its own state; null if it offers no `digest`. Its cost is that of the state machine's. */
  machineDigest(): string | null;
  /** Earliest logged time at which a session expires or the state machine wants to be called; null if never. */
  nextDeadline(): number | null;
  /** The state as of this call; `apply` may go on while the chunks are pulled. */
  snapshot(): MachineSnapshot;
  /**
   * Replaces the state by that of a snapshot. Its chunks are written one at a time and may be cut in any way; the state is that
   * of the snapshot after `end`. A restore that was not brought to its end is given up by beginning another one.
   * `write` and `end` throw SynodError `InvariantViolated` for one below `applied`; `InvalidConfiguration` if it was made with other
   * session limits; `VersionUnsupported` if its versions are above what this node supports; `Malformed`; besides what the state machine's `restore` throws. If it fails
   * after that began, the machine refuses everything but another `restore`; otherwise nothing has changed.
   */
  restore(): SnapshotSink;
}
