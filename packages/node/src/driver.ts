import {
  type Clock,
  type Codec,
  type Incarnation,
  type Logger,
  type Member,
  type Metrics,
  type NodeId,
  type Random,
  type Storage,
  SynodError,
  type Transport,
} from "@synod/interface";
import { type Effects, type Envelope, Outbox, type Replica, type Send } from "@synod/multipaxos";
import type { ReplicatedMachine } from "@synod/rsm";
import { Applier } from "./applier.js";
import { Changes } from "./changes.js";
import { EventHub } from "./events.js";
import { Leading } from "./leading.js";
import { Peers } from "./peers.js";
import { Proposals, type Route } from "./proposals.js";
import { Reads } from "./reads.js";
import { type Sight, sightOf } from "./sight.js";
import { addressBook } from "./membership.js";
import type { Buggify, NodeLimits } from "./types.js";
import { Wire } from "./wire.js";

type Input =
  | { readonly kind: "frame"; readonly from: NodeId; readonly frame: Uint8Array }
  | { readonly kind: "peerUp"; readonly peer: Incarnation }
  | { readonly kind: "peerDown"; readonly id: NodeId }
  | { readonly kind: "written"; readonly id: number };

export interface DriverOptions {
  readonly self: Incarnation;
  /** Where members listen that the log says nothing of. */
  readonly addresses: readonly Member[];
  readonly replica: Replica;
  readonly machine: Omit<ReplicatedMachine<never, unknown>, "query">;
  readonly transport: Transport;
  readonly storage: Storage;
  readonly codec: Codec<Envelope>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits: NodeLimits;
  readonly buggify: Buggify;
  /** The node cannot go on. Called once. */
  readonly onFailure: (error: SynodError) => void;
  /** The node is no member any more, and may stop. Called once. */
  readonly onRemoved: (epoch: number) => void;
}

/** A third of the least time for which the cluster remembers an unused session. */
const SESSION_IDLE_MS = 200_000;

/**
 * One replica at work. Everything happens in `turn`, which is synchronous: take what came in, feed the replica, start at most one
 * write, send what may leave, execute what is chosen. While a write is under way the effects that need one gather, and the
 * next write takes them all: that is the group commit, and it needs no timer.
 */
export class Driver {
  readonly #o: DriverOptions;
  readonly proposals: Proposals;
  readonly reads: Reads = new Reads();
  readonly changes: Changes;
  readonly events: EventHub = new EventHub();
  readonly peers: Peers = new Peers();
  readonly #outbox = new Outbox();
  readonly #wire: Wire;
  readonly #leading: Leading;
  readonly #applier: Applier;
  readonly #roundMs: number;

  #inbox: Input[] = [];
  #turnScheduled = false;
  #writing = false;
  #writeStartedMs = 0;
  #nextRoundMs = 0;
  #stopped = false;
  #cancelTimer: (() => void) | null = null;

  /** Counters for status. */
  writes = 0;
  lastWriteMs = 0;

  constructor(options: DriverOptions) {
    this.#o = options;
    const { limits, random, replica, self, buggify } = options;
    this.#wire = new Wire({ ...options, epoch: () => replica.membership().last.epoch });
    this.changes = new Changes({
      replica,
      name: `${self.nodeId}.${self.bootId}`,
      resendMs: limits.electionTimeoutMs * 2,
    });
    this.#leading = new Leading({ ...options, self: self.nodeId });
    // The election needs a tick for each of its rounds, eight per timeout.
    this.#roundMs = limits.electionTimeoutMs / 8;
    this.proposals = new Proposals({
      random: { uint32: () => this.#orFail(() => random.uint32()) },
      batchBytesMax: limits.batchBytesMax,
      queueBytesMax: limits.queueBytesMax,
      sessionLimit: limits.inFlightCommandsMax,
      resendMs: limits.electionTimeoutMs * 2,
      sessionIdleMs: SESSION_IDLE_MS,
      buggify,
    });
    this.#applier = new Applier({ ...options, proposals: this.proposals, now: () => this.nowMs });
  }

  get nowMs(): number {
    return this.#orFail(() => this.#o.clock.now());
  }

  get commandsApplied(): number {
    return this.#applier.commands;
  }

  /** Peers whose frames are refused, and why. */
  get refused(): ReadonlyMap<NodeId, string> {
    return this.#wire.refused;
  }

  start(): void {
    this.#setMembers();
    this.#armTimer();
    this.wake();
  }

  /** An event for the next turn. Ports call this; it never runs anything of the replica itself. */
  input(input: Input): void {
    if (this.#stopped) return;
    this.#inbox.push(input);
    this.wake();
  }

  /** Makes sure that a turn comes. */
  wake(): void {
    if (this.#turnScheduled || this.#stopped) return;
    this.#turnScheduled = true;
    this.#guarded(() => this.#o.clock.soon(() => this.#guardedTurn()));
  }

  /** No turn runs after this. */
  stop(): void {
    this.#stopped = true;
    this.#guarded(() => this.#cancelTimer?.());
    this.#inbox = [];
    this.#leading.stop();
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Asks for an index for a reader. */
  askIndex(token: number): void {
    this.#o.replica.read(token);
    this.wake();
  }

  cancelRead(token: number): void {
    this.#o.replica.cancelRead(token);
  }

  #armTimer(): void {
    this.#guarded(() => {
      this.#cancelTimer = this.#o.clock.timer(this.#roundMs, () => {
        if (this.#stopped) return;
        this.#armTimer();
        this.wake();
      });
    });
  }

