import type {
  Clock,
  Codec,
  Configuration,
  Logger,
  Member,
  Metrics,
  NodeId,
  QuorumSpec,
  Random,
  Service,
  SessionTicket,
  SnapshotInfo,
  Slot,
  Storage,
  SynodError,
  Transport,
  Ballot,
  StateMachine,
} from "@synod/interface";
import type { Envelope } from "@synod/multipaxos";

/** The cluster as its founders agree on it. The same for every node. */
export interface ClusterOptions {
  /** Tells clusters apart: frames and stores of another one are refused. */
  readonly id: string;
  /** The founding members, this node included. */
  readonly members: readonly Member[];
  /** Majority by default. Used only when the store is formatted. */
  readonly quorum?: QuorumSpec;
  /** Slots that may be open above the chosen prefix, 1,024 by default. Used only when the store is formatted. */
  readonly alpha?: number;
}

/** Local limits and times. Each has a default. */
export interface NodeLimits {
  /** A peer silent for this long counts as gone; 250 by default. */
  readonly electionTimeoutMs: number;
  /** Calls under way at this node, in bytes, 1 KiB added for each; 64 MiB by default. Beyond it `propose` rejects with `Busy`. */
  readonly queueBytesMax: number;
  /** Commands without a session ticket that this node may have under way, 4,096 by default. Further ones wait. */
  readonly inFlightCommandsMax: number;
  /** A batch is cut at this size; 64 KiB by default. */
  readonly batchBytesMax: number;
  /** Largest single command; 1 MiB by default. */
  readonly commandBytesMax: number;
  /** `propose` gives up after this if the caller's signal does not end it before; 10,000 by default. */
  readonly proposeTimeoutMs: number;
  /** `read` gives up after this; 10,000 by default. */
  readonly readTimeoutMs: number;
  /** Values that are chosen but not yet executed; 64 MiB by default. */
  readonly applyBytesMax: number;
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
  /** Results to bytes. By default the command codec, which then must be able to carry them. */
  readonly resultCodec?: Codec<Result>;
  /** Formats the blank store of a founder. An explicit act: a node whose disk was lost must not be bootstrapped again under the same id. */
  readonly bootstrap?: boolean;
  readonly limits?: Partial<NodeLimits>;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  /** For simulators: takes a rare path on purpose wherever it returns true. Never given in production. */
  readonly buggify?: Buggify;
}

/** Paths that are rare and always allowed; which of them to take is up to a simulator. */
export type BuggifyPoint =
  | "one event a turn"
  | "one entry a batch"
  | "one value executed a turn"
  | "no write this turn"
  | "sent again at once";

export type Buggify = (point: BuggifyPoint) => boolean;

/** What a node says of itself. */
export interface NodeStatus {
  readonly id: NodeId;
  readonly clusterId: string;
  /** `failed`: stopped by itself; `failure` says why. */
  readonly state: "starting" | "running" | "failed" | "closed";
  readonly failure: SynodError | null;
  readonly role: "leader" | "candidate" | "follower";
  readonly leader: NodeId | null;
  /** Ballot of the leader that this node follows, or of the own candidacy or leadership. */
  readonly ballot: Ballot | null;
  readonly promised: Ballot | null;
  readonly configuration: Configuration;
  /** Whether this node sees a working leader. */
  readonly content: boolean;
  readonly chosenUpTo: Slot;
  readonly durableUpTo: Slot;
  readonly applied: Slot;
  /** Commands executed here since the store was formatted, repeats not counted. */
  readonly commandsApplied: number;
  /** Hash over all executed values: equal at equal `applied`. */
  readonly chainHash: string;
  readonly openSlots: number;
  readonly queuedCommands: number;
  readonly queuedBytes: number;
  readonly sessions: number;
  readonly peers: readonly NodePeerStatus[];
  readonly snapshot: NodeSnapshotStatus;
  /** Syncs and writes to storage so far, and the time of the last one. */
  readonly storage: { readonly writes: number; readonly lastWriteMs: number };
}

