import { compareBallots, quorumSystem } from "@synod/paxos";
import type { Configuration, NodeId, Slot } from "@synod/interface";
import { Outbox, Replica, type Effects, type Message, type ReplicaSettings, type Send } from "@synod/multipaxos";
import { describe } from "./describe.js";
import { deepFreeze, type Life, type Node } from "./node.js";
import { Disk, Oracle, textOf, valueOf } from "./oracle.js";
import { Agenda, Random } from "./random.js";

export interface ClusterOptions {
  readonly seed: number;
  readonly configuration: Configuration;
  readonly settings: Partial<ReplicaSettings> & { readonly electionTimeoutMs: number };
  /** Delays of messages and of writes, `[min, max]`. */
  readonly delayMs: readonly [number, number];
  readonly diskMs: readonly [number, number];
  readonly lossRate?: number;
  readonly duplicateRate?: number;
  readonly trace?: (line: string) => void;
}

/** Replicas under virtual time: a network that delays, loses, repeats and reorders, and disks that lose what was not flushed. */
export class Cluster {
  readonly oracle: Oracle;
  readonly random: Random;
  readonly ids: readonly NodeId[];
  /** How often rare things happened. */
  readonly counts: Map<string, number> = new Map();
  readonly elections: { readonly atMs: number; readonly node: NodeId }[] = [];
  now = 0;
  lossRate: number;
  /** Kinds of messages that are all lost. */
  readonly lostKinds: Set<Message["kind"]> = new Set();
  duplicateRate: number;
  delayMs: readonly [number, number];
  diskMs: readonly [number, number];
  /** A hash of everything that was sent, and when. */
  hash = 2166136261;
  readonly #options: ClusterOptions;
  readonly #agenda = new Agenda<() => void>();
  readonly #nodes: ReadonlyMap<NodeId, Node>;
  readonly #cuts = new Set<string>();
  readonly #openReads = new Map<number, { seenUpTo: Slot; life: Life }>();
  #network = 0;
  #token = 0;
  #value = 0;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.random = new Random(options.seed);
    this.ids = options.configuration.members.map((member) => member.id);
    this.oracle = new Oracle(quorumSystem(options.configuration.quorum, this.ids), options.configuration.alpha);
    this.lossRate = options.lossRate ?? 0;
    this.duplicateRate = options.duplicateRate ?? 0;
    this.delayMs = options.delayMs;
    this.diskMs = options.diskMs;
    this.#nodes = new Map(
      this.ids.map((id) => [
        id,
        { id, disk: new Disk(), life: null, lives: 0, pausedUntil: 0, deferred: [] } satisfies Node,
      ]),
    );
    for (const id of this.ids) this.restart(id);
  }

  #node(id: NodeId): Node {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  isUp(id: NodeId): boolean {
    return this.#node(id).life !== null;
  }

  replica(id: NodeId): Replica {
    const { life } = this.#node(id);
    if (life === null) throw new Error(`node ${id} is down`);
    return life.replica;
  }

  applied(id: NodeId): Slot {
    return this.#node(id).life?.applied ?? 0;
  }

  get readsOpen(): number {
    return this.#openReads.size;
  }

  /** Runs everything that is due until then. */
  run(untilMs: number): void {
    while (this.#agenda.nextAt <= untilMs) {
      this.now = Math.max(this.now, this.#agenda.nextAt);
      this.#agenda.take()?.();
    }
    this.now = untilMs;
  }

  at(ms: number, action: () => void): void {
    this.#agenda.add(ms, action);
  }

  // ---- faults

  cut(from: NodeId, to: NodeId): void {
    this.#cuts.add(`${from}>${to}`);
  }

  uncut(): void {
    this.#cuts.clear();
    this.lostKinds.clear();
  }

  pause(id: NodeId, ms: number): void {
    const node = this.#node(id);
    node.pausedUntil = this.now + ms;
    this.count("pause");
    this.at(node.pausedUntil, () => {
      if (node.pausedUntil <= this.now) this.#resume(node);
    });
  }

  #resume(node: Node): void {
    node.pausedUntil = 0;
    for (const action of node.deferred.splice(0)) action();
  }

  #whenAwake(node: Node, action: () => void): void {
    if (node.pausedUntil > this.now) node.deferred.push(action);
    else action();
  }

  /** The process dies. A write under way may be found later, or not. */
  crash(id: NodeId): void {
    const node = this.#node(id);
    const { life } = node;
    if (life === null) return;
    this.#log(() => `${id} crashes`);
    node.life = null;
    node.pausedUntil = 0;
    node.deferred = [];
    for (const [token, read] of this.#openReads) if (read.life === life) this.#openReads.delete(token);
    if (life.writing === null) return;
    const kept = this.random.chance(0.5);
    this.count(kept ? "crash, write kept" : "crash, write lost");
    if (kept) life.writing.apply();
  }

  restart(id: NodeId): void {
    const node = this.#node(id);
    if (node.life !== null) return;
    const { configuration, settings } = this.#options;
    node.lives++;
    const bootId = `${id}:${node.lives}`;
    const recovered = node.disk.recovered();
    const replica = new Replica({ nodeId: id, bootId, configuration, recovered, settings });
    const { promised, chosenUpTo } = replica.status();
    if (compareBallots(promised, recovered.promised) !== 0 || chosenUpTo < recovered.chosenUpTo) {
      throw new Error(`node ${id} starts with less than its disk holds`);
    }
    const life: Life = {
      number: node.lives,
      replica,
      bootId,
      outbox: new Outbox(),
      writing: null,
      handedOut: [],
      applied: 0,
      applyPlanned: false,
      promised,
      reads: [],
      taken: new Set(),
    };
    node.life = life;
    this.#log(() => `${id} starts, chosen up to ${chosenUpTo}`);
    this.#ticks(node, life);
  }

  /** Ends all faults; what is still under way in the network is lost. */
  heal(): void {
    this.uncut();
    this.#network++;
    this.lossRate = 0;
    this.duplicateRate = 0;
    this.delayMs = [1, 3];
    this.diskMs = [1, 2];
    for (const id of this.ids) {
      this.#resume(this.#node(id));
      this.restart(id);
    }
    this.#log(() => "healed");
  }

  // ---- clients

  /** Proposes up to `max` new values, if the node takes any. Returns how many it took. */
  propose(id: NodeId, max: number): number {
    const node = this.#node(id);
    let taken = 0;
    this.#turn(node, (life) => {
      while (taken < max && life.replica.capacity() > 0) {
        if (life.replica.propose(this.#newValue()) === null) throw new Error("capacity, but nothing was taken");
        taken++;
      }
    });
    return taken;
  }

  forward(id: NodeId): void {
    this.#turn(this.#node(id), (life) => {
      if (life.replica.forward(this.#newValue()) !== null) this.count("forward");
    });
  }

  read(id: NodeId): void {
    this.#turn(this.#node(id), (life) => {
      const token = ++this.#token;
      this.#openReads.set(token, { seenUpTo: this.oracle.seenUpTo, life });
      life.replica.read(token);
      if (!this.random.chance(0.05)) return;
      life.replica.cancelRead(token);
      this.#openReads.delete(token);
    });
  }

  #newValue(): Uint8Array {
    const text = `v${++this.#value}`;
    this.oracle.introduce(text);
    return valueOf(text);
  }

  // ---- the driver of one node

  /** Something happens to one life of a node, after a delay. A paused process does nothing until it goes on. */
  #later(node: Node, life: Life, delayMs: number, action: () => void): void {
    const due = (): void => {
      if (node.life === life) this.#whenAwake(node, () => node.life === life && action());
    };
    this.at(this.now + delayMs, due);
  }

  #ticks(node: Node, life: Life): void {
    this.#turn(node, () => {});
    const everyMs = this.#options.settings.electionTimeoutMs / 12;
    this.#later(node, life, this.random.between(everyMs / 2, everyMs), () => this.#ticks(node, life));
  }

  #turn(node: Node, event: (life: Life) => void): void {
    const { life } = node;
    if (life === null || node.pausedUntil > this.now) return;
    life.replica.tick(this.now, this.random.next());
    event(life);
    this.#settle(node, life);
  }

  #settle(node: Node, life: Life): void {
    const effects = life.replica.takeEffects();
    for (const { slot, value } of effects.chosen) {
      if (slot !== life.handedOut.length + 1) throw new Error(`node ${node.id} hands out slot ${slot} out of order`);
      this.oracle.onChosen(node.id, slot, value);
      life.handedOut.push(textOf(value));
      if (value.length === 1) this.count("no-op");
    }
    for (const ready of effects.reads) this.#readReady(node, life, ready);
    this.#watch(node, life, effects);
    this.#planApply(node, life);
    this.#startWrite(node, life);
    for (const send of life.outbox.add(effects.sends)) this.#leave(node, send);
    if (effects.forwarded.length === 0) return;
    for (const forwarded of effects.forwarded) this.#onForwarded(life, forwarded);
    this.#settle(node, life);
  }

  #watch(node: Node, life: Life, effects: Effects): void {
    const { promised } = life.replica.status();
    if (compareBallots(promised, life.promised) < 0) throw new Error(`node ${node.id}: the promise fell`);
    life.promised = promised;
    for (const notice of effects.notices) {
      this.count(notice.kind);
      if (notice.kind === "elected") this.elections.push({ atMs: this.now, node: node.id });
      if (notice.kind === "ignored") this.#log(() => `${node.id} ignores ${notice.reason}`);
      else if (notice.kind === "leadershipEnded") this.#log(() => `${node.id} stops leading: ${notice.reason}`);
      else this.#log(() => `${node.id} ${notice.kind} ${notice.ballot?.round}.${notice.ballot?.node}`);
    }
    for (const { outcome } of effects.forwardOutcomes) this.count(`forward ${outcome}`);
  }

  #onForwarded(life: Life, forwarded: Effects["forwarded"][number]): void {
    const { from, bootId, sequence, body } = forwarded;
    const id = `${bootId}#${sequence}`;
    if (life.taken.has(id)) throw new Error(`forward ${id} was taken twice`);
    life.taken.add(id);
    const slot = life.replica.propose(body);
    life.replica.replyForward(from, bootId, sequence, slot === null ? "busy" : "queued");
  }

  #startWrite(node: Node, life: Life): void {
    if (life.writing !== null) return;
    const next = life.replica.takeWrite();
    if (next === null) return;
    const { id, write } = next;
    const apply = (): void => {
      const mark = node.disk.chosenUpTo;
      this.oracle.onDurable(node.id, node.disk, write);
      node.disk.apply(write);
      this.oracle.onMark(node.id, node.disk, mark);
    };
    life.writing = { id, apply };
    this.count("write");
    this.#later(node, life, this.random.between(...this.diskMs), () => {
      life.writing = null;
      apply();
      life.replica.writeDone(id);
      for (const send of life.outbox.durable(id)) this.#leave(node, send);
      this.#settle(node, life);
    });
  }

  #planApply(node: Node, life: Life): void {
    if (life.applyPlanned || life.applied === life.handedOut.length) return;
    life.applyPlanned = true;
    this.#later(node, life, this.random.between(0, 2), () => {
      life.applyPlanned = false;
      life.applied = this.random.int(life.applied + 1, life.handedOut.length);
      this.#turn(node, () => life.replica.appliedUpTo(life.applied));
      this.#answerReads(life);
      this.#planApply(node, life);
    });
  }

  #readReady(node: Node, life: Life, ready: { tokens: readonly number[]; index: Slot }): void {
    for (const token of ready.tokens) {
      const read = this.#openReads.get(token);
      if (read === undefined) continue;
      if (read.life !== life) throw new Error(`read ${token} is answered at another node`);
      if (ready.index < read.seenUpTo) {
        throw new Error(
          `stale read at node ${node.id}: index ${ready.index}, but ${read.seenUpTo} was seen before it began`,
        );
      }
    }
    life.reads.push(ready);
    this.#answerReads(life);
  }

  #answerReads(life: Life): void {
    for (let i = life.reads.length - 1; i >= 0; i--) {
      const ready = life.reads[i];
      if (ready === undefined || ready.index > life.applied) continue;
      life.reads.splice(i, 1);
      for (const token of ready.tokens) {
        if (this.#openReads.delete(token))
          this.count(life.replica.status().role === "leader" ? "read" : "follower read");
      }
    }
  }

  // ---- the network

  #leave(node: Node, send: Send): void {
    const { message } = send;
    this.oracle.onSend(node.id, message, node.disk);
    deepFreeze(message);
    this.count(message.kind === "promise" && message.lastSlot !== null ? "promise page" : message.kind);
    for (const to of send.to) {
      this.#mix(node.id * 64 + to, message.kind.length * 256 + message.kind.charCodeAt(1), Math.floor(this.now * 1000));
      const cut = this.#cuts.has(`${node.id}>${to}`) || this.lostKinds.has(message.kind);
      if (cut || this.random.chance(this.lossRate)) {
        this.#log(() => `${node.id}>${to} ${describe(message)} LOST`);
        continue;
      }
      this.#carry(node.id, to, message, this.random.between(...this.delayMs));
      // A copy may come much later, even to the next life of the receiver.
      if (this.random.chance(this.duplicateRate)) this.#carry(node.id, to, message, this.random.between(0, 2000));
    }
  }

  #carry(from: NodeId, to: NodeId, message: Message, delayMs: number): void {
    const node = this.#node(to);
    const network = this.#network;
    const arrive = (): void => {
      if (network !== this.#network || node.life === null) return;
      this.#log(() => `${from}>${to} ${describe(message)}`);
      this.#turn(node, (life) => life.replica.receive(from, message));
    };
    this.at(this.now + delayMs, () => this.#whenAwake(node, arrive));
  }

  #mix(...numbers: readonly number[]): void {
    for (const n of numbers) this.hash = Math.imul(this.hash ^ n, 16777619) >>> 0;
  }

  #log(line: () => string): void {
    this.#options.trace?.(`${this.now.toFixed(2)} ${line()}`);
  }
}
