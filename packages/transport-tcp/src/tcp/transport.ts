import { createServer, type Server, type Socket } from "node:net";
import {
  type Incarnation,
  type Lane,
  type Member,
  type NodeId,
  SynodError,
  type Transport,
  type TransportStart,
} from "@synod/interface";
import { type Address, formatAddress, parseAddress } from "./address.js";
import { type WireFrame, wireFrame } from "./connection.js";
import { checkIncarnation, FrameType } from "./hello.js";
import { Hub } from "./hub.js";
import { Incoming } from "./incoming.js";
import { Outgoing } from "./outgoing.js";
import { type Settings, settingsOf, type TcpTransportOptions } from "./settings.js";

/** Connections whose handshake is not done: strangers must not use up the descriptors. */
const STRANGERS_MAX = 256;
const SWEEPS_PER_TIMEOUT = 3;
const LANES: readonly Lane[] = ["control", "bulk"];

export interface TcpTransport extends Transport {
  /** Where it listens, with the port that the system gave for port 0; null before `start` and after `close`. */
  readonly address: string | null;
}

/** Replicas across machines over TCP, without encryption: for networks that are trusted. */
export function tcpTransport(options: TcpTransportOptions = {}): TcpTransport {
  return new Tcp(settingsOf(options));
}

/** Both lanes towards one peer. It is up while both are. */
class Peer {
  readonly lanes: Readonly<Record<Lane, Outgoing>>;
  readonly address: string;
  #up: Incarnation | null = null;

