import type { Configuration, NodeId, Slot, StorageWrite } from "@synod/interface";
import { type Effects, type Message, Outbox, Replica, type ReplicaSettings, type Send } from "../src/index.js";
import { describe, describeNotice, describeWrite } from "./describe.js";
import { Disk, textOf, valueOf } from "./disk.js";
import { Checks } from "./transcripts-checks.js";

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

interface UnderWay {
  readonly id: number;
  readonly write: StorageWrite;
}

interface Read {
  readonly token: number;
  /** How much anybody had executed when it was asked. */
  readonly before: Slot;
  index: Slot | null;
}

interface Actor {
  readonly id: NodeId;
  readonly disk: Disk;
  replica: Replica | null;
  outbox: Outbox;
  lives: number;
  paused: boolean;
  holdsDisk: boolean;
  underWay: UnderWay | null;
  executed: string[];
  reads: Read[];
}

const isBeat = ({ kind }: Message): boolean => kind === "beat" || kind === "beatReply";

/**
 * Replicas whose messages, disks and clocks move only when told. Beats of the election are the exception: they arrive at once where
 * their link is open, and are not logged unless asked for. Everything else that happens gets a line in the log.
 */
export class Stage {
  readonly log: string[] = [];
  readonly network: Flight[] = [];
  readonly sent: Flight[] = [];
  readonly actors: readonly Actor[];
  showsBeats = false;
  /** Who loses patience first. */
  impatience: readonly NodeId[];
  /** To come first even if it lacks a slot: all others are very patient. */
  eager: NodeId | null = null;
  loses: Matches = () => false;
  clogs: Matches = () => false;
  readonly #configuration: Configuration;
  readonly #settings: Partial<ReplicaSettings>;
  readonly #checks: Checks;
  #nowMs = 0;
  #tokens = 0;
  #indent = "";

  constructor(configuration: Configuration, settings: Partial<ReplicaSettings> = {}) {
    this.#configuration = configuration;
    this.#settings = { electionTimeoutMs: TIMEOUT_MS, ...settings };
    this.#checks = new Checks(configuration);
    this.impatience = configuration.members.map(({ id }) => id);
    this.actors = this.impatience.map((id) => ({
      id,
      disk: new Disk(),
      replica: null,
      outbox: new Outbox(),
      lives: 0,
      paused: false,
      holdsDisk: false,
      underWay: null,
      executed: [],
      reads: [],
    }));
    for (const { id } of this.actors) this.start(id);
  }

  actor(id: NodeId): Actor {
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
    const actor = this.actor(id);
    if (actor.replica !== null) throw new Error(`node ${id} is up`);
    actor.replica = new Replica({
      nodeId: id,
      bootId: `${id}:${++actor.lives}`,
      configuration: this.#configuration,
      recovered: actor.disk.recovered(),
      settings: this.#settings,
    });
    actor.outbox = new Outbox();
    actor.executed = [];
    this.act(id, () => {});
  }

  /** The process ends. Its last write still reaches the disk, unless the power goes too. */
  crash(id: NodeId, powerToo: boolean): void {
    const actor = this.actor(id);
    this.replica(id);
    const { underWay } = actor;
    if (underWay !== null) this.#note(`${id} ${powerToo ? "loses" : "leaves behind"} write ${underWay.id}`);
    if (underWay !== null && !powerToo) this.#durable(actor, underWay.write);
    Object.assign(actor, { replica: null, underWay: null, paused: false, holdsDisk: false, reads: [] });
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

  transfer(id: NodeId, to: NodeId): void {
    this.#note(`${id} is to hand over to ${to}`);
    this.act(id, (replica) => void replica.transferLeadership({ to, timeoutMs: 1_000 }));
  }

  #propose(id: NodeId, replica: Replica, text: string): boolean {
    const slot = replica.propose(valueOf(text));
    this.#note(slot === null ? `${id} cannot propose ${text}` : `${id} proposes ${text} in s${slot}`);
    if (slot !== null) this.#checks.proposed(text);
    return slot !== null;
  }

  read(id: NodeId): void {
    const read: Read = { token: ++this.#tokens, before: this.#checks.executed, index: null };
    this.actor(id).reads.push(read);
    this.#note(`${id} is asked for read ${read.token}`);
    this.act(id, (replica) => replica.read(read.token));
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

  #settle(actor: Actor, replica: Replica): void {
    const effects = replica.takeEffects();
    this.#report(actor, replica, effects);
    for (const send of actor.outbox.add(effects.sends)) this.#leave(actor.id, send);
    const more = effects.chosen.length > 0 || effects.forwarded.length > 0;
    if (effects.chosen.length > 0) replica.appliedUpTo(actor.executed.length);
    if (more) return this.#settle(actor, replica);
    if (actor.underWay !== null) return;
    const next = replica.takeWrite();
    if (next === null) return;
    actor.underWay = next;
    this.#note(`${actor.id} writes ${next.id}: ${describeWrite(next.write, actor.disk)}`);
    if (!actor.holdsDisk) this.flush(actor.id);
  }

  #report(actor: Actor, replica: Replica, effects: Effects): void {
    const { id, executed } = actor;
    for (const notice of effects.notices) this.#note(`${id} ${describeNotice(notice)}`);
    for (const { slot, value } of effects.chosen) {
      const text = textOf(value);
      this.#checks.chosen(id, slot, text);
      executed.push(text);
      this.#note(`${id} executes s${slot} ${text}`);
    }
    for (const { tokens, index } of effects.reads)
      for (const read of actor.reads) if (tokens.includes(read.token)) read.index = index;
    for (const { from, bootId, sequence, body } of effects.forwarded) {
      const taken = this.#propose(id, replica, textOf(body));
      replica.replyForward(from, bootId, sequence, taken ? "queued" : "busy");
    }
    for (const { sequence, outcome } of effects.forwardOutcomes)
      this.#note(`${id} hears of forward #${sequence}: ${outcome}`);
  }

  #answer(actor: Actor): void {
    const { id, executed } = actor;
    const ready = actor.reads.filter(({ index }) => index !== null && index <= executed.length);
    actor.reads = actor.reads.filter((read) => !ready.includes(read));
    for (const { token, before } of ready) {
      this.#checks.answered(id, before, executed.length);
      this.#note(`${id} answers read ${token}: [${executed.join(" ")}]`);
    }
  }

  #durable(actor: Actor, write: StorageWrite): void {
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
    this.#note(`${from} sends ${describe(message)} to ${names.join(", ")}`);
  }

  #note(line: string): void {
    this.log.push(this.#indent + line);
  }
}

const nameOf = ({ from, to, message }: Flight): string => `${from}>${to} ${describe(message)}`;
