import type { Configuration, NodeId, Slot } from "@synod/interface";
import {
  type Message,
  type Notice,
  Outbox,
  Replica,
  type ReplicaSettings,
  type Send,
  type SnapshotFacts,
  type SnapshotStep,
} from "../src/index.js";
import { describe } from "./describe.js";
import { configurationOf, Disk, headOf, textOf, valueOf } from "./disk.js";

export const TIMEOUT_MS = 80;
/** One election round. */
export const ROUND_MS: number = TIMEOUT_MS / 8;

type Loses = (from: NodeId, to: NodeId, message: Message) => boolean;

interface Actor {
  readonly id: NodeId;
  readonly disk: Disk;
  replica: Replica | null;
  outbox: Outbox;
  lives: number;
  writes: number;
  executed: string[];
  /** Where a write waits for `flush`. */
  slow: boolean;
  waiting: (() => void)[];
  readonly notices: Notice[];
  reads: { token: number; index: Slot }[];
  /** What the core wants done about snapshots; parts are served and stored at once. */
  readonly snapshots: SnapshotStep["kind"][];
  receiving: { readonly facts: SnapshotFacts; got: number } | null;
  /** Up to where the disk was told to forget. */
  dropped: Slot;
  /** It only votes; what its disk has in place of what it forgot. */
  readonly witness: boolean;
  head: { readonly index: Slot; readonly bytes: Uint8Array } | null;
}

/**
 * A told run: messages arrive at once and in order, disks are as fast, and time stands still until it is moved. Node 1 is the
 * most impatient, then node 2, and so on. The trace holds what arrived, but for the beats of the election.
 */
export class Story {
  readonly trace: string[] = [];
  readonly sent: Message[] = [];
  readonly configuration: Configuration;
  #loses: Loses = () => false;
  readonly #actors: Actor[];
  readonly #settings: Partial<ReplicaSettings>;
  readonly #network: { from: NodeId; to: NodeId; message: Message }[] = [];
  #now = 0;

  /** To come first even if it lacks a slot: all others are very patient. */
  eager: NodeId | null = null;

