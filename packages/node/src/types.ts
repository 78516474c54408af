import type {
  CallOptions,
  ChangeOptions,
  Clock,
  Codec,
  Configuration,
  DirectService,
  Learning,
  LeaseTerms,
  Logger,
  Member,
  MembershipChange,
  Metrics,
  NodeId,
  NodeStatus,
  QuorumSpec,
  Random,
  Service,
  SessionId,
  SnapshotInfo,
  Slot,
  Storage,
  Transport,
  StateMachine,
  Versions,
} from "@synod/interface";
import type { Envelope } from "@synod/multipaxos";
import type { NodeEvent } from "./status-types.js";

export type * from "./status-types.js";
export type { ChangeOptions, MembershipChange, NewMember, Session } from "@synod/interface";

/** The cluster as its founders agree on it. The same for every node. */
export interface ClusterOptions {
  /** Tells clusters apart: frames and stores of another one are refused. */
  readonly id: string;
  /** The founding members, for good: what changes later is in the log. This node is one of them, unless `join` is given. */
  readonly members: readonly Member[];
  /** Where members listen that are no founders, for a node that only knows old members by itself. */
  readonly contacts?: readonly Member[];
  /** Majority by default. Used only when the store is formatted. */
  readonly quorum?: QuorumSpec;
  /** Slots that may be open above the chosen prefix, 1,024 by default. Used only when the store is formatted. */
  readonly alpha?: number;
  /**
   * Leader leases, off by default: the leader answers reads without asking anybody, as long as every clock keeps the bound. See LIMITS.
   * Used only when the store is formatted.
   */
  readonly lease?: LeaseTerms;
  /**
   * How members learn what is chosen before the leader says so: `"allToAll"` costs messages and saves the others a delay, `"onAccept"` saves it
   * where two votes decide (three servers). By default the leader says it. Used only when the store is formatted.
   */
  readonly learning?: Learning;
  /**
   * Of a cluster that was restored from a backup: the mark of it that the restore prints and `dump` shows. Who joins later needs it, since nodes with
   * different ones never talk. Used only when the store is formatted.
   */
  readonly origin?: string;
}

/** A node that is no founder. The log says what it is; until then it follows and counts nowhere. */
export interface JoinOptions {
  /** Where this node's transport listens. */
  readonly address?: string;
  readonly name?: string;
}

/** Local limits and times. Each has a default. */
export interface NodeLimits {
  /** A peer silent for this long counts as gone; 250 by default. */
  readonly electionTimeoutMs: number;
  /** Calls under way at this node, in bytes, 1 KiB added for each; 64 MiB by default. Beyond it `propose` rejects with `Busy`. */
  readonly queueBytesMax: number;
  /**
   * A call that would have to wait longer than this, as fast as calls end lately, is refused with `Busy` at once; 5,000 by default. Small
   * values keep those that are let in fast under overload: a few times of what a call takes.
   */
  readonly queueWaitMs: number;
  /** Commands without a session ticket that this node may have under way, 4,096 by default. Further ones wait. */
  readonly inFlightCommandsMax: number;
  /** A batch is cut at this size; 64 KiB by default. */
  readonly batchBytesMax: number;
  /** Largest single command; 1 MiB by default. */
  readonly commandBytesMax: number;
  /** `propose`, and opening and closing a session, give up after this unless the caller says otherwise; 10,000 by default. */
  readonly proposeTimeoutMs: number;
  /** `read` and `readStale` give up after this unless the caller says otherwise; 10,000 by default. */
  readonly readTimeoutMs: number;
  /** Values that are chosen but not yet executed; 64 MiB by default. Beyond it nothing new is proposed, or taken from the leader. */
  readonly applyBytesMax: number;
  /** Values on the way to one peer that it has not answered, and values that wait for the disk of this node; 16 MiB by default. */
  readonly peerBytesMax: number;
  /** Nodes hold their states against each other after each so many slots, or fewer where that takes long; 1,024 by default. A power of two. */
  readonly digestEverySlots: number;
  /** Bytes of log executed after which a snapshot is taken, half the size of the last one at least; 64 MiB by default. */
  readonly snapshotLogBytes: number;
  /** Bytes of log that a snapshot has already and that are kept for peers a little behind; 16 MiB by default. */
  readonly snapshotTailBytesMax: number;
  /** Part of a snapshot that is asked for at once, of which eight may be on their way; 128 KiB by default. */
  readonly snapshotChunkBytes: number;
}

