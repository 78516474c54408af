import type { Server, Socket } from "node:net";
import {
  type Incarnation,
  type Lane,
  type Member,
  type NodeId,
  SynodError,
  type TransportHandlers,
  type TransportStart,
} from "@synod/interface";
import { systemRandom } from "@synod/interface/host";
import { type Address, formatAddress, normalAddress, parseAddress } from "./address.js";
import type { Context, Settings } from "./context.js";
import { type EncodedFrame, encodeFrame } from "./frames.js";
import { checkIncarnation, encodeRefusal, frameKinds } from "./hello.js";
import { IncomingLink } from "./incoming.js";
import { compareIncarnations, judgeHello } from "./judge.js";
import { closeServer, listen } from "./listen.js";
import { Notices } from "./notices.js";
import type { TcpTransport, TcpTransportOptions } from "./options.js";
import { Peer } from "./peer.js";
import { hostClock } from "./ports.js";
import { Strangers } from "./strangers.js";
import { acceptor } from "./tls.js";

export class SocketTransport implements TcpTransport {
  readonly #options: TcpTransportOptions;
  readonly #settings: Settings;
  readonly #sockets = new Set<Socket>();
  readonly #incoming = new Set<IncomingLink>();
  /** Of these, those that have not said who they are: a flood of them costs little, and keeps no peer out. */
  readonly #strangers = new Strangers<IncomingLink>();
  readonly #peers = new Map<NodeId, Peer>();
  /**
   * Latest incarnation of each peer that was ever connected, unless the address book names another store since; kept when a member leaves, since ids are not
   * used again.
   */
  readonly #known = new Map<NodeId, Incarnation>();
  #members: ReadonlyMap<NodeId, Member> = new Map();
  #context: Context | null = null;
  #handlers: TransportHandlers | null = null;
  #server: Server | null = null;
  #closeSockets: () => void = () => {};
  #started: Promise<void> | null = null;
  #closing: Promise<void> | null = null;
  #address: string | null = null;
  /** While the caller is inside of `setMembers`, events wait. */
  #defersEvents = false;

  constructor(options: TcpTransportOptions, settings: Settings) {
    this.#options = options;
    this.#settings = settings;
  }

  get address(): string | null {
    return this.#address;
  }

