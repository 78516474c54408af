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
  /** The founding members, for good: what changes later is in the log. This node is one of them, unless `join` is given. */
  readonly members: readonly Member[];
  /** Where members listen that are no founders, for a node that only knows old members by itself. */
  readonly contacts?: readonly Member[];
  /** Majority by default. Used only when the store is formatted. */
  readonly quorum?: QuorumSpec;
  /** Slots that may be open above the chosen prefix, 1,024 by default. Used only when the store is formatted. */
  readonly alpha?: number;
}

/** A node that is no founder. The log says what it is; until then it follows and counts nowhere. */
export interface JoinOptions {
  /** Where this node's transport listens. */
  readonly address?: string;
  readonly name?: string;
}

/** A member to be added. Its id must never have been a member before. */
export interface NewMember {
  readonly id: NodeId;
  readonly address?: string;
  readonly name?: string;
  /** Of its store, as its `status()` says; with it no other disk is taken for it. */
  readonly storeId?: string;
}

/** A change of the members. One at a time. */
export type MembershipChange =
  /** As a learner first; as soon as it has caught up it becomes a voter, unless it is added as a learner. */
  | {
      readonly kind: "add";
      readonly member: NewMember;
      readonly as?: "voter" | "learner";
      readonly quorum?: QuorumSpec;
    }
  | { readonly kind: "remove"; readonly id: NodeId; readonly quorum?: QuorumSpec }
  /** A learner becomes a voter. */
  | { readonly kind: "promote"; readonly id: NodeId; readonly quorum?: QuorumSpec }
  /** Adds a new id, which takes over name and address, and removes the old one when the new one has caught up: for a lost disk. */
  | { readonly kind: "replace"; readonly id: NodeId; readonly with: NewMember }
  | { readonly kind: "setAddress"; readonly id: NodeId; readonly address: string }
  | { readonly kind: "setQuorum"; readonly quorum: QuorumSpec; readonly alpha?: number };

export interface ChangeOptions {
  readonly signal?: AbortSignal;
  /** Refuses with `EpochMismatch` unless the newest configuration has this epoch. */
  readonly expectedEpoch?: number;
  /** Gives up after this; 60,000 by default. */
  readonly timeoutMs?: number;
}

/** Who takes part. */
export interface NodeMembership {
  /** Of the newest configuration that this node knows. */
  readonly epoch: number;
  /** The newest change, while it is not known to be complete: it governs from slot `from`. */
  readonly change: { readonly epoch: number; readonly from: Slot } | null;
  /** How many slots each learner lacks, as far as this node has heard. */
  readonly learners: readonly { readonly id: NodeId; readonly lag: Slot | null }[];
  /** Failures of members, whichever they are, that the cluster survives: now, as seen from here, and with all members up. -1: none decides. */
  readonly tolerates: { readonly now: number; readonly expected: number; readonly text: string };
  /** This node was removed as of this epoch; while it may not stop, others may need its disk. */
  readonly removed: { readonly epoch: number; readonly mayStop: boolean } | null;
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
  /** For a node that is no founder; at every start. With `bootstrap` its blank store is formatted: it may vote nowhere until the log says so. */
  readonly join?: JoinOptions;
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
  /** `failed`: stopped by itself; `failure` says why. `removed`: it is no member any more, and nobody needs it. */
  readonly state: "starting" | "running" | "failed" | "removed" | "closed";
  readonly failure: SynodError | null;
  readonly role: "leader" | "candidate" | "follower";
  readonly leader: NodeId | null;
  /** Ballot of the leader that this node follows, or of the own candidacy or leadership. */
  readonly ballot: Ballot | null;
  readonly promised: Ballot | null;
  /** That governs the next slot. */
  readonly configuration: Configuration;
  readonly membership: NodeMembership;
  /** Of this node's store. */
  readonly storeId: string;
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
  /** A change of the members was chosen. */
  | { readonly kind: "configuration"; readonly configuration: Configuration; readonly from: Slot }
  | { readonly kind: "changeComplete"; readonly epoch: number }
  /** This node was removed; with `mayStop` it stops. */
  | { readonly kind: "removed"; readonly epoch: number; readonly mayStop: boolean }
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
   * Changes the members, the quorums or an address, from any node. Settles when the change is complete: until then a member that it
   * removes must go on running.
   * @returns the configuration in force then
   * @throws SynodError `EpochMismatch`, `ChangeUnderWay`, `IdRetired`, `LearnerBehind`, `InvalidConfiguration`, `InvalidArgument`,
   * `NotProposed`, `OutcomeUnknown`, `Removed`, `Closed`.
   */
  changeMembership(change: MembershipChange, options?: ChangeOptions): Promise<Configuration>;
  /** Digest of sessions and state machine: equal on all nodes at equal `applied`. Takes time in proportion to the state. */
  digest(): { readonly applied: Slot; readonly digest: string };
  /** Events from now on. A consumer that falls 1,024 events behind loses the oldest. Ends when the node closes. */
  events(options?: { readonly signal?: AbortSignal }): AsyncIterable<NodeEvent>;
  /** Settles open calls, waits for the write under way, closes transport and storage. May be called twice. */
  close(): Promise<void>;
}
