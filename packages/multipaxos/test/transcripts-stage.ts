import type { Configuration, Member, NodeId, StorageWrite } from "@synod/interface";
import {
  type Effects,
  encodeConfigurationValue,
  type Message,
  type ReadVia,
  type Replica,
  type ReplicaSettings,
  type Send,
  type SnapshotFacts,
  type SnapshotStep,
} from "../src/index.js";
import { describe, describeNotice, describeWrite } from "./describe.js";
import { textOf, valueOf } from "./disk.js";
import { Checks } from "./transcripts-checks.js";
import { type Server, serversOf, type StoredSnapshot } from "./transcripts-server.js";

export const TIMEOUT_MS = 80;
/** One election round. */
export const ROUND_MS: number = TIMEOUT_MS / 8;
const DELIVERIES_MAX = 5_000;

/** A message under way. */
export interface Flight {
  readonly from: NodeId;
  readonly to: NodeId;
  readonly message: Message;
}

export type Matches = (flight: Flight) => boolean;

const isBeat = ({ kind }: Message): boolean => kind === "beat" || kind === "beatReply";

/**
 * Replicas whose messages, disks and clocks move only when told. Beats of the election are the exception: they arrive at once where
 * their link is open, and are not logged unless asked for. Everything else that happens gets a line in the log.
 */
export class Stage {
  readonly log: string[] = [];
  readonly network: Flight[] = [];
  readonly sent: Flight[] = [];
  readonly actors: readonly Server[];
  showsBeats = false;
  /** Who loses patience first. */
  impatience: readonly NodeId[];
  /** What followers say of their credit is logged. */
  showsCredit = false;
  /** To come first even if it lacks a slot: all others are very patient. */
  eager: NodeId | null = null;
  loses: Matches = () => false;
  clogs: Matches = () => false;
  readonly #configuration: Configuration;
  readonly #settings: Partial<ReplicaSettings>;
  readonly #checks: Checks;
  /** Every snapshot that was ever taken, by hash. */
  readonly #snapshots = new Map<string, StoredSnapshot>();
  #changes = 0;
  #nowMs = 0;
  #tokens = 0;
  #indent = "";

  /** @param later those who are up, and members only once the log says so */
  constructor(configuration: Configuration, settings: Partial<ReplicaSettings> = {}, later: readonly Server[] = []) {
    this.#configuration = configuration;
    this.#settings = { electionTimeoutMs: TIMEOUT_MS, ...settings };
    this.#checks = new Checks(configuration);
    this.actors = serversOf(configuration, later);
    this.impatience = this.actors.map(({ id }) => id);
    for (const { id } of this.actors) this.start(id);
  }

  actor(id: NodeId): Server {
    const actor = this.actors.find((each) => each.id === id);
    if (actor === undefined) throw new Error(`no node ${id}`);
    return actor;
  }

  replica(id: NodeId): Replica {
    const { replica } = this.actor(id);
    if (replica === null) throw new Error(`node ${id} is down`);
    return replica;
  }

  /** Who leads and is content with it. */
  get leaders(): NodeId[] {
    return this.actors.flatMap(({ id, replica, paused }) => {
      const status = replica?.status();
      return !paused && status?.role === "leader" && status.content ? [id] : [];
    });
  }

