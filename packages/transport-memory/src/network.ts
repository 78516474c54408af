import {
  checkNames,
  type Clock,
  type Incarnation,
  type NodeId,
  optionNames,
  SynodError,
  type Transport,
} from "@synod/interface";
import { Endpoint } from "./endpoint.js";
import { hostSoon } from "./soon.js";

export interface MemoryNetworkOptions {
  /** Delivers through `clock.soon`. Default: a turn of the event loop of its own. */
  readonly clock?: Pick<Clock, "soon">;
  /**
   * What may wait on the way from one node to another in the bulk lane, in bytes, 64 per frame included; a quarter of it
   * in the control lane. Frames beyond are dropped. Default 64 MiB.
   */
  readonly queueBytesMax?: number;
}

/** A `Transport` within one process. */
export interface MemoryTransport extends Transport, AsyncDisposable {}

/** Joins the transports of one cluster in one process. */
export interface MemoryNetwork {
  /**
   * A new transport, not yet started; its node id is that of the incarnation it is started with. A node that restarts
   * takes a new one. `start` rejects with `AddressInUse` while another transport of the same node id is open.
   */
  transport(): MemoryTransport;
  /** Breaks the way between two nodes in both directions; frames under way on it are lost. Holds across restarts. */
  cut(a: NodeId, b: NodeId): void;
  /** The same for one direction: `from` sees `to` go down, but still receives what `to` sends. */
  cutOneWay(from: NodeId, to: NodeId): void;
  /** Mends all that was cut. */
  heal(): void;
}

// As a record, so that the compiler asks for a new option here, too.
const OPTIONS: Readonly<Record<keyof MemoryNetworkOptions, true>> = { clock: true, queueBytesMax: true };

/**
 * A network in memory. Delivery is asynchronous and never re-enters the sender; control frames overtake bulk frames.
 * @throws SynodError `InvalidArgument` for an option that is unknown, or a limit that is no positive safe integer.
 */
export function memoryNetwork(options: MemoryNetworkOptions = {}): MemoryNetwork {
  checkNames((name) => `memoryNetwork has no option ${name}`, options, optionNames(OPTIONS));
  return new Network(options);
}

const way = (from: NodeId, to: NodeId): string => `${from} to ${to}`;

class Network implements MemoryNetwork {
  readonly #soon: (callback: () => void) => void;
  readonly #queueBytesMax: number;
  readonly #endpoints = new Map<NodeId, Endpoint>();
  readonly #cuts = new Set<string>();

  constructor({ clock, queueBytesMax = 64 * 1024 * 1024 }: MemoryNetworkOptions) {
    if (!Number.isSafeInteger(queueBytesMax) || queueBytesMax <= 0) {
      throw new SynodError("InvalidArgument", `queueBytesMax must be a positive integer, not ${queueBytesMax}.`);
    }
    this.#soon = clock === undefined ? hostSoon() : (callback) => clock.soon(callback);
    this.#queueBytesMax = queueBytesMax;
  }

  transport(): MemoryTransport {
    return new Endpoint({
      soon: this.#soon,
      queueBytesMax: { control: this.#queueBytesMax / 4, bulk: this.#queueBytesMax },
      enter: (endpoint) => this.#enter(endpoint),
      changed: (endpoint) => this.#refresh(endpoint),
      leave: (endpoint) => this.#leave(endpoint),
    });
  }

  cut(a: NodeId, b: NodeId): void {
    this.cutOneWay(a, b);
    this.cutOneWay(b, a);
  }

  cutOneWay(from: NodeId, to: NodeId): void {
    this.#cuts.add(way(from, to));
    const [sender, receiver] = [this.#endpoints.get(from), this.#endpoints.get(to)];
    if (sender && receiver) sender.disconnect(receiver);
  }

  heal(): void {
    this.#cuts.clear();
    for (const endpoint of this.#endpoints.values()) this.#refresh(endpoint);
  }

  #enter(endpoint: Endpoint): void {
    const { nodeId } = endpoint.self;
    if (this.#endpoints.has(nodeId)) {
      throw new SynodError("AddressInUse", `Node ${nodeId} runs in this network already: close its transport first.`);
    }
    this.#endpoints.set(nodeId, endpoint);
    this.#refresh(endpoint);
  }

  #leave(endpoint: Endpoint): void {
    this.#endpoints.delete(endpoint.self.nodeId);
    for (const other of this.#endpoints.values()) other.disconnect(endpoint);
  }

  /** Makes and breaks the links of one node until they are as cuts and address books want them. */
  #refresh(endpoint: Endpoint): void {
    for (const other of this.#endpoints.values()) {
      if (other === endpoint) continue;
      const agreed = agree(endpoint, other);
      for (const [from, to] of [[endpoint, other] as const, [other, endpoint] as const]) {
        if (!agreed || this.#cuts.has(way(from.self.nodeId, to.self.nodeId))) from.disconnect(to);
        else from.connect(to);
      }
    }
  }
}

/** Whether two nodes would shake hands. */
function agree(a: Endpoint, b: Endpoint): boolean {
  if (!a.knows(b.self.nodeId) || !b.knows(a.self.nodeId)) return false;
  // Both are asked, so that both log why.
  const answers = [admits(a, b), admits(b, a)];
  return answers.every(Boolean);
}

function admits(host: Endpoint, guest: Endpoint): boolean {
  const why = whyNot(host, guest.self);
  if (why === null) return true;
  host.refused(guest.self, why);
  guest.refusedBy(host.self, why);
  return false;
}

function whyNot(host: Endpoint, guest: Incarnation): string | null {
  const latest = host.latestOf(guest.nodeId);
  if (guest.clusterId !== host.self.clusterId) {
    return `it belongs to cluster ${JSON.stringify(guest.clusterId)}`;
  }
  if (guest.storeId !== (host.memberOf(guest.nodeId)?.storeId ?? latest?.storeId ?? guest.storeId)) {
    return "its store is another one than it was: a disk that was lost is replaced under a new id";
  }
  if (latest !== undefined && isOlder(guest, latest)) {
    return `its boot ${guest.bootCount} is not the latest one (${latest.bootCount})`;
  }
  return null;
}

/** The same count with another boot id is a copy of the store, or one that was set back: as bad as a lower count. */
const isOlder = (one: Incarnation, latest: Incarnation): boolean =>
  one.bootCount < latest.bootCount || (one.bootCount === latest.bootCount && one.bootId !== latest.bootId);
