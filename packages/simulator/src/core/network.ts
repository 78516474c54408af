import type { NodeId } from "@synod/interface";
import type { Message } from "@synod/multipaxos";
import { messageText } from "../messages.js";
import type { World } from "./world.js";

export interface CoreNetworkOptions {
  /** Of most packets, `[min, max]`. */
  readonly delayMs: readonly [number, number];
  /** Part of the packets that take up to ten times as long. */
  readonly tail: number;
  /** Part of the packets that are lost. */
  readonly loss: number;
  /** Part of the packets that come twice. */
  readonly duplication: number;
  /** Part of the packets with which an old packet to the same node comes once more, also to its next life. */
  readonly replay: number;
  /** A kind of message that takes much longer than all others, and how long. */
  readonly slow?: { readonly kind: Message["kind"]; readonly delayMs: readonly [number, number] };
}

interface Packet {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: Message;
}

/** Old packets that are kept for each node. */
const KEPT = 64;

type Receive = (to: NodeId, from: NodeId, message: Message) => void;

/** What a quiet cluster sends, too. */
const UPKEEP: ReadonlySet<Message["kind"]> = new Set(["beat", "beatReply", "leaseAsk", "leaseGrant"]);

/** Delays, loses, repeats and reorders. A cut holds for what is sent after it; what is under way arrives. */
export class CoreNetwork {
  options: CoreNetworkOptions;
  /** Packets that were sent, lost ones included, and those of them that are no election traffic. */
  sent = 0;
  sentForWork = 0;
  delivered = 0;
  /** When the last packet that is under way arrives. */
  lastArrivalMs = 0;
  /** Kinds of messages that are all lost. */
  readonly lostKinds: Set<Message["kind"]> = new Set();
  readonly #world: World;
  readonly #receive: Receive;
  readonly #cuts = new Set<number>();
  /** Links that hold everything back until they are opened. */
  readonly #clogs = new Map<number, Packet[]>();
  readonly #old = new Map<NodeId, Packet[]>();
  #era = 0;

  constructor(world: World, options: CoreNetworkOptions, receive: Receive) {
    this.#world = world;
    this.options = options;
    this.#receive = receive;
  }

  // ---- faults

  cut(from: NodeId, to: NodeId): void {
    this.#cuts.add(linkOf(from, to));
  }

  clog(from: NodeId, to: NodeId): void {
    const link = linkOf(from, to);
    if (!this.#clogs.has(link)) this.#clogs.set(link, []);
  }

  /** All links carry packets again; what stood before a clogged one arrives now. */
  open(): void {
    this.#cuts.clear();
    this.lostKinds.clear();
    for (const packets of this.#clogs.values()) for (const packet of packets) this.#carry(packet);
    this.#clogs.clear();
  }

  /** Everything under way, and every old packet, is gone. */
  forget(): void {
    this.#era++;
    this.lastArrivalMs = this.#world.nowMs;
    this.#clogs.clear();
    this.#old.clear();
  }

  /** Some old packets to this node come once more; of this kind, if one is named. */
  replay(to: NodeId, count: number, kind?: Message["kind"]): void {
    let old = this.#old.get(to) ?? [];
    if (kind !== undefined) old = old.filter(({ message }) => message.kind === kind);
    if (old.length === 0) return;
    this.#world.sometimes("old packets replayed");
    for (let i = 0; i < count; i++) this.#carry(this.#world.random.pick(old));
  }

  // ---- packets

  send(from: NodeId, to: NodeId, message: Message): void {
    const world = this.#world;
    const { random } = world;
    const { options } = this;
    this.sent++;
    if (!UPKEEP.has(message.kind)) this.sentForWork++;
    world.hash.add((from * 64 + to) * 256 + message.kind.length * 8 + (message.kind.charCodeAt(1) & 7));
    world.hash.add(Math.floor(world.nowMs * 1024));
    const link = linkOf(from, to);
    if (this.#cuts.size > 0 && this.#cuts.has(link)) return this.#drop(from, to, message, "cut");
    if (this.lostKinds.size > 0 && this.lostKinds.has(message.kind)) return this.#drop(from, to, message, "kind lost");
    if (options.loss > 0 && random.chance(options.loss)) return this.#drop(from, to, message, "lost");
    const packet = { from, to, message };
    if (world.trace !== undefined) world.trace({ ...this.#described(packet), kind: "send" });
    const clogged = this.#clogs.size > 0 ? this.#clogs.get(link) : undefined;
    if (clogged !== undefined) clogged.push(packet);
    else this.#carry(packet);
    if (options.duplication > 0 && random.chance(options.duplication)) this.#carry(packet);
    this.#keep(packet);
    if (options.replay > 0 && random.chance(options.replay)) this.replay(to, 1);
  }

  #keep(packet: Packet): void {
    let old = this.#old.get(packet.to);
    if (old === undefined) this.#old.set(packet.to, (old = []));
    // Some stay for long.
    if (old.length < KEPT) old.push(packet);
    else old[this.#world.random.int(0, KEPT - 1)] = packet;
  }

  #carry(packet: Packet): void {
    const era = this.#era;
    const delayMs = this.#delayMs(packet.message);
    this.lastArrivalMs = Math.max(this.lastArrivalMs, this.#world.nowMs + delayMs);
    this.#world.after(delayMs, () => {
      if (era !== this.#era) return;
      this.delivered++;
      const { trace } = this.#world;
      if (trace !== undefined) trace({ ...this.#described(packet), kind: "deliver" });
      this.#receive(packet.to, packet.from, packet.message);
    });
  }

  #delayMs(message: Message): number {
    const { random } = this.#world;
    const { delayMs, tail, slow } = this.options;
    if (slow !== undefined && slow.kind === message.kind) return random.between(slow.delayMs[0], slow.delayMs[1]);
    const delay = random.between(delayMs[0], delayMs[1]);
    return tail > 0 && random.chance(tail) ? delay * random.between(1, 10) : delay;
  }

  #drop(from: NodeId, to: NodeId, message: Message, why: string): void {
    const { trace, nowMs } = this.#world;
    if (trace !== undefined) trace({ atMs: nowMs, kind: "drop", from, to, message: messageText(message), why });
  }

  #described({ from, to, message }: Packet): {
    atMs: number;
    from: NodeId;
    to: NodeId;
    message: string;
    delivery: number;
  } {
    return { atMs: this.#world.nowMs, from, to, message: messageText(message), delivery: this.sent };
  }
}

const linkOf = (from: NodeId, to: NodeId): number => from * 64 + to;