  #guardedTurn(): void {
    this.#turnScheduled = false;
    if (!this.#stopped) this.#guarded(() => this.#turn());
  }

  /** What throws ends the node: nobody knows which half of it was done. */
  #guarded(action: () => void): void {
    try {
      action();
    } catch (cause) {
      this.#fail(cause);
    }
  }

  /** The same for a call whose answer is needed. */
  #orFail<T>(call: () => T): T {
    try {
      return call();
    } catch (cause) {
      this.#fail(cause);
      throw new SynodError("Closed", "the node stops: one of its ports failed", { cause });
    }
  }

  #fail(cause: unknown): void {
    if (this.#stopped) return;
    this.stop();
    const text = "the node stops: an unexpected error in it or in one of its ports";
    this.#o.onFailure(cause instanceof SynodError ? cause : new SynodError("InvariantViolated", text, { cause }));
  }

  #turn(): void {
    const { replica, random, buggify } = this.#o;
    const nowMs = this.nowMs;
    replica.tick(nowMs, random.uint32() / 2 ** 32);
    const inputs = this.#inbox.splice(0, buggify("one event a turn") ? 1 : this.#inbox.length);
    for (const input of inputs) this.#take(input, nowMs);
    this.#leading.watch(nowMs);

    if (nowMs >= this.#nextRoundMs) this.#round(nowMs);
    this.changes.dispatch(nowMs, this.#sightOnce());
    this.proposals.dispatch(this.#route(), nowMs, this.#o.machine.timeMs);
    this.#leading.propose(nowMs, this.#applier.bytes);
    this.#startWrite(nowMs);
    this.#carryOut(replica.takeEffects());
    if (this.#applier.slice()) {
      replica.appliedUpTo(this.#o.machine.applied);
      // What became possible by executing: reads at the leader, most of all.
      this.#carryOut(replica.takeEffects());
    }
    this.reads.serve(this.#o.machine.applied);
    if (!this.#applier.idle || this.#inbox.length > 0) this.wake();
  }

  #take(input: Input, nowMs: number): void {
    const { replica, metrics } = this.#o;
    switch (input.kind) {
      case "frame":
        return this.#receive(input.from, input.frame);
      case "peerUp":
        this.peers.up(input.peer);
        replica.peerLost(input.peer.nodeId);
        this.events.emit({ kind: "peerUp", peer: input.peer.nodeId });
        return;
      case "peerDown":
        this.peers.down(input.id);
        replica.peerLost(input.id);
        this.events.emit({ kind: "peerDown", peer: input.id });
        return;
      case "written":
        this.#writing = false;
        this.lastWriteMs = nowMs - this.#writeStartedMs;
        metrics.observe("synod_storage_write_ms", this.lastWriteMs);
        replica.writeDone(input.id);
        this.#transmit(this.#outbox.durable(input.id));
    }
  }

  #receive(from: NodeId, frame: Uint8Array): void {
    const envelope = this.#wire.decode(from, frame);
    if (envelope === null) return;
    if (this.peers.isFormer(from, envelope.bootId)) this.#o.metrics.count("synod_frames_refused_total");
    else this.#o.replica.receive(from, envelope.message);
  }

  /** Once per round of the election clock: what needs no quick reaction. */
  #round(nowMs: number): void {
    this.#nextRoundMs = nowMs + this.#roundMs;
    const sight = this.#sightOnce();
    this.proposals.tick(this.#route(), nowMs, sight);
    for (const token of this.reads.expire(nowMs, sight)) this.cancelRead(token);
    this.#leading.proposeTick(nowMs);
  }

  /** For as many calls as end in one round. */
  #sightOnce(): () => Sight {
    const { self, replica } = this.#o;
    let sight: Sight | null = null;
    return () => (sight ??= sightOf(self.nodeId, replica.status(), replica.membership().governing.configuration));
  }

  #route(): Route {
    const { replica } = this.#o;
    return {
      leads: replica.leads,
      leaderBallot: replica.leaderBallot,
      lead: (proposal, entry) => this.#leading.enqueue(proposal, entry),
      forward: (body) => replica.forward(body),
    };
  }

  #startWrite(nowMs: number): void {
    // A port may have failed in the middle of this turn.
    if (this.#writing || this.#stopped) return;
    const { replica, storage, buggify } = this.#o;
    if (buggify("no write this turn")) return this.wake();
    const next = replica.takeWrite();
    if (next === null) return;
    this.#writing = true;
    this.#writeStartedMs = nowMs;
    this.writes++;
    storage.write(next.write).then(
      () => this.input({ kind: "written", id: next.id }),
      (cause: unknown) => this.#fail(cause),
    );
  }

  #carryOut(effects: Effects): void {
    this.#transmit(this.#outbox.add(effects.sends));
    for (const value of effects.chosen) this.#applier.add(value);
    for (const { tokens, index } of effects.reads) this.reads.ready(tokens, index);
    for (const body of effects.forwarded) this.#leading.onForwarded(body);
    for (const { sequence, outcome } of effects.forwardOutcomes) {
      this.proposals.onForwardOutcome(sequence, outcome, this.nowMs);
    }
    for (const notice of effects.notices) this.#onNotice(notice);
    if (effects.forwarded.length > 0 || effects.notices.length > 0) this.wake();
  }

  #transmit(sends: readonly Send[]): void {
    for (const { to, message, lane } of sends) {
      const frame = this.#stopped ? null : this.#wire.encode(message);
      if (frame !== null) this.#o.transport.send(to, frame, lane);
    }
  }

  /** Everybody who may have to be spoken to: a removed member has to hear that it is one. */
  #setMembers(): void {
    const { replica, transport, addresses } = this.#o;
    this.#guarded(() => transport.setMembers(addressBook(replica.membership(), addresses)));
  }

  #onNotice(notice: Effects["notices"][number]): void {
    const { logger, metrics } = this.#o;
    switch (notice.kind) {
      case "elected":
        logger.info("this node leads", { ballot: notice.ballot, barrier: notice.barrier });
        this.events.emit({ kind: "elected", ballot: notice.ballot });
        return;
      case "leadershipEnded":
        this.#leading.stop();
        logger.info("this node no longer leads", { ballot: notice.ballot, reason: notice.reason });
        this.events.emit({ kind: "leadershipEnded", ballot: notice.ballot, reason: notice.reason });
        return;
      case "campaign":
        metrics.count("synod_campaigns_total");
        this.events.emit({ kind: "campaign", ballot: notice.ballot });
        return;
      case "leader":
        this.events.emit({ kind: "leader", leader: notice.ballot?.node ?? null, ballot: notice.ballot });
        return;
      case "configuration": {
        const { configuration, from, epoch } = notice.governing;
        logger.info("the members change", { epoch, from, members: configuration.members });
        metrics.gauge("synod_configuration_epoch", epoch);
        this.#setMembers();
        this.events.emit({ kind: "configuration", configuration, from });
        return;
      }
      case "changeVoid":
        logger.info("a change of the members has no effect", { slot: notice.slot, reason: notice.reason });
        return;
      case "changeComplete":
        logger.info("the change of the members is complete", { epoch: notice.epoch });
        this.events.emit({ kind: "changeComplete", epoch: notice.epoch });
        // Now: if it removed this node, there is no next turn.
        this.changes.dispatch(this.nowMs, this.#sightOnce());
        return;
      case "changeAnswered":
        this.changes.onAnswer(notice.sequence, notice.refused, this.nowMs);
        return;
      case "removed":
        logger.warn("this node was removed", { epoch: notice.epoch, mayStop: notice.mayStop });
        this.events.emit({ kind: "removed", epoch: notice.epoch, mayStop: notice.mayStop });
        if (notice.mayStop) this.#o.onRemoved(notice.epoch);
        return;
      case "ignored":
        metrics.count("synod_messages_ignored_total", 1, { reason: notice.reason });
        logger.debug("a message was ignored", { from: notice.from, reason: notice.reason });
    }
  }
}