  constructor(nodes: number | Configuration = 3, settings: Partial<ReplicaSettings> = {}) {
    this.configuration = typeof nodes === "number" ? configurationOf(nodes, 64) : nodes;
    this.#settings = { electionTimeoutMs: TIMEOUT_MS, ...settings };
    this.#actors = this.configuration.members.map(({ id, role }) => ({
      id,
      disk: new Disk(),
      replica: null,
      outbox: new Outbox(),
      lives: 0,
      writes: 0,
      executed: [],
      slow: false,
      waiting: [],
      notices: [],
      reads: [],
      snapshots: [],
      receiving: null,
      dropped: 0,
      witness: role === "witness" || role === "joiningWitness",
      head: null,
    }));
    for (const actor of this.#actors) this.start(actor.id);
  }

  get now(): number {
    return this.#now;
  }

  actor(id: NodeId): Actor {
    const actor = this.#actors.find((each) => each.id === id);
    if (actor === undefined) throw new Error(`no node ${id}`);
    return actor;
  }

  replica(id: NodeId): Replica {
    const { replica } = this.actor(id);
    if (replica === null) throw new Error(`node ${id} is down`);
    return replica;
  }

  /** What each node has executed in its present life. */
  get executed(): string[][] {
    return this.#actors.map(({ executed }) => executed);
  }

  /** Who leads and is content with it. */
  get leaders(): NodeId[] {
    return this.#actors.flatMap(({ id, replica }) => {
      const status = replica?.status();
      return status?.role === "leader" && status.content ? [id] : [];
    });
  }

  get elections(): string[] {
    return this.#actors.flatMap(({ notices }) =>
      notices.flatMap((n) => (n.kind === "elected" ? [`${n.ballot.round}.${n.ballot.node}`] : [])),
    );
  }

  start(id: NodeId): void {
    const actor = this.actor(id);
    const { head, witness } = actor;
    const snapshot = head === null ? null : { index: head.index, bytes: 1, hash: "h" };
    const recovered = { ...actor.disk.recovered(), snapshot };
    const bootId = `${id}:${++actor.lives}`;
    actor.replica = new Replica({
      nodeId: id,
      bootId,
      configuration: this.configuration,
      recovered,
      settings: this.#settings,
      witness,
      ...(head === null ? {} : { snapshotHead: head.bytes }),
    });
    actor.outbox = new Outbox();
    actor.executed = Array.from({ length: head?.index ?? 0 }, () => "(forgotten)");
    actor.waiting = [];
    actor.slow = false;
    this.#act(actor, () => {});
  }

  crash(id: NodeId): void {
    const actor = this.actor(id);
    actor.replica = null;
    actor.waiting = [];
  }

  /** From now on these messages are lost. */
  lose(loses: Loses): void {
    this.#loses = loses;
  }

  /** Only these may talk with each other. */
  only(...groups: NodeId[][]): void {
    this.lose((from, to) => !groups.some((group) => group.includes(from) && group.includes(to)));
  }

  heal(): void {
    this.lose(() => false);
  }

  /** What is written from now on waits for `flush`. */
  holdWrites(id: NodeId): void {
    this.actor(id).slow = true;
  }

  flush(id: NodeId): void {
    const actor = this.actor(id);
    actor.slow = false;
    for (const done of actor.waiting.splice(0)) done();
    this.#deliver();
  }

  propose(id: NodeId, ...texts: string[]): void {
    this.do(id, (replica) => {
      for (const text of texts)
        if (replica.propose(valueOf(text)) === null) throw new Error(`node ${id} does not take ${text}`);
    });
  }

  /** One turn of one node, and all that follows from it. */
  do(id: NodeId, action: (replica: Replica) => void): void {
    const actor = this.actor(id);
    this.#act(actor, () => action(this.replica(id)));
    this.#deliver();
  }

  /** Hands a message to a node, as if it had been under way for long. */
  deliver(from: NodeId, to: NodeId, message: Message): void {
    this.#network.push({ from, to, message });
    this.#deliver();
  }

  /** Time passes, in steps of one election round. */
  pass(ms: number): void {
    for (const endMs = this.#now + ms; this.#now < endMs; ) {
      this.#now += ROUND_MS;
      for (const actor of this.#actors) this.#act(actor, () => {});
      this.#deliver();
    }
  }

  /** Until a leader is there. */
  elect(): NodeId {
    this.pass(2 * TIMEOUT_MS);
    const [leader] = this.leaders;
    if (leader === undefined) throw new Error("no leader");
    return leader;
  }

  /** The trace since the last call. */
  take(): string[] {
    return this.trace.splice(0);
  }

  #act(actor: Actor, event: () => void): void {
    const { replica } = actor;
    if (replica === null) return;
    const patience = (actor.id - 1) / this.#actors.length;
    replica.tick(this.#now, this.eager === null ? patience : this.eager === actor.id ? 0 : 0.99);
    event();
    this.#settle(actor, replica);
  }

  #settle(actor: Actor, replica: Replica): void {
    const effects = replica.takeEffects();
    actor.executed.push(...effects.chosen.map(({ value }) => textOf(value)));
    actor.notices.push(...effects.notices);
    actor.dropped = effects.compactedUpTo ?? actor.dropped;
    for (const step of effects.snapshots) this.#step(actor, replica, step);
    for (const { tokens, index } of effects.reads) actor.reads.push(...tokens.map((token) => ({ token, index })));
    for (const send of actor.outbox.add(effects.sends)) this.#leave(actor.id, send);
    if (effects.chosen.length > 0) {
      replica.appliedUpTo(actor.executed.length);
      this.#settle(actor, replica);
      return;
    }
    this.#write(actor, replica);
  }

  #step(actor: Actor, replica: Replica, step: SnapshotStep): void {
    actor.snapshots.push(step.kind);
    if (step.kind === "serve") {
      const { to, index, hash, offset, length } = step;
      const bytes = new Uint8Array(Math.min(length, (replica.status().snapshot?.bytes ?? 0) - offset));
      const message = { kind: "snapshotChunk", index, hash, offset, checksum: "-", bytes } as const;
      this.#leave(actor.id, { to: [to], message, lane: "bulk", after: 0 });
    } else if (step.kind === "receive") actor.receiving = { facts: step.snapshot, got: 0 };
    else if (step.kind === "giveUp") actor.receiving = null;
    else if (step.kind === "forget") this.#forget(actor, replica, step);
    else if (actor.receiving !== null) {
      const { facts } = actor.receiving;
      actor.receiving.got = step.offset + step.bytes.length;
      replica.snapshotStored(actor.receiving.got);
      if (actor.receiving.got === facts.bytes) this.install(actor.id, facts);
    }
  }

  #forget(actor: Actor, replica: Replica, { index, head }: Extract<SnapshotStep, { kind: "forget" }>): void {
    actor.head = { index, bytes: head };
    while (actor.executed.length < index) actor.executed.push("(forgotten)");
    for (const slot of actor.disk.votes.keys()) if (slot <= index) actor.disk.votes.delete(slot);
    for (const slot of actor.disk.chosen.keys()) if (slot <= index) actor.disk.chosen.delete(slot);
    replica.installSnapshot({ index, hash: "h", bytes: 1 }, head);
    this.#settle(actor, replica);
  }

  /** A snapshot of everything that a node has executed is on its disk. */
  snapshot(id: NodeId, bytes = 10): void {
    const index = this.actor(id).executed.length;
    this.do(id, (replica) => replica.snapshotTaken({ index, hash: `s${index}`, bytes }));
  }

  /** The snapshot of a peer is on the disk of this node and in its state machine. */
  install(id: NodeId, facts: SnapshotFacts): void {
    const actor = this.actor(id);
    actor.receiving = null;
    while (actor.executed.length < facts.index) actor.executed.push("(in the snapshot)");
    this.do(id, (replica) => replica.installSnapshot(facts, headOf(this.configuration)));
  }

  #write(actor: Actor, replica: Replica): void {
    const next = actor.waiting.length > 0 ? null : replica.takeWrite();
    if (next === null) return;
    actor.writes++;
    const done = (): void => {
      actor.disk.apply(next.write);
      replica.writeDone(next.id);
      for (const send of actor.outbox.durable(next.id)) this.#leave(actor.id, send);
      this.#settle(actor, replica);
    };
    if (actor.slow) actor.waiting.push(done);
    else done();
  }

  #leave(from: NodeId, send: Send): void {
    this.sent.push(send.message);
    for (const to of send.to)
      if (!this.#loses(from, to, send.message)) this.#network.push({ from, to, message: send.message });
  }

  #deliver(): void {
    let count = 0;
    for (let next = this.#network.shift(); next !== undefined; next = this.#network.shift()) {
      const { from, to, message } = next;
      if (++count > 5_000) throw new Error(`messages without end: ${this.trace.slice(-6).join(", ")}`);
      const actor = this.actor(to);
      if (message.kind !== "beat" && message.kind !== "beatReply")
        this.trace.push(`${from}>${to} ${describe(message)}`);
      this.#act(actor, () => actor.replica?.receive(from, message));
    }
  }
}

/** A story in which node 1 leads and nothing is under way. */
export function led(...args: ConstructorParameters<typeof Story>): Story {
  const story = new Story(...args);
  const leader = story.elect();
  if (leader !== 1) throw new Error(`node ${leader} leads`);
  story.take();
  return story;
}
