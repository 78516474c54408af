import {
  type Incarnation,
  type Lane,
  type Member,
  type NodeId,
  SynodError,
  type Transport,
  type TransportStart,
} from "@synod/interface";

export type TransportBug =
  | "delivers inside of send"
  | "gives all receivers one frame"
  | "gives views into a pool"
  | "reuses its receive buffer"
  | "spoils the sender's frame"
  | "drops empty frames"
  | "reverses a burst"
  | "has one lane"
  | "names the wrong sender"
  | "has no limit"
  | "never frees its queue"
  | "counts content alone"
  | "throws when full"
  | "throws for nobody"
  | "shares one queue among peers"
  | "delivers to itself"
  | "gives up a broadcast at the first peer"
  | "takes frames for whoever is down"
  | "takes frames before the start"
  | "takes frames that are too long"
  | "starts twice"
  | "shares a place"
  | "keeps its place"
  | "waits for peers at start"
  | "takes a new disk for the old one"
  | "forgets incarnations"
  | "compares boot counts alone"
  | "overlooks which store is named"
  | "counts the boots of another store"
  | "lets any cluster in"
  | "keeps links to former members"
  | "reconnects at every setMembers"
  | "never says down"
  | "says up without who"
  | "stops at a throwing handler"
  | "dies of a throwing handler"
  | "talks after close"
  | "closes once"
  | "starts again after close"
  | "closes what was started alone";

const QUEUE_BYTES = 256 * 1024;
const FRAME_BYTES = 128 * 1024;
const OVERHEAD_BYTES = 16;

interface Waiting {
  readonly from: MiniTransport;
  readonly frame: Uint8Array;
  readonly lane: Lane;
}

/** The least that keeps the contract: all transports of one process, in a list. */
export class MiniNetwork {
  readonly queueBytesMax: number = QUEUE_BYTES;
  readonly tooLongBytes: number = FRAME_BYTES + 1;
  readonly running = new Map<NodeId, MiniTransport>();
  readonly bug: TransportBug | undefined;

  constructor(bug?: TransportBug) {
    this.bug = bug;
  }

  transport(): Transport {
    return new MiniTransport(this);
  }

  /** Makes links what address books and incarnations want them to be. */
  settle(): void {
    for (const one of this.running.values()) {
      for (const two of this.running.values()) {
        if (one !== two) one.link(two, one.wants(two) && two.wants(one));
      }
    }
  }
}

class MiniTransport implements Transport {
  readonly #net: MiniNetwork;
  #phase: "new" | "running" | "closed" = "new";
  #start: TransportStart | null = null;
  #members: ReadonlyMap<NodeId, Member> = new Map();
  readonly #links = new Map<NodeId, MiniTransport>();
  readonly #latest = new Map<NodeId, Incarnation>();
  readonly #queued = new Map<string, number>();
  #inbox: Waiting[] = [];
  #events: (() => void)[] = [];
  #awake = false;
  #deaf = false;
  readonly #pool = new Uint8Array(FRAME_BYTES);

  constructor(net: MiniNetwork) {
    this.#net = net;
  }

