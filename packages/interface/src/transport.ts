import type { Member } from "./configuration.js";
import type { NodeId } from "./ids.js";
import type { Logger, Metrics } from "./ports.js";

/** `control` frames (elections, heartbeats, votes) overtake waiting `bulk` frames (values, catch-up). */
export type Lane = "control" | "bulk";

/** Which process this is: sent in the handshake, so that peers can tell an old incarnation from the present one. */
export interface Incarnation {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** Of its store, made when that was formatted, 32 hexadecimal digits: another one under a known id is a disk that forgot its votes. */
  readonly storeId: string;
  /** How often this store was opened, this time included. */
  readonly bootCount: number;
  /** Random per open, 32 hexadecimal digits. */
  readonly bootId: string;
}

/** What a transport calls. None of it may throw back into the transport. */
export interface TransportHandlers {
  /**
   * A whole frame as the peer sent it. `frame` belongs to the receiver: the transport will not change or reuse it. It may be a view into memory of up to
   * twice its length, which is the receiver's as well: mind `byteOffset`.
   */
  frame(from: NodeId, frame: Uint8Array): void;
  /** A connection to the peer was made, or a new incarnation of it was seen. */
  peerUp(peer: Incarnation): void;
  /** The last connection to the peer is gone. */
  peerDown(id: NodeId): void;
  /**
   * The handshake with a member was refused, by this side or by that one: `reason`, for people, says by whom and why. May come with
   * every try. A node shows it until the peer is up.
   */
  peerRefused?(id: NodeId, reason: string): void;
}

export interface TransportStart {
  readonly self: Incarnation;
  /** All members, this node's own entry included (its address is where to listen). */
  readonly members: readonly Member[];
  readonly handlers: TransportHandlers;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/**
 * Carries frames between the members of one cluster. May lose, duplicate, delay and reorder; never corrupts or splits.
 * Knows nothing of Paxos.
 */
export interface Transport {
  /** Listens and starts to connect. Settles when this side listens, whether or not any peer is there. Once. */
  start(options: TransportStart): Promise<void>;
  /** Replaces the address book while running. Links to those no longer in it, or with another store than it names, are closed. */
  setMembers(members: readonly Member[]): void;
  /**
   * Hands a frame over for one or several peers. Never blocks and never throws; a frame that would pass the byte limit
   * of a peer's queue, or whose peer is unknown or down, is dropped for that peer. The caller must not change `frame`.
   * @returns false if it was dropped for at least one of them.
   */
  send(to: NodeId | readonly NodeId[], frame: Uint8Array, lane: Lane): boolean;
  /** Stops for good; settles when all sockets are gone. No handler is called afterwards. May be called twice. */
  close(): Promise<void>;
}