export interface NodeOptions<Command, Query, Result, Answer = Result> {
  readonly id: NodeId;
  readonly cluster: ClusterOptions;
  readonly stateMachine: StateMachine<Command, Query, Result, Answer>;
  readonly transport: Transport;
  readonly storage: Storage;
  /** Messages between replicas to bytes. */
  readonly codec: Codec<Envelope>;
  /** Commands to bytes: applied once, by the node that proposes. */
  readonly commandCodec: Codec<Command>;
  /** Results to bytes. By default the command codec, which then must be able to carry them: `createNode` wants one where the type says otherwise. */
  readonly resultCodec?: Codec<Result>;
  /** Formats the blank store of a founder. An explicit act: a node whose disk was lost must not be bootstrapped again under the same id. */
  readonly bootstrap?: boolean;
  /** Of two nodes that could lead, the one with the higher priority goes first; an integer from 0 up, 0 by default. A preference, never a condition. */
  readonly priority?: number;
  /**
   * As a leader, sends values to the fastest phase-2 quorum alone, and to the other voters where that does not answer within half an
   * election timeout: fewer messages, while those others are up to an eighth of it behind. Off by default.
   */
  readonly thrifty?: boolean;
  /** For a node that is no founder; at every start. With `bootstrap` its blank store is formatted: it may vote nowhere until the log says so. */
  readonly join?: JoinOptions;
  readonly limits?: Partial<NodeLimits>;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  /** For simulators: takes a rare path on purpose wherever it returns true. Never given in production. */
  readonly buggify?: Buggify;
  /**
   * When a leader puts versions in force that all members support by now: at once, or only after `raiseVersions()` was called at it.
   * "automatic" by default; equal on all nodes. Until they are raised, every node can go back to the release before.
   */
  readonly upgrade?: "automatic" | "manual";
  /** For simulators: pretends another release than this one. Never given in production. */
  readonly supports?: Partial<Versions>;
  /** For simulators: milliseconds of logged time after which an unused session is forgotten, in place of 10 minutes. Equal on all nodes. Never given in production. */
  readonly sessionTtlMs?: number;
}

/** What `createNode` takes: where results are no commands, the command codec knows nothing of them, and they need one of their own. */
export type CreateNodeOptions<Command, Query, Result, Answer = Result> = NodeOptions<Command, Query, Result, Answer> &
  ([Result] extends [Command] ? unknown : { readonly resultCodec: Codec<Result> });

/** A voter without a state machine: what `createNode` takes, but for all that has to do with commands and leading. */
export type WitnessOptions = Omit<
  NodeOptions<never, never, never>,
  "stateMachine" | "commandCodec" | "resultCodec" | "priority" | "thrifty" | "upgrade"
>;

/** A running witness. It takes no commands and answers no reads. */
export interface WitnessNode
  extends Pick<SynodNode<never, never, never>, "id" | "status" | "changeMembership" | "events">,
    AsyncDisposable {
  /** Closes transport and storage. May be called twice. */
  close(): Promise<void>;
}

/** Paths that are rare and always allowed; which of them to take is up to a simulator. */
export type BuggifyPoint =
  | "one event a turn"
  | "one entry a batch"
  | "one value executed a turn"
  | "no write this turn"
  | "sent again at once";

export type Buggify = (point: BuggifyPoint) => boolean;

/** What ends the wait, but not the hand-over: `signal`. What ends both: `timeoutMs`, which is finite. */
export interface TransferOptions extends CallOptions {
  readonly to?: NodeId;
}

export interface CloseOptions {
  readonly transferTimeoutMs?: number;
}
/** How old the answer of a stale read may be. All that is given must hold; with nothing given whatever is there is the answer. */
export interface StaleReadOptions extends CallOptions {
  /** The answer has every command that was acknowledged, anywhere, this long before the call or earlier. By the clock of this node. */
  readonly maxAgeMs?: number;
  /**
   * The answer lacks at most so many slots of what this node and the peers that it heard within the last election timeout know as
   * chosen. If they are too few to be sure, the node asks a quorum.
   */
  readonly maxSlots?: number;
  /** The answer has everything up to this slot: the `asOf` of an earlier answer, or `applied` of a node after a command settled there. */
  readonly atLeast?: Slot;
}

