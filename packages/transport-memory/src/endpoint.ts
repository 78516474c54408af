import {
  type Incarnation,
  type Lane,
  type Member,
  type NodeId,
  SynodError,
  type Transport,
  type TransportStart,
} from "@synod/interface";

/** What an endpoint needs of its network. */
export interface Hub {
  readonly soon: (callback: () => void) => void;
  readonly queueBytesMax: Readonly<Record<Lane, number>>;
  /** @throws SynodError `AddressInUse` */
  enter(endpoint: Endpoint): void;
  /** The address book is another one. */
  changed(endpoint: Endpoint): void;
  leave(endpoint: Endpoint): void;
}

/** From one sender to one receiver. Made anew each time the way is open, so that frames of an earlier one are told apart. */
interface Link {
  readonly from: NodeId;
  readonly to: Endpoint;
  up: boolean;
  /** Bytes under way. */
  readonly queued: Record<Lane, number>;
}

interface Arrival {
  readonly link: Link;
  readonly frame: Uint8Array;
}

/** What a waiting frame costs besides its bytes, so that empty frames cannot pile up without bound either. */
const frameOverheadBytes = 64;

/** One node's place in the network. Holds the frames that are on their way to it. */
export class Endpoint implements Transport, AsyncDisposable {
  readonly #hub: Hub;
  #state: "new" | "running" | "closed" = "new";
  #start: TransportStart | undefined;
  #members: ReadonlyMap<NodeId, Member> = new Map();
  /** Outgoing, by receiver. */
  readonly #links = new Map<NodeId, Link>();
  #events: (() => void)[] = [];
  readonly #arrivals: Record<Lane, Arrival[]> = { control: [], bulk: [] };
  #awake = false;
  /** Incarnations that this one was ever linked with, unless the address book names another store since. */
  readonly #latest = new Map<NodeId, Incarnation>();
  readonly #refused = new Set<string>();

  constructor(hub: Hub) {
    this.#hub = hub;
  }

  get self(): Incarnation {
    return this.#started().self;
  }

