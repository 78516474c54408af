import type { Socket } from "node:net";
import type { Incarnation, Lane, Logger, Metrics, NodeId, Random } from "@synod/interface";
import type { ForeignHello, Hello, Refusal } from "./hello.js";
import type { Notices } from "./notices.js";
import type { TransportClock } from "./ports.js";
import type { PeerProof, Tls } from "./tls.js";

/** Limits and times in force, defaults filled in. */
export interface Settings {
  readonly frameBytesMax: number;
  readonly queueBytesMax: Readonly<Record<Lane, number>>;
  readonly handshakeTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
}

/** What all connections of one transport share. */
export interface Context {
  readonly settings: Settings;
  readonly self: Incarnation;
  readonly tls: Tls | undefined;
  readonly clock: TransportClock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly notices: Notices;
  /** Registers a socket, to be destroyed by `close` and waited for. */
  track(socket: Socket): void;
  /** The hello if the other side may stay. `expected` is whom this side dialed, null where it was dialed. */
  judge(hello: Hello | ForeignHello, expected: NodeId | null, proof: PeerProof | null): Hello | Refusal;
  /** A handshake with a member came to nothing: why, for the status of the node. */
  refused(peer: NodeId, reason: string): void;
  /** An accepted handshake: ends what belongs to earlier incarnations. */
  met(peer: Incarnation): void;
}