  #has(bug: TransportBug): boolean {
    return this.#net.bug === bug;
  }

  get self(): Incarnation {
    if (this.#start === null) throw new Error("not started");
    return this.#start.self;
  }

  async start(options: TransportStart): Promise<void> {
    const { running } = this.#net;
    if (this.#phase === "closed" && !this.#has("starts again after close")) throw new SynodError("Closed", "closed");
    if (this.#phase === "running" && !this.#has("starts twice")) throw new SynodError("InvalidArgument", "started");
    const id = options.self.nodeId;
    if (running.has(id) && this.#phase === "new" && !this.#has("shares a place")) {
      throw new SynodError("AddressInUse", "in use");
    }
    this.#start = options;
    this.#phase = "running";
    running.set(id, this);
    this.#members = new Map(options.members.map((member) => [member.id, member]));
    this.#net.settle();
    if (this.#has("waits for peers at start") && this.#members.size > 1 && this.#links.size === 0) {
      await new Promise(() => {});
    }
  }

  setMembers(members: readonly Member[]): void {
    if (this.#phase !== "running") return;
    if (this.#has("reconnects at every setMembers")) for (const peer of this.#links.values()) this.link(peer, false);
    const former = this.#has("keeps links to former members") ? [...this.#members.values()] : [];
    this.#members = new Map([...former, ...members].map((member) => [member.id, member]));
    this.#net.settle();
  }

  wants(peer: MiniTransport): boolean {
    const { nodeId, clusterId, storeId, bootCount, bootId } = peer.self;
    const member = this.#members.get(nodeId);
    if (member === undefined) return false;
    let latest = this.#latest.get(nodeId);
    const named = this.#has("overlooks which store is named") ? undefined : member.storeId;
    const isMet = named === undefined || named === latest?.storeId || this.#has("counts the boots of another store");
    if (!isMet) latest = undefined;
    const isOld =
      latest !== undefined &&
      !this.#has("forgets incarnations") &&
      (bootCount < latest.bootCount ||
        (bootCount === latest.bootCount && bootId !== latest.bootId && !this.#has("compares boot counts alone")));
    const isBlank = (named ?? latest?.storeId ?? storeId) !== storeId && !this.#has("takes a new disk for the old one");
    const isStrange = (clusterId !== this.self.clusterId && !this.#has("lets any cluster in")) || isBlank;
    if (isOld || isStrange) this.#start?.logger.warn("a peer was refused");
    return !isOld && !isStrange;
  }

  link(peer: MiniTransport, up: boolean): void {
    const id = peer.self.nodeId;
    if ((this.#links.get(id) === peer) === up) return;
    const { self } = peer;
    if (up) {
      this.#links.set(id, peer);
      this.#latest.set(id, self);
      this.#tell(() => this.#start?.handlers.peerUp(this.#has("says up without who") ? { ...self, bootId: "" } : self));
    } else {
      this.#links.delete(id);
      this.#queued.clear();
      if (!this.#has("talks after close")) peer.#inbox = peer.#inbox.filter(({ from }) => from !== this);
      if (!this.#has("never says down")) this.#tell(() => this.#start?.handlers.peerDown(id));
    }
  }

  send(to: NodeId | readonly NodeId[], frame: Uint8Array, lane: Lane): boolean {
    if (this.#phase === "new" && this.#has("takes frames before the start")) return true;
    if (this.#phase !== "running") return false;
    const peers = typeof to === "number" ? [to] : to;
    const shared = frame.slice();
    let all = true;
    for (const id of peers) {
      const taken = this.#sendTo(id, frame, shared, lane);
      if (!taken && this.#has("gives up a broadcast at the first peer")) return false;
      all &&= taken;
    }
    if (this.#has("spoils the sender's frame")) frame.fill(0);
    return all;
  }

  #sendTo(id: NodeId, frame: Uint8Array, shared: Uint8Array, lane: Lane): boolean {
    const peer = this.#has("delivers to itself") && id === this.self.nodeId ? this : this.#links.get(id);
    if (peer === undefined) {
      if (this.#has("throws for nobody")) throw new SynodError("InvalidArgument", `no peer ${id}`);
      return this.#has("takes frames for whoever is down") && this.#latest.has(id);
    }
    const key = this.#has("shares one queue among peers") ? lane : `${lane} ${id}`;
    const cost = frame.length + (this.#has("counts content alone") ? 0 : OVERHEAD_BYTES);
    const queued = (this.#queued.get(key) ?? 0) + cost;
    const isFull = queued > QUEUE_BYTES && !this.#has("has no limit");
    if (isFull && this.#has("throws when full")) throw new SynodError("Busy", "full");
    if (isFull || (frame.length > FRAME_BYTES && !this.#has("takes frames that are too long"))) return false;
    if (frame.length === 0 && this.#has("drops empty frames")) return true;
    this.#queued.set(key, queued);
    const copy = this.#has("gives all receivers one frame") ? shared : frame.slice();
    const freed = (): void => {
      if (!this.#has("never frees its queue")) this.#queued.set(key, (this.#queued.get(key) ?? cost) - cost);
    };
    peer.#receive({ from: this, frame: copy, lane }, freed);
    return true;
  }

  #receive(waiting: Waiting, freed: () => void): void {
    if (this.#has("delivers inside of send")) {
      this.#deliver(waiting);
      return;
    }
    this.#inbox.push(waiting);
    this.#freed.push(freed);
    this.#wake();
  }

  #freed: (() => void)[] = [];

  #tell(event: () => void): void {
    this.#events.push(event);
    this.#wake();
  }

  #wake(): void {
    if (this.#awake) return;
    this.#awake = true;
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    this.#awake = false;
    const [events, frames, freed] = [this.#events.splice(0), this.#inbox.splice(0), this.#freed.splice(0)];
    for (const free of freed) free();
    for (const event of events) this.#guard(event);
    const ordered = this.#has("has one lane") ? frames : [...inLane(frames, "control"), ...inLane(frames, "bulk")];
    if (this.#has("reverses a burst")) ordered.reverse();
    for (const waiting of ordered) {
      if (this.#phase === "running" || this.#has("talks after close")) this.#deliver(waiting);
    }
  }

  #deliver({ from, frame }: Waiting): void {
    let given = frame;
    if (this.#has("gives views into a pool")) given = copyInto(new Uint8Array(frame.length + 8), frame);
    if (this.#has("reuses its receive buffer")) given = copyInto(this.#pool, frame);
    const id = this.#has("names the wrong sender") ? this.self.nodeId : from.self.nodeId;
    this.#guard(() => this.#start?.handlers.frame(id, given));
  }

  #guard(call: () => void): void {
    if (this.#deaf) return;
    if (this.#phase !== "running" && !this.#has("talks after close")) return;
    try {
      call();
    } catch (error) {
      this.#start?.logger.error("a handler threw", { error });
      if (this.#has("stops at a throwing handler")) this.#deaf = true;
      if (this.#has("dies of a throwing handler")) void this.close();
    }
  }

  async close(): Promise<void> {
    if (this.#phase === "closed" && this.#has("closes once")) throw new SynodError("Closed", "closed");
    if (this.#phase === "new" && this.#has("closes what was started alone"))
      throw new SynodError("InvalidArgument", "new");
    if (this.#phase === "running") {
      if (!this.#has("keeps its place")) this.#net.running.delete(this.self.nodeId);
      for (const other of this.#net.running.values())
        if (other.#links.get(this.self.nodeId) === this) other.link(this, false);
    }
    this.#phase = "closed";
    this.#links.clear();
  }
}

const inLane = (frames: readonly Waiting[], lane: Lane): Waiting[] => frames.filter((waiting) => waiting.lane === lane);

function copyInto(memory: Uint8Array, frame: Uint8Array): Uint8Array {
  memory.set(frame);
  return memory.subarray(0, frame.length);
}