  async start(options: TransportStart): Promise<void> {
    if (this.#state === "closed")
      throw new SynodError("Closed", "The transport was closed: take a new one of the network.");
    if (this.#state === "running")
      throw new SynodError("InvalidArgument", "The transport was started already: take one per node.");
    this.#start = options;
    this.#members = byId(options.members);
    this.#hub.enter(this);
    this.#state = "running";
  }

  setMembers(members: readonly Member[]): void {
    if (this.#state !== "running") return;
    this.#members = byId(members);
    // The store that is wanted is not to be measured by the boots of another.
    for (const { id, storeId } of members) {
      if (storeId !== undefined && this.#latest.get(id)?.storeId !== storeId) this.#latest.delete(id);
    }
    this.#hub.changed(this);
  }

  send(to: NodeId | readonly NodeId[], frame: Uint8Array, lane: Lane): boolean {
    if (typeof to === "number") return this.#sendTo(to, frame, lane);
    let all = true;
    for (const id of to) all = this.#sendTo(id, frame, lane) && all;
    return all;
  }

  async close(): Promise<void> {
    const wasRunning = this.#state === "running";
    this.#state = "closed";
    this.#events = [];
    this.#arrivals.control = [];
    this.#arrivals.bulk = [];
    for (const link of this.#links.values()) link.up = false;
    this.#links.clear();
    if (wasRunning) this.#hub.leave(this);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  knows(id: NodeId): boolean {
    return this.#members.has(id);
  }

  memberOf(id: NodeId): Member | undefined {
    return this.#members.get(id);
  }

  latestOf(id: NodeId): Incarnation | undefined {
    return this.#latest.get(id);
  }

  /** Tells why a peer may not connect, and logs it once. */
  refused({ nodeId }: Incarnation, why: string): void {
    const { logger, metrics, handlers } = this.#started();
    this.#notify(() => handlers.peerRefused?.(nodeId, why));
    metrics.count("synod_transport_refusals_total");
    const line = `node ${nodeId} is refused: ${why}`;
    if (this.#refused.has(line)) return;
    this.#refused.add(line);
    logger.warn(line, { peer: nodeId });
  }

  refusedBy({ nodeId }: Incarnation, why: string): void {
    const { handlers } = this.#started();
    this.#notify(() => handlers.peerRefused?.(nodeId, `it refuses this node: ${why}`));
  }

  /** Opens the way to another node, if it is not open. */
  connect(other: Endpoint): void {
    const peer = other.self;
    if (this.#links.has(peer.nodeId)) return;
    this.#links.set(peer.nodeId, { from: this.self.nodeId, to: other, up: true, queued: { control: 0, bulk: 0 } });
    this.#latest.set(peer.nodeId, peer);
    other.#latest.set(this.self.nodeId, this.self);
    this.#notify(() => this.#started().handlers.peerUp(peer));
  }

  /** Ends the way to another node, if it is open. What is under way on it is lost. */
  disconnect(other: Endpoint): void {
    const { nodeId } = other.self;
    const link = this.#links.get(nodeId);
    if (link === undefined) return;
    link.up = false;
    this.#links.delete(nodeId);
    this.#notify(() => this.#started().handlers.peerDown(nodeId));
  }

  #sendTo(id: NodeId, frame: Uint8Array, lane: Lane): boolean {
    if (this.#state !== "running") return false;
    const { metrics } = this.#started();
    const link = this.#links.get(id);
    const costBytes = frame.length + frameOverheadBytes;
    if (link === undefined || link.queued[lane] + costBytes > this.#hub.queueBytesMax[lane]) {
      metrics.count("synod_transport_dropped_frames_total", 1, { lane });
      return false;
    }
    metrics.count("synod_transport_sent_frames_total", 1, { lane });
    metrics.count("synod_transport_sent_bytes_total", frame.length, { lane });
    link.queued[lane] += costBytes;
    // The frame stays the sender's, and each receiver may do what it likes with its own.
    link.to.#arrivals[lane].push({ link, frame: new Uint8Array(frame) });
    link.to.#wake();
    return true;
  }

  #notify(event: () => void): void {
    this.#events.push(event);
    this.#wake();
  }

  #wake(): void {
    if (this.#awake) return;
    this.#awake = true;
    this.#hub.soon(() => this.#deliverAll());
  }

  /** Delivers what waits now, events first, control before bulk. What the handlers bring about comes next time. */
  #deliverAll(): void {
    this.#awake = false;
    const events = this.#events;
    const { control, bulk } = this.#arrivals;
    this.#events = [];
    this.#arrivals.control = [];
    this.#arrivals.bulk = [];
    for (const event of events) this.#guard(event);
    for (const arrival of control) this.#deliver(arrival, "control");
    for (const arrival of bulk) this.#deliver(arrival, "bulk");
  }

  #deliver({ link, frame }: Arrival, lane: Lane): void {
    link.queued[lane] -= frame.length + frameOverheadBytes;
    if (!link.up) return;
    this.#started().metrics.count("synod_transport_received_frames_total", 1, { lane });
    this.#guard(() => this.#started().handlers.frame(link.from, frame));
  }

  /** A handler that throws is a bug above the transport: it loses that call and no more. */
  #guard(call: () => void): void {
    if (this.#state !== "running") return;
    try {
      call();
    } catch (error) {
      this.#started().logger.error("a handler of the transport threw", { error });
    }
  }

  #started(): TransportStart {
    if (this.#start === undefined) throw new SynodError("InvalidArgument", "The transport was not started.");
    return this.#start;
  }
}

const byId = (members: readonly Member[]): ReadonlyMap<NodeId, Member> =>
  new Map(members.map((member) => [member.id, member]));