  start(id: NodeId): void {
    this.actor(id).start(this.#configuration, this.#settings);
    this.act(id, () => {});
  }

  /** The process ends. Its last write still reaches the disk, unless the power goes too. */
  crash(id: NodeId, powerToo: boolean): void {
    const actor = this.actor(id);
    this.replica(id);
    const { underWay } = actor;
    if (underWay !== null) this.#note(`${id} ${powerToo ? "loses" : "leaves behind"} write ${underWay.id}`);
    if (underWay !== null && !powerToo) this.#durable(actor, underWay.write);
    actor.stop();
  }

  /** Ends the write under way. */
  flush(id: NodeId): void {
    const actor = this.actor(id);
    const { replica, underWay } = actor;
    if (replica === null || underWay === null) throw new Error(`node ${id} writes nothing`);
    actor.underWay = null;
    this.#durable(actor, underWay.write);
    this.#note(`${id} flushed ${underWay.id}`);
    replica.writeDone(underWay.id);
    for (const send of actor.outbox.durable(underWay.id)) this.#leave(id, send);
    this.#settle(actor, replica);
    this.#answer(actor);
  }

  propose(id: NodeId, texts: readonly string[]): void {
    this.act(id, (replica) => {
      for (const text of texts) this.#propose(id, replica, text);
    });
  }

  transfer(id: NodeId, to: NodeId, timeoutMs: number): void {
    this.#note(`${id} is to hand over to ${to}`);
    this.act(id, (replica) => void replica.transferLeadership({ to, timeoutMs }));
  }

  /** The disk of a node that is down forgets these votes and values: what was flushed last was about them. */
  damage(id: NodeId, slots: readonly number[]): void {
    const actor = this.actor(id);
    if (actor.replica !== null) throw new Error(`node ${id} is up`);
    actor.disk.damage(slots);
    this.#note(`the disk of ${id} has lost what it had of s${slots.join(", s")}`);
  }

  /** The state machine stands still, or goes on. */
  holdApply(id: NodeId, holds: boolean): void {
    const actor = this.actor(id);
    actor.holdsApply = holds;
    if (!holds) this.act(id, (replica) => this.#apply(actor, replica));
  }

  /** Node `id` is asked for a configuration of these members; `stamp` is the epoch that it is made for, by default the newest that it knows. */
  change(id: NodeId, members: readonly Member[], stamp: number = this.replica(id).membership().last.epoch): void {
    const { last } = this.replica(id).membership();
    const configuration = { ...last.configuration, epoch: stamp + 1, members };
    const value = encodeConfigurationValue({ stamp, changeId: `c${++this.#changes}`, configuration });
    this.#checks.proposed(textOf(value));
    this.#note(`${id} is asked for ${textOf(value)}`);
    this.act(id, (replica) => {
      if (replica.change(value) === null) this.#note(`${id} knows no leader for it`);
    });
  }

  /** A snapshot of all that a node has executed is on its disk. */
  snapshot(id: NodeId): void {
    const actor = this.actor(id);
    const index = actor.executed.length;
    const head = this.replica(id).snapshotHead(index);
    const snapshot = { index, hash: `s${index}`, bytes: 10, head, executed: [...actor.executed] };
    this.#snapshots.set(snapshot.hash, snapshot);
    actor.keep(snapshot);
    this.#note(`${id} has a snapshot of s${index}`);
    this.act(id, (replica) => replica.snapshotTaken({ index, hash: snapshot.hash, bytes: snapshot.bytes }));
  }

  #propose(id: NodeId, replica: Replica, text: string): boolean {
    const slot = replica.propose(valueOf(text));
    this.#note(slot === null ? `${id} cannot propose ${text}` : `${id} proposes ${text} in s${slot}`);
    if (slot !== null) this.#checks.proposed(text);
    return slot !== null;
  }

  read(id: NodeId, via: ReadVia): void {
    const read = { token: ++this.#tokens, before: this.#checks.executed, index: null, via: null };
    this.actor(id).reads.push(read);
    this.#note(`${id} is asked for read ${read.token}${via === "quorum" ? ", without the leader" : ""}`);
    this.act(id, (replica) => replica.read(read.token, via));
  }

  forward(id: NodeId, text: string): void {
    this.act(id, (replica) => {
      const sequence = replica.forward(valueOf(text));
      if (sequence === null) this.#note(`${id} knows no leader for ${text}`);
    });
  }

  /** One turn of one node. Time that the node has not seen yet is told to it first. */
  act(id: NodeId, event: (replica: Replica) => void): void {
    const actor = this.actor(id);
    const { replica } = actor;
    if (replica === null || actor.paused) return;
    const patience = this.impatience.indexOf(id) / this.actors.length;
    replica.tick(this.#nowMs, this.eager === null ? patience : this.eager === id ? 0 : 0.99);
    event(replica);
    this.#settle(actor, replica);
    this.#answer(actor);
  }

  /** Puts another copy of a message under way. */
  copy(flight: Flight): void {
    this.network.push(flight);
    this.#note(`a copy of ${nameOf(flight)}`);
  }

  drop(matches: Matches): number {
    const gone = this.network.filter(matches);
    for (const flight of gone) {
      this.network.splice(this.network.indexOf(flight), 1);
      if (this.showsBeats || !isBeat(flight.message)) this.#note(`lost ${nameOf(flight)}`);
    }
    return gone.length;
  }

  /** Delivers what matches now, but not what follows from it. */
  deliver(matches: Matches): number {
    const due = this.network.filter((flight) => matches(flight) && this.#mayArrive(flight));
    for (const flight of due) this.#arrive(flight);
    return due.length;
  }

  /** Delivers everything, and all that follows from it. */
  deliverAll(matches: Matches = () => true): void {
    for (let count = 0; this.deliver(matches) > 0; count++) {
      if (count > DELIVERIES_MAX) throw new Error(`messages without end: ${this.log.slice(-6).join(", ")}`);
    }
  }

  beats(): void {
    this.deliverAll(({ message }) => isBeat(message));
  }

  /** Time passes, one election round. */
  tick(): void {
    this.#nowMs += ROUND_MS;
    for (const { id } of this.actors) this.act(id, () => {});
    this.beats();
  }

  #mayArrive(flight: Flight): boolean {
    return !this.clogs(flight) && !this.actor(flight.to).paused && this.network.includes(flight);
  }

  #arrive(flight: Flight): void {
    const { from, to, message } = flight;
    this.network.splice(this.network.indexOf(flight), 1);
    const down = this.actor(to).replica === null;
    if (this.showsBeats || !isBeat(message)) this.#note(`${nameOf(flight)}${down ? ", which is down" : ""}`);
    this.#indent = "  ";
    this.act(to, (replica) => replica.receive(from, message));
    this.#indent = "";
  }

  #settle(actor: Server, replica: Replica): void {
    const effects = replica.takeEffects();
    this.#report(actor, replica, effects);
    for (const send of actor.outbox.add(effects.sends)) this.#leave(actor.id, send);
    const more = effects.chosen.length > 0 || effects.forwarded.length > 0 || effects.snapshots.length > 0;
    for (const step of effects.snapshots) this.#step(actor, replica, step);
    if (effects.chosen.length > 0) this.#apply(actor, replica);
    if (more) return this.#settle(actor, replica);
    if (actor.underWay !== null) return;
    const next = replica.takeWrite();
    if (next === null) return;
    actor.underWay = next;
    this.#note(`${actor.id} writes ${next.id}: ${describeWrite(next.write, actor.disk)}`);
    if (!actor.holdsDisk) this.flush(actor.id);
  }

  #report(actor: Server, replica: Replica, effects: Effects): void {
    const { id } = actor;
    for (const notice of effects.notices) this.#note(`${id} ${describeNotice(notice)}`);
    for (const { slot, value } of effects.chosen) {
      this.#checks.chosen(id, slot, value);
      actor.toExecute.push({ slot, value });
      if (actor.holdsApply) this.#note(`${id} is to execute s${slot} ${textOf(value)}`);
    }
    if (!actor.holdsApply) this.#execute(actor);
    const { compactedUpTo } = effects;
    if (compactedUpTo !== null) {
      actor.drop(compactedUpTo);
      this.#note(`${id} drops its log up to s${compactedUpTo}`);
    }
    for (const { tokens, index, via } of effects.reads)
      for (const read of actor.reads) if (tokens.includes(read.token)) Object.assign(read, { index, via });
    for (const { from, bootId, sequence, body } of effects.forwarded) {
      const taken = this.#propose(id, replica, textOf(body));
      replica.replyForward(from, bootId, sequence, taken ? "queued" : "busy");
    }
    for (const { sequence, outcome } of effects.forwardOutcomes)
      this.#note(`${id} hears of forward #${sequence}: ${outcome}`);
  }

