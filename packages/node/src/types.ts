import type {
  Clock,
  Codec,
  Configuration,
  LeaseTerms,
  Logger,
  Member,
  Metrics,
  NodeId,
  QuorumSpec,
  Random,
  Service,
  SessionTicket,
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
  /**
   * Leader leases, off by default: the leader answers reads without asking anybody, as long as every clock keeps the bound. See LIMITS.
   * Used only when the store is formatted.
   */
  readonly lease?: LeaseTerms;
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
  /** For how long the lease of this leader still holds; null if it has none. */
  readonly leaseLeftMs: number | null;
  readonly openSlots: number;
  readonly queuedCommands: number;
  readonly queuedBytes: number;
  readonly sessions: number;
  readonly peers: readonly NodePeerStatus[];
  /** Syncs and writes to storage so far, and the time of the last one. */
  readonly storage: { readonly writes: number; readonly lastWriteMs: number };
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

/** How old the answer of a stale read may be. All that is given must hold; with nothing given whatever is there is the answer. */
export interface StaleReadOptions {
  /** The answer has every command that was acknowledged, anywhere, this long before the call or earlier. By the clock of this node. */
  readonly maxAgeMs?: number;
  /**
   * The answer lacks at most so many slots of what this node and the peers that it heard within the last election timeout know as
   * chosen. If they are too few to be sure, the node asks a quorum.
   */
  readonly maxSlots?: number;
  /** The answer has everything up to this slot: the `asOf` of an earlier answer, or `applied` of a node after a command settled there. */
  readonly atLeast?: Slot;
  readonly signal?: AbortSignal;
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
  /** Everything up to this slot is executed here. */
  readonly applied: Slot;
  /**
   * Reads what this node has, which may be old: not linearizable. Answers at once where the bounds are met already; where not, waits, and
   * asks a quorum where that helps, up to `readTimeoutMs`.
   * @throws SynodError `TooStale` where the bounds cannot be met in time, `InvalidArgument`, `Busy`, `Closed`.
   */
  readStale(query: Query, options?: StaleReadOptions): Promise<StaleAnswer<Answer>>;
  /** Opens a session for requests that the caller wants to retry under its own control. */
  openSession(options?: { readonly signal?: AbortSignal }): Promise<NodeSession>;
  status(): NodeStatus;
  /** Digest of sessions and state machine: equal on all nodes at equal `applied`. Takes time in proportion to the state. */
  digest(): { readonly applied: Slot; readonly digest: string };
  /** Events from now on. A consumer that falls 1,024 events behind loses the oldest. Ends when the node closes. */
  events(options?: { readonly signal?: AbortSignal }): AsyncIterable<NodeEvent>;
  /** Settles open calls, waits for the write under way, closes transport and storage. May be called twice. */
  close(): Promise<void>;
}