/** The snapshot of this node, and what is being done about snapshots. */
export interface NodeSnapshotStatus {
  /** Everything up to this slot is in it; 0: there is none. */
  readonly index: Slot;
  readonly bytes: number;
  /** Since it was taken or installed; null where that was in an earlier life. */
  readonly ageMs: number | null;
  /** Being taken, with the bytes so far. */
  readonly taking: { readonly index: Slot; readonly bytes: number } | null;
  /** On its way from a peer (null: a peer that has it is looked for), with its size and what has come. */
  readonly receiving: {
    readonly index: Slot;
    readonly bytes: number;
    readonly received: number;
    readonly from: NodeId | null;
  } | null;
  /** The state machine takes one in: until it has, nothing is executed and reads wait. */
  readonly installing: boolean;
  /** Peers that were served, and up to which byte. */
  readonly sending: readonly { readonly to: NodeId; readonly index: Slot; readonly offset: number }[];
}

export interface NodePeerStatus {
  readonly id: NodeId;
  readonly address?: string;
  readonly connected: boolean;
  /** Answered within the last election timeout. */
  readonly heard: boolean;
  /** Why its frames are refused, e.g. that it was formatted with other founders; null if they are not. */
  readonly refused: string | null;
}

/** Changes worth a log line or a row on a screen. */
export type NodeEvent =
  | { readonly kind: "leader"; readonly leader: NodeId | null; readonly ballot: Ballot | null }
  | { readonly kind: "elected"; readonly ballot: Ballot }
  | { readonly kind: "leadershipEnded"; readonly ballot: Ballot; readonly reason: string }
  | { readonly kind: "campaign"; readonly ballot: Ballot }
  | { readonly kind: "snapshotTaken"; readonly index: Slot; readonly bytes: number }
  | { readonly kind: "snapshotInstalled"; readonly index: Slot; readonly bytes: number }
  | { readonly kind: "peerUp"; readonly peer: NodeId }
  | { readonly kind: "peerDown"; readonly peer: NodeId }
  | { readonly kind: "failed"; readonly error: SynodError };

/** A session opened through the log: gives out tickets, each for one request. */
export interface NodeSession {
  /**
   * The ticket of the next request. Use the same ticket to try the same request again after `OutcomeUnknown`.
   * @throws SynodError `Busy` while as many requests are open as the session may have.
   */
  ticket(): SessionTicket;
  /** The request of this ticket needs no more retries: its reply was received or given up. */
  done(ticket: SessionTicket): void;
  /** Gives the session up: its tickets are of no more use. Otherwise the cluster forgets it 10 minutes of logged time after its last use. */
  close(): Promise<void>;
}

/** One replica, running. */
export interface SynodNode<Command, Query, Result, Answer = Result>
  extends Service<Command, Query, Result, Answer>,
    AsyncDisposable {
  readonly id: NodeId;
  /** Opens a session for requests that the caller wants to retry under its own control. */
  openSession(options?: { readonly signal?: AbortSignal }): Promise<NodeSession>;
  status(): NodeStatus;
  /**
   * Takes a snapshot of everything executed so far, whatever the limits say; settles when it is on disk. Where one is being taken
   * already it is that one. Rejects with `Busy` while one of a peer is on its way.
   */
  snapshot(): Promise<SnapshotInfo>;
  /**
   * Digest of sessions and state machine: equal on all nodes at equal `applied`. Takes time in proportion to the state. Throws
   * `Busy` while the snapshot of a peer is being installed.
   */
  digest(): { readonly applied: Slot; readonly digest: string };
  /** Events from now on. A consumer that falls 1,024 events behind loses the oldest. Ends when the node closes. */
  events(options?: { readonly signal?: AbortSignal }): AsyncIterable<NodeEvent>;
  /** Settles open calls, waits for the write under way, closes transport and storage. May be called twice. */
  close(): Promise<void>;
}
