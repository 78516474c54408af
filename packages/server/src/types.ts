import type {
  ChangeOptions,
  Clock,
  Codec,
  Configuration,
  DirectService,
  Logger,
  MembershipChange,
  Metrics,
  NodeId,
  NodeStatus,
  Service,
  SessionId,
  SnapshotInfo,
  Storage,
} from "@synod/interface";
import type { Role, Tls, TlsMaterial } from "@synod/client/protocol";

/** What a server needs of the node that it serves; a `SynodNode` of @synod/node has all of it. */
export interface ServedNode<Query, Answer> {
  readonly id: NodeId;
  readonly encoded: Service<Uint8Array, Query, Uint8Array, Answer>;
  readonly direct: DirectService<Query, Answer>;
  openSession(options?: { readonly signal?: AbortSignal }): Promise<{ readonly id: SessionId; readonly limit: number }>;
  closeSession(session: SessionId, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /** Administrators are told all of it. */
  status(): NodeStatus;
  events(options?: { readonly signal?: AbortSignal }): AsyncIterable<{ readonly kind: string }>;
  changeMembership(change: MembershipChange, options?: ChangeOptions): Promise<Configuration>;
  transferLeadership(options?: { readonly to?: NodeId; readonly timeoutMs?: number }): Promise<NodeId>;
  snapshot(): Promise<SnapshotInfo>;
}

/** Where the snapshots of the node can be read: its storage. */
export type SnapshotSource = Pick<Storage, "readSnapshot">;

/** Who may connect, and what for. */
export interface ClientToken {
  readonly token: string;
  /** `read`: reads and watches. `write`: also proposals. `admin`: also changes of the members, transfers, snapshots and status. */
  readonly role: Role;
}

/** Of one server. Each has a default. */
export interface ServerLimits {
  /** Connections at a time; 10,000 by default. */
  readonly connectionsMax: number;
  /** Longest frame from a client; 4 MiB and 64 KiB by default, which holds the largest command that a node may take. */
  readonly frameBytesMax: number;
  /** Open requests of one connection, without watches; 1,024 by default. */
  readonly requestsMax: number;
  /** Their bytes; 16 MiB by default. */
  readonly requestBytesMax: number;
  /** Requests of all connections that are not whole yet, or open, with 512 bytes added for each; 256 MiB by default. Beyond it new ones are refused with `Busy`. */
  readonly inputBytesTotalMax: number;
  /** Open watches of one connection, and `requestBytesMax` in bytes; 4,096 by default. */
  readonly watchesMax: number;
  /** Open watches of all connections; 50,000 by default, half of what a node takes. */
  readonly watchesTotalMax: number;
  /** Requests of one connection in a second, with as many at once; 1,000,000 by default: a flood, not a busy client. */
  readonly requestsPerSecondMax: number;
  /** Answers that one client has not taken yet; 64 MiB by default. At half of it nothing more is read from this client. */
  readonly outputBytesMax: number;
  /** Answers that all clients together have not taken yet; 512 MiB by default. Beyond it answers of reads and watches, and all new requests, are refused with `Busy`; at twice of it the client that has taken least is disconnected. */
  readonly outputBytesTotalMax: number;
  /** A client that takes nothing of what waits for it for so long is disconnected; 10,000 by default. */
  readonly outputStallMs: number;
  /** Time for TLS and handshake; 5,000 by default. */
  readonly handshakeTimeoutMs: number;
  /** A connection on which no whole frame came for so long is ended; 30,000 by default. Clients send something three times as often. */
  readonly idleTimeoutMs: number;
  /** A watch is sent elsewhere when the node has seen no working leader for so long: it would hear of nothing; 2,000 by default. */
  readonly leaderlessMs: number;
}

/** What all connections of a server hold together. */
export interface Totals {
  watches: number;
  /** Frames that are not whole yet, and open requests. */
  inputBytes: number;
  /** Answers that were not taken yet. */
  heldBytes: number;
}

export interface ServerTlsMaterial extends TlsMaterial {
  readonly key: string | Uint8Array;
  readonly cert: string | Uint8Array;
}

/** What a client may do that shows a certificate of this name. */
export interface CertificateRole {
  /** One of its subject alternative names: a DNS name or a URI. */
  readonly name: string;
  readonly role: Role;
}

export interface ServeOptions<Query, Answer> {
  /** Id of the cluster, which is that of the node. */
  readonly cluster: string;
  /** `host:port`; port 0 takes a free one. */
  readonly listen: string;
  /** As the clients have them. */
  readonly queryCodec: Codec<Query>;
  readonly answerCodec: Codec<Answer>;
  readonly tokens?: readonly ClientToken[];
  /** What a client may do that gives no token and shows one of these certificates; with several names the one that may most. Needs `tls` with `ca`. */
  readonly certificateRoles?: readonly CertificateRole[];
  /**
   * What any other client may do: `admin` by default if there are no tokens, certificate roles and certificates at all; if there are tokens or certificate roles, it
   * is refused. With `tls` and `ca` alone it must be given: every certificate of that authority then has this role.
   */
  readonly anonymousRole?: Role;
  /**
   * TLS: the certificate names this node, as `nodeUri(cluster, id)` says. With `ca` clients must show a certificate that it signed. A function
   * is asked for every new connection.
   */
  readonly tls?: Tls<ServerTlsMaterial>;
  /** The storage of the node, so that clients with the role `admin` can fetch its snapshots; without it they cannot. */
  readonly storage?: SnapshotSource;
  readonly limits?: Partial<ServerLimits>;
  readonly logger?: Logger;
  readonly metrics?: Metrics;
  /** For tests. */
  readonly clock?: Pick<Clock, "now" | "timer">;
}

export interface ServerStatus {
  /** `draining`: takes no new connections and requests. */
  readonly state: "serving" | "draining" | "closed";
  readonly address: string;
  readonly connections: number;
  /** Open requests of all connections, without watches. */
  readonly requests: number;
  readonly watches: number;
}

export interface CloseServerOptions {
  /** How long open requests may take to end; 5,000 by default. What is open then is given up. */
  readonly drainTimeoutMs?: number;
}

/** Lets clients in to one node. */
export interface Server extends AsyncDisposable {
  /** Where it listens, `host:port` with the real port. */
  readonly address: string;
  status(): ServerStatus;
  /** Tells clients to go elsewhere, lets open requests end, closes all connections. The node goes on. May be called twice. */
  close(options?: CloseServerOptions): Promise<void>;
}