  #apply(actor: Server, replica: Replica): void {
    if (!actor.holdsApply) this.#execute(actor);
    const waiting = actor.toExecute.reduce((sum, { value }) => sum + value.length, 0);
    replica.appliedUpTo(actor.executed.length, waiting);
  }

  #execute({ id, executed, toExecute }: Server): void {
    for (const { slot, value } of toExecute.splice(0)) {
      executed.push(textOf(value));
      this.#note(`${id} executes s${slot} ${textOf(value)}`);
    }
  }

  /** Parts of snapshots are served and stored at once. */
  #step(actor: Server, replica: Replica, step: SnapshotStep): void {
    const { id } = actor;
    switch (step.kind) {
      case "serve": {
        const { to, index, hash, offset, length } = step;
        const bytes = new Uint8Array(Math.min(length, (this.#snapshots.get(hash)?.bytes ?? 0) - offset));
        const message = { kind: "snapshotChunk", index, hash, offset, checksum: "-", bytes } as const;
        return this.#leave(id, { to: [to], message, lane: "bulk", after: 0 });
      }
      case "receive":
        actor.receiving = { facts: step.snapshot, got: 0 };
        return;
      case "giveUp":
        actor.receiving = null;
        return this.#note(`${id} gives up the snapshot: ${step.reason}`);
      case "store": {
        const { receiving } = actor;
        if (receiving === null) return;
        receiving.got = step.offset + step.bytes.length;
        replica.snapshotStored(receiving.got);
        const stored = this.#snapshots.get(receiving.facts.hash);
        if (receiving.got === receiving.facts.bytes && stored !== undefined) this.#install(actor, replica, stored);
        return;
      }
      case "forget": {
        const { index, head } = step;
        this.#note(`${id} forgets everything up to s${index}`);
        const holders = this.actors.filter((each) => !each.witness && each.holdsUpTo >= index);
        this.#checks.forgets(id, index, holders.length);
        this.#install(actor, replica, { index, hash: `w${index}`, bytes: 1, head, executed: [] });
      }
    }
  }

  #install(actor: Server, replica: Replica, snapshot: StoredSnapshot): void {
    const { index, hash, bytes, head } = snapshot;
    const facts: SnapshotFacts = { index, hash, bytes };
    actor.receiving = null;
    actor.keep(snapshot);
    if (!actor.witness) this.#note(`${actor.id} has the snapshot of s${index}: [${snapshot.executed.join(" ")}]`);
    replica.installSnapshot(facts, head);
  }

  #answer(actor: Server): void {
    const { id, executed } = actor;
    const ready = actor.reads.filter(({ index }) => index !== null && index <= executed.length);
    actor.reads = actor.reads.filter((read) => !ready.includes(read));
    for (const { token, before, via } of ready) {
      this.#checks.answered(id, before, executed.length);
      const vouches = { leader: "", quorum: " for a quorum", lease: " under its lease" }[via ?? "leader"];
      this.#note(`${id} answers read ${token}${vouches}: [${executed.join(" ")}]`);
    }
  }

  #durable(actor: Server, write: StorageWrite): void {
    this.#checks.durable(actor.id, actor.disk, write);
    actor.disk.apply(write);
  }

  #leave(from: NodeId, { to: receivers, message }: Send): void {
    this.#checks.leaves(from, this.actor(from).disk, message);
    const flights = receivers.map((to) => ({ from, to, message }));
    const lost = flights.filter((flight) => this.loses(flight));
    this.sent.push(...flights);
    this.network.push(...flights.filter((flight) => !lost.includes(flight)));
    if (isBeat(message) && !this.showsBeats) return;
    const names = flights.map((flight) => `${flight.to}${lost.includes(flight) ? " (lost)" : ""}`);
    this.#note(`${from} sends ${this.#describe(message)} to ${names.join(", ")}`);
  }

  #describe(message: Message): string {
    const credit = this.showsCredit && message.kind === "accepted" ? ` credit ${message.creditBytes}` : "";
    return describe(message) + credit;
  }

  #note(line: string): void {
    this.log.push(this.#indent + line);
  }
}

const nameOf = ({ from, to, message }: Flight): string => `${from}>${to} ${describe(message)}`;