export interface StaleAnswer<Answer> {
  readonly answer: Answer;
  /** The answer has every command up to this slot and none above it. Give it as `atLeast` to never go back in time, at any node. */
  readonly asOf: Slot;
  /** The answer has every command acknowledged this long ago or earlier, for sure; Infinity if nobody vouched for this node yet. */
  readonly ageMs: number;
}

/** One replica, running. */
export interface SynodNode<Command, Query, Result, Answer = Result>
  extends Service<Command, Query, Result, Answer>,
    AsyncDisposable {
  readonly id: NodeId;
  /** This node for who has commands and wants results as the bytes of their codecs, such as a server: they go untouched to the log. */
  readonly encoded: Service<Uint8Array, Query, Uint8Array, Answer>;
  /** The same without promises and signals. */
  readonly direct: DirectService<Query, Answer>;
  /** Everything up to this slot is executed here. */
  readonly applied: Slot;
  /**
   * Reads what this node has, which may be old: not linearizable. Answers at once where the bounds are met already; where not, waits, and
   * asks a quorum where that helps, up to its time limit.
   * @throws SynodError `TooStale` where the bounds cannot be met in time, `InvalidArgument`, `Busy`, `Closed`.
   */
  readStale(query: Query, options?: StaleReadOptions): Promise<StaleAnswer<Answer>>;
  /** Gives up a session that was opened at any node; settles when it is gone, also where it was gone before. */
  closeSession(session: SessionId, options?: CallOptions): Promise<void>;
  /**
   * With `upgrade: "manual"`: from now on this node, where it leads, puts in force what all members support. There is no way back to the
   * release before from there. Call it at the leader, or at every node; it holds until the process ends.
   */
  raiseVersions(): void;
  status(): NodeStatus;
  /**
   * Changes the members, the quorums or an address, from any node. Settles when the change is complete: until then a member that it
   * removes must go on running.
   * @returns the configuration in force then
   * @throws SynodError `EpochMismatch`, `ChangeUnderWay`, `IdRetired`, `LearnerBehind`, `InvalidConfiguration`, `InvalidArgument`,
   * `NotProposed`, `OutcomeUnknown`, `Removed`, `Closed`.
   */
  changeMembership(change: MembershipChange, options?: ChangeOptions): Promise<Configuration>;
  /**
   * Takes a snapshot of everything executed so far, whatever the limits say; settles when it is on disk. Where one is being taken
   * already it is that one. Rejects with `Busy` while one of a peer is on its way. By default it has no time limit; what the caller does not
   * wait for any more goes on, and the call rejects with `OutcomeUnknown`.
   */
  snapshot(options?: CallOptions): Promise<SnapshotInfo>;
  /**
   * Digest of sessions and state machine: equal on all nodes at equal `applied`. Takes time in proportion to the state. Throws
   * `Busy` while the snapshot of a peer is being installed.
   */
  digest(): { readonly applied: Slot; readonly digest: string };
  /** Events from now on. A consumer that falls 1,024 events behind loses the oldest. Ends when the node closes. */
  events(options?: { readonly signal?: AbortSignal }): AsyncIterable<NodeEvent>;
  /**
   * Hands the leadership over, without a gap for writers that another election would make: to `to`, or to the member that is best
   * prepared. This leader goes on until that member has almost everything; commands that come in while the new leader is elected wait.
   * @returns the new leader
   * @throws SynodError `NotTransferred` if this node does not lead, or the other does not take over within `timeoutMs` (5,000 by default);
   * in that case this node goes on leading. `OutcomeUnknown` once the signal aborts, or this node stops: the hand-over goes on. `InvalidArgument` for a target
   * that is no other member.
   */
  transferLeadership(options?: TransferOptions): Promise<NodeId>;
  /**
   * A leader hands over first, for at most `transferTimeoutMs` (four election timeouts by default; 0: not at all), so that a rolling restart
   * has no visible gap; it takes no new calls meanwhile. Then: settles open calls, waits for the write under way, closes transport and
   * storage. May be called twice.
   */
  close(options?: CloseOptions): Promise<void>;
}