  start(options: TransportStart): Promise<void> {
    if (this.#closing) return Promise.reject(new SynodError("Closed", "The transport was closed; make a new one."));
    if (this.#started) {
      return Promise.reject(new SynodError("InvalidArgument", "The transport was started already; make one per node."));
    }
    this.#started = this.#start(options);
    return this.#started;
  }

  setMembers(members: readonly Member[]): void {
    const context = this.#context;
    if (!context || this.#closing) return;
    this.#defersEvents = true;
    try {
      this.#applyMembers(context, members);
    } finally {
      this.#defersEvents = false;
    }
  }

  send(to: NodeId | readonly NodeId[], frame: Uint8Array, lane: Lane): boolean {
    const ids = typeof to === "number" ? [to] : to;
    const context = this.#context;
    if (!context || this.#closing) return ids.length === 0;
    if (frame.length > this.#settings.frameBytesMax) return this.#tooLong(context, ids, frame, lane);
    let taken = 0;
    let encoded: EncodedFrame | null = null;
    for (const id of ids) {
      const peer = this.#peers.get(id);
      if (!peer) {
        context.metrics.count("synod_transport_dropped_frames_total", 1, { lane, reason: "unknown" });
        continue;
      }
      encoded ??= encodeFrame(frameKinds.data, frame);
      if (peer.send(encoded, lane)) taken++;
    }
    if (taken > 0) context.metrics.count("synod_transport_sent_frames_total", taken, sentLabels[lane]);
    return taken === ids.length;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #start({ self, members, handlers, logger, metrics }: TransportStart): Promise<void> {
    checkIncarnation(self);
    const listenText = this.#options.listen ?? members.find(({ id }) => id === self.nodeId)?.address;
    if (listenText === undefined) {
      throw new SynodError(
        "InvalidArgument",
        `Node ${self.nodeId} does not know where to listen: give its own member an address, or the transport \`listen\`.`,
      );
    }
    const { server, closeSockets } = acceptor({
      tls: this.#options.tls,
      handshakeTimeoutMs: this.#settings.handshakeTimeoutMs,
      logger,
      plainRefusal: encodeFrame(
        frameKinds.refusal,
        encodeRefusal({ reason: "certificate", text: "TLS is wanted here." }),
      ),
      onSocket: (socket) => this.#accept(this.#context, socket),
      onTlsError: (remote, error) => {
        metrics.count("synod_transport_refusals_total", 1, { reason: "certificate", by: "us" });
        this.#context?.notices.warn(remote, `the TLS handshake with ${remote} failed: ${error.message}`, { remote });
      },
    });
    this.#server = server;
    this.#closeSockets = closeSockets;
    const bound = await listen(server, parseAddress(listenText));
    if (this.#closing) throw new SynodError("Closed", "The transport was closed while it started.");
    this.#address = formatAddress(bound);
    this.#handlers = handlers;
    const context: Context = {
      settings: this.#settings,
      self,
      tls: this.#options.tls,
      clock: this.#options.clock ?? hostClock,
      random: this.#options.random ?? systemRandom(),
      logger,
      metrics,
      notices: new Notices(logger),
      track: (socket) => this.#track(socket),
      judge: (hello, expected, proof) =>
        judgeHello(hello, {
          self,
          expected,
          proof,
          member: (id) => this.#members.get(id),
          known: (id) => this.#known.get(id),
        }),
      refused: (peer, reason) => this.#emit("peerRefused", (handlers) => handlers.peerRefused?.(peer, reason)),
      met: (peer) => this.#met(peer),
    };
    this.#context = context;
    server.on("error", (error) => logger.error("the listening socket failed", { error }));
    this.#applyMembers(context, members);
  }

  #accept(context: Context | null, socket: Socket): void {
    if (context === null || this.#closing) {
      socket.destroy();
      return;
    }
    const link = new IncomingLink({
      context,
      socket,
      onAccepted: (accepted) => this.#accepted(accepted),
      onFrame: (from, payload) => this.#emit("frame", (handlers) => handlers.frame(from.nodeId, payload)),
      onEnd: (ended) => {
        this.#incoming.delete(ended);
        this.#strangers.delete(ended, ended.remote);
      },
    });
    this.#incoming.add(link);
    const gone = this.#strangers.add(link, link.remote);
    if (gone !== null) this.#dropStranger(context, gone);
  }

  #dropStranger({ metrics, notices }: Context, link: IncomingLink): void {
    const { remote } = link;
    metrics.count("synod_transport_refusals_total", 1, { reason: "flood", by: "us" });
    const text = `a connection from ${remote} is dropped: too many have not said who they are`;
    notices.warn("flood", text, { remote });
    link.close();
  }

  #accepted(link: IncomingLink): void {
    const { peer, lane } = link;
    if (!peer) return;
    this.#strangers.delete(link, link.remote);
    // One connection per peer and lane: the dialer keeps no second one, so an earlier one is dead, perhaps without a word.
    for (const other of this.#incoming) {
      if (other !== link && other.peer?.nodeId === peer.nodeId && other.lane === lane) other.close();
    }
    this.#met(peer);
  }

  #met(peer: Incarnation): void {
    const latest = this.#known.get(peer.nodeId);
    const isNew = latest === undefined || compareIncarnations(peer, latest) === "newer";
    if (isNew) {
      this.#known.set(peer.nodeId, peer);
      for (const link of this.#incoming) {
        if (link.peer?.nodeId === peer.nodeId && compareIncarnations(link.peer, peer) === "older") link.close();
      }
    }
    this.#peers.get(peer.nodeId)?.met(peer, isNew);
  }

  #applyMembers(context: Context, members: readonly Member[]): void {
    const { nodeId } = context.self;
    const oldOwn = placeOf(this.#members.get(nodeId));
    const newOwn = placeOf(members.find(({ id }) => id === nodeId));
    if (oldOwn !== undefined && newOwn !== undefined && oldOwn !== newOwn && newOwn !== this.#address) {
      context.logger.warn("the others dial this node at another address than it listens at: start it with that one", {
        listening: this.#address,
        dialed: newOwn,
      });
    }
    this.#members = new Map(members.map((member) => [member.id, member]));
    const addresses = addressesOf(context, members);
    for (const [id, peer] of this.#peers) {
      const address = addresses.get(id);
      if (address !== undefined) {
        peer.moveTo(address);
        continue;
      }
      this.#peers.delete(id);
      peer.close();
    }
    // A handshake knows no more of who is wanted than the address book of that time.
    const isOther = (peer: Incarnation): boolean => {
      const { storeId = peer.storeId } = this.#members.get(peer.nodeId) ?? {};
      return storeId !== peer.storeId;
    };
    // Nor is the store that is wanted to be measured by the boots of another.
    for (const [id, peer] of this.#known) if (isOther(peer)) this.#known.delete(id);
    for (const peer of this.#peers.values()) peer.part(isOther);
    for (const link of this.#incoming) {
      if (link.peer && (!this.#members.has(link.peer.nodeId) || isOther(link.peer))) link.close();
    }
    for (const [id, address] of addresses) if (!this.#peers.has(id)) this.#addPeer(context, id, address);
  }

  #addPeer(context: Context, id: NodeId, address: Address): void {
    const peer = new Peer({
      context,
      id,
      address,
      onUp: (incarnation) => this.#emit("peerUp", (handlers) => handlers.peerUp(incarnation)),
      onDown: (down) => this.#emit("peerDown", (handlers) => handlers.peerDown(down)),
    });
    this.#peers.set(id, peer);
    peer.dial();
  }

  #tooLong({ metrics, notices }: Context, to: readonly NodeId[], { length }: Uint8Array, lane: Lane): boolean {
    metrics.count("synod_transport_dropped_frames_total", to.length, { lane, reason: "size" });
    const limitBytes = this.#settings.frameBytesMax;
    notices.warn("size", "a frame above frameBytesMax is dropped", { bytes: length, limitBytes });
    return to.length === 0;
  }

  /** A handler that throws is a bug above the transport: it is logged and counted, and the connection goes on. */
  #emit(name: keyof TransportHandlers, call: (handlers: TransportHandlers) => void): void {
    if (this.#defersEvents) {
      queueMicrotask(() => this.#emit(name, call));
      return;
    }
    const [handlers, context] = [this.#handlers, this.#context];
    if (!handlers || !context) return;
    try {
      call(handlers);
    } catch (error) {
      context.metrics.count("synod_transport_handler_errors_total", 1, { handler: name });
      context.logger.error(`the ${name} handler threw`, { error });
    }
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
  }

  async #close(): Promise<void> {
    // First of all, since links tell of their end: without handlers nobody is told.
    this.#handlers = null;
    // What was sent just before leaves: a leader that goes says in its last turn who is to lead. It is written at the end of the tick.
    await new Promise<void>((resolve) => process.nextTick(resolve));
    // A start under way must end before anything is closed: it would listen afterwards. It does not wait for peers.
    const started = this.#started?.catch(() => {});
    for (const peer of this.#peers.values()) peer.close();
    this.#peers.clear();
    for (const link of this.#incoming) link.close();
    const gone = [...this.#sockets].map((socket) => new Promise<void>((done) => socket.once("close", () => done())));
    for (const socket of this.#sockets) socket.destroy();
    this.#closeSockets();
    await started;
    await Promise.all([...gone, this.#server && closeServer(this.#server)]);
    this.#address = null;
  }
}

const placeOf = (member: Member | undefined): string | undefined =>
  member?.address === undefined ? undefined : normalAddress(member.address);

/** Of the other members. They come from the replicated configuration, so a bad one must not stop this node. */
function addressesOf({ self, logger }: Context, members: readonly Member[]): Map<NodeId, Address> {
  const addresses = new Map<NodeId, Address>();
  for (const { id, address } of members) {
    if (id === self.nodeId || address === undefined) continue;
    try {
      addresses.set(id, parseAddress(address));
    } catch (error) {
      logger.error(`node ${id} cannot be dialed`, { peer: id, address, error });
    }
  }
  return addresses;
}

const sentLabels: Readonly<Record<Lane, Readonly<Record<string, string>>>> = {
  control: { lane: "control" },
  bulk: { lane: "bulk" },
};