  constructor(hub: Hub, id: NodeId, text: string) {
    this.address = text;
    const address = parseAddress(text);
    const events = {
      up: (incarnation: Incarnation): void => {
        if (this.#up !== null || !this.lanes.control.isUp || !this.lanes.bulk.isUp) return;
        this.#up = incarnation;
        hub.peerUp(incarnation);
      },
      down: (): void => {
        if (this.#up === null) return;
        this.#up = null;
        hub.peerDown(id);
      },
    };
    const [control, bulk] = LANES.map((lane) => new Outgoing({ hub, peer: id, lane, address, events }));
    if (control === undefined || bulk === undefined) throw new Error("two lanes");
    this.lanes = { control, bulk };
  }

  /** The process at the other end was replaced by a newer one. */
  restart(): void {
    for (const lane of LANES) this.lanes[lane].restart(parseAddress(this.address));
  }

  hurry(): void {
    for (const lane of LANES) this.lanes[lane].hurry();
  }

  sweep(nowMs: number): void {
    for (const lane of LANES) this.lanes[lane].sweep(nowMs);
  }

  async stop(): Promise<void> {
    await Promise.all(LANES.map((lane) => this.lanes[lane].stop()));
  }
}

class Tcp implements TcpTransport {
  readonly #settings: Settings;
  #hub: Hub | null = null;
  #server: Server | null = null;
  readonly #peers = new Map<NodeId, Peer>();
  readonly #incoming = new Set<Incoming>();
  #cancelSweep: (() => void) | null = null;
  #closing: Promise<void> | null = null;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  get address(): string | null {
    const bound = this.#server?.address();
    if (bound === null || bound === undefined || typeof bound === "string") return null;
    return formatAddress({ host: bound.address, port: bound.port });
  }

  async start(options: TransportStart): Promise<void> {
    if (this.#closing !== null) throw new SynodError("Closed", "the transport is closed");
    if (this.#hub !== null) throw new SynodError("InvalidArgument", "the transport was started already");
    checkIncarnation(options.self);
    const own = options.members.find((member) => member.id === options.self.nodeId)?.address;
    const where = this.#settings.listen ?? own;
    if (where === undefined) {
      throw new SynodError("InvalidArgument", `node ${options.self.nodeId} has no address among the members to listen at`);
    }
    const listenAt = parseAddress(where);
    for (const member of options.members) if (member.address !== undefined) parseAddress(member.address);
    const hub = new Hub(options, this.#settings);
    this.#hub = hub;
    await this.#listen(hub, listenAt);
    this.#dialPeers(hub);
    this.#sweepLater(hub);
  }

  #listen(hub: Hub, address: Address): Promise<void> {
    const server = createServer({ noDelay: true }, (socket) => this.#accept(hub, socket));
    return new Promise((resolve, reject) => {
      server.once("error", (cause: NodeJS.ErrnoException) => {
        this.#hub = null;
        reject(listenError(formatAddress(address), cause));
      });
      server.listen({ host: address.host, port: address.port }, () => {
        server.removeAllListeners("error");
        server.on("error", (cause) => hub.logger.error("the listening socket failed", { cause }));
        this.#server = server;
        resolve();
      });
    });
  }

  #accept(hub: Hub, socket: Socket): void {
    let strangers = 0;
    for (const incoming of this.#incoming) if (incoming.peer === null) strangers++;
    if (strangers >= STRANGERS_MAX) {
      hub.metrics.count("synod_transport_refusals_total", 1, { reason: "strangers" });
      socket.on("error", () => undefined);
      socket.destroy();
      return;
    }
    const incoming = new Incoming(socket, hub, {
      arrived: (arrived) => this.#arrived(hub, arrived),
      closed: (closed) => this.#incoming.delete(closed),
    });
    this.#incoming.add(incoming);
  }

  /** One incoming connection per peer and lane: a newer one means that the older is a leftover. */
  #arrived(hub: Hub, arrived: Incoming): void {
    const { peer, lane } = arrived;
    if (peer === null) return;
    for (const other of this.#incoming) {
      const same = other !== arrived && other.peer?.nodeId === peer.nodeId;
      if (same && (other.lane === lane || other.peer?.bootId !== peer.bootId)) other.close();
    }
    const outgoing = this.#peers.get(peer.nodeId);
    if (hub.meet(peer)) outgoing?.restart();
    else outgoing?.hurry();
  }

  setMembers(members: readonly Member[]): void {
    const hub = this.#hub;
    if (hub === null || this.#closing !== null) return;
    const own = members.find((member) => member.id === hub.self.nodeId)?.address;
    if (own !== undefined && this.#settings.listen === null && own !== this.address) {
      hub.logger.warn("the own address changed: it takes effect at the next start", { address: own });
    }
    hub.setMembers(members);
    const addresses = new Map(hub.peers.map((member) => [member.id, member.address]));
    for (const [id, peer] of this.#peers) {
      if (addresses.get(id) === peer.address) continue;
      this.#peers.delete(id);
      void peer.stop();
    }
    for (const incoming of this.#incoming) {
      if (incoming.peer !== null && !hub.isMember(incoming.peer.nodeId)) incoming.close();
    }
    this.#dialPeers(hub);
  }

  #dialPeers(hub: Hub): void {
    for (const { id, address } of hub.peers) {
      if (address !== undefined && !this.#peers.has(id)) this.#peers.set(id, new Peer(hub, id, address));
    }
  }

  send(to: NodeId | readonly NodeId[], frame: Uint8Array, lane: Lane): boolean {
    const hub = this.#hub;
    if (hub === null || this.#closing !== null) return false;
    const ids = typeof to === "number" ? [to] : to;
    if (frame.length > this.#settings.frameBytesMax) {
      hub.metrics.count("synod_transport_dropped_frames_total", ids.length, { lane, reason: "size" });
      hub.logger.error("a frame is too large to send", { bytes: frame.length, frameBytesMax: this.#settings.frameBytesMax });
      return false;
    }
    let wire: WireFrame | null = null;
    let dropped = 0;
    for (const id of ids) {
      const link = this.#peers.get(id)?.lanes[lane];
      if (link === undefined || !link.isUp) {
        dropped++;
        continue;
      }
      wire ??= wireFrame(FrameType.data, frame);
      if (!link.send(wire)) dropped++;
    }
    hub.metrics.count("synod_transport_sent_frames_total", ids.length - dropped, { lane });
    if (dropped > 0) hub.metrics.count("synod_transport_dropped_frames_total", dropped, { lane, reason: "link" });
    return dropped === 0;
  }

  #sweepLater(hub: Hub): void {
    const { clock, idleTimeoutMs } = this.#settings;
    this.#cancelSweep = clock.timer(idleTimeoutMs / SWEEPS_PER_TIMEOUT, () => {
      const nowMs = clock.now();
      for (const peer of this.#peers.values()) peer.sweep(nowMs);
      for (const incoming of this.#incoming) incoming.sweep(nowMs);
      this.#sweepLater(hub);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #shutDown(): Promise<void> {
    this.#hub?.silence();
    this.#cancelSweep?.();
    const server = this.#server;
    const incoming = [...this.#incoming];
    const listening =
      server === null
        ? Promise.resolve()
        : new Promise<void>((resolve) => {
            server.close(() => resolve());
          });
    for (const connection of incoming) connection.close();
    await Promise.all([listening, ...incoming.map(({ gone }) => gone), ...[...this.#peers.values()].map((peer) => peer.stop())]);
    this.#server = null;
  }
}

function listenError(address: string, cause: NodeJS.ErrnoException): SynodError {
  if (cause.code === "EADDRINUSE") {
    return new SynodError("AddressInUse", `another process listens at ${address}: stop it, or give this node another address`, { cause });
  }
  return new SynodError("InvalidArgument", `cannot listen at ${address}: ${cause.message}`, { cause });
}
