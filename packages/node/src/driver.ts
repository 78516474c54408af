import {
  type Clock,
  type Codec,
  type Configuration,
  type Incarnation,
  type Logger,
  type Metrics,
  type NodeId,
  type Random,
  type Slot,
  type Storage,
  type StorageWrite,
  SynodError,
  type Transport,
} from "@synod/interface";
import { type Effects, type Envelope, Outbox, type ReadVia, type Replica, type Send } from "@synod/multipaxos";
import type { ReplicatedMachine } from "@synod/rsm";
import { Applier } from "./applier.js";
import { type DigestFinding, Digests, divergedError } from "./digests.js";
import { EventHub } from "./events.js";
import { Leading } from "./leading.js";
import { Transfers } from "./transfers.js";
import { Peers } from "./peers.js";
import { Proposals, type Route } from "./proposals.js";
import { Reads } from "./reads.js";
import { type Sight, sightOf } from "./sight.js";
import { Snapshots } from "./snapshots.js";
import type { Buggify, NodeLimits, NodeQueues } from "./types.js";
import { Upgrade } from "./versions.js";
import { Wire } from "./wire.js";

type Input =
  | { readonly kind: "frame"; readonly from: NodeId; readonly frame: Uint8Array }
  | { readonly kind: "peerUp"; readonly peer: Incarnation }
  | { readonly kind: "peerDown"; readonly id: NodeId }
  | { readonly kind: "written"; readonly id: number }
  | { readonly kind: "task"; readonly run: () => void };

export interface DriverOptions {
  readonly self: Incarnation;
  readonly configuration: Configuration;
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
  /** Versions are raised only after `upgrade.allow()`. */
  readonly manualUpgrade: boolean;
  /** The node cannot go on. Called once. */
  readonly onFailure: (error: SynodError) => void;
  /** Gives the metrics what goes up and down. */
  readonly publish: () => void;
}

/** Rounds of the election clock between two looks at what goes up and down. */
const PUBLISH_ROUNDS = 8;

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
  readonly events: EventHub = new EventHub();
  readonly peers: Peers = new Peers();
  readonly transfers: Transfers;
  readonly upgrade: Upgrade;
  readonly #outbox = new Outbox();
  readonly #wire: Wire;
  readonly #leading: Leading;
  readonly #digests: Digests;
  readonly #applier: Applier;
  readonly snapshots: Snapshots;
  readonly #roundMs: number;

  #inbox: Input[] = [];
  #turnScheduled = false;
  #writing = false;
  #writeStartedMs = 0;
  #nextRoundMs = 0;
  #stopped = false;
  #cancelTimer: (() => void) | null = null;

  #rounds = 0;

  /** Counters for status. */
  campaigns = 0;
  electionsWon = 0;
  loopLagMs = 0;
  writes = 0;
  lastWriteMs = 0;

  constructor(options: DriverOptions) {
    this.#o = options;
    const { limits, random, configuration, self, buggify, machine } = options;
    this.upgrade = new Upgrade({
      self: self.nodeId,
      machine,
      members: () => configuration.members.map(({ id }) => id),
      heard: () => options.replica.status().heard,
      manual: options.manualUpgrade,
      logger: options.logger,
    });
    const version = (): number => this.upgrade.wire;
    this.#wire = new Wire({ ...options, epoch: configuration.epoch, supports: machine.supports, version });
    this.#leading = new Leading({ ...options, self: self.nodeId });
    this.transfers = new Transfers(options.replica);
    // The election needs a tick for each of its rounds, eight per timeout.
    this.#roundMs = limits.electionTimeoutMs / 8;
    this.proposals = new Proposals({
      random: { uint32: () => this.#orFail(() => random.uint32()) },
      batchBytesMax: limits.batchBytesMax,
      queueBytesMax: limits.queueBytesMax,
      queueWaitMs: limits.queueWaitMs,
      sessionLimit: limits.inFlightCommandsMax,
      resendMs: limits.electionTimeoutMs * 2,
      sessionIdleMs: SESSION_IDLE_MS,
      buggify,
    });
    const now = (): number => this.nowMs;
    this.#digests = new Digests({
      self: self.nodeId,
      members: configuration.members.map((member) => member.id),
      machine: options.machine,
      everySlots: limits.digestEverySlots,
      patienceMs: limits.electionTimeoutMs,
      now,
    });
    const onApplied = (slot: Slot): void => this.#exchangeDigests(slot);
    this.#applier = new Applier({
      ...options,
      proposals: this.proposals,
      now,
      onApplied,
      raised: (versions) => {
        options.logger.info("versions were raised", { ...versions });
        this.events.emit({ kind: "versionsRaised", versions });
      },
    });
    this.snapshots = new Snapshots({
      ...options,
      applier: this.#applier,
      now,
      inTurn: (run) => this.input({ kind: "task", run }),
      send: (to, message) => {
        this.input({ kind: "task", run: () => this.#transmit([{ to: [to], message, lane: "bulk", after: 0 }]) });
      },
      outcomesMissed: () => this.proposals.outcomesMissed(),
      emit: (event) => this.events.emit(event),
      fail: (cause) => this.#fail(cause),
    });
  }

  get nowMs(): number {
    return this.#orFail(() => this.#o.clock.now());
  }

  get commandsApplied(): number {
    return this.#applier.commands;
  }

  /** Commands and values that wait, by where. */
  get queues(): NodeQueues {
    return {
      own: { count: this.proposals.count, bytes: this.proposals.bytes },
      leader: { count: this.#leading.queuedCommands, bytes: this.#leading.queuedBytes },
      apply: { count: this.#applier.count, bytes: this.#applier.bytes },
    };
  }

  /** The error for a call that found no room. */
  busy(what: "commands" | "reads" | "calls", details: { readonly retryAfterMs: number }): SynodError {
    this.#o.metrics.count("synod_busy_total", 1, { what });
    const text = `too many ${what} wait at this node: try again in about ${details.retryAfterMs} ms`;
    return new SynodError("Busy", text, { details });
  }

  /** Peers whose frames are refused, and why. */
  get refused(): ReadonlyMap<NodeId, string> {
    return this.#wire.refused;
  }

  start(): void {
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
    this.transfers.stop();
    this.snapshots.stop();
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Asks for an index for a reader. */
  askIndex(token: number, via: ReadVia): void {
    this.#o.replica.read(token, via);
    this.wake();
  }

  cancelRead(token: number): void {
    this.#o.replica.cancelRead(token);
  }

  #armTimer(): void {
    this.#guarded(() => {
      const dueMs = this.#o.clock.now() + this.#roundMs;
      this.#cancelTimer = this.#o.clock.timer(this.#roundMs, () => {
        if (this.#stopped) return;
        this.#guarded(() => this.#late(this.#o.clock.now() - dueMs));
        this.#armTimer();
        this.wake();
      });
    });
  }

  #late(byMs: number): void {
    this.loopLagMs = Math.max(0, byMs);
    this.#o.metrics.observe("synod_loop_lag_ms", this.loopLagMs);
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
    this.proposals.dispatch(this.#route(), nowMs, this.#o.machine.timeMs);
    this.#leading.propose(nowMs, this.#applier.bytes);
    this.#startWrite(nowMs);
    this.#carryOut(replica.takeEffects());
    const { installing } = this.snapshots;
    if (!installing && this.#applier.slice()) {
      replica.appliedUpTo(this.#o.machine.applied, this.#applier.bytes);
      this.#leading.applied(this.#o.machine.applied, nowMs);
      // What became possible by executing: reads at the leader, most of all.
      this.#carryOut(replica.takeEffects());
    }
    if (!installing) {
      for (const { token, via } of this.reads.serve(this.#o.machine.applied)) {
        // The lease ran out between the last look at the clock and the answer.
        if (via === "round") this.#o.metrics.count("synod_lease_reads_refused_total");
        this.askIndex(token, via);
      }
      this.snapshots.consider();
    }
    if ((!installing && !this.#applier.idle) || this.#inbox.length > 0) this.wake();
  }

  #take(input: Input, nowMs: number): void {
    const { replica, metrics } = this.#o;
    switch (input.kind) {
      case "frame":
        return this.#receive(input.from, input.frame);
      case "peerUp":
        this.peers.up(input.peer);
        this.#o.logger.info("a peer is connected", { peer: input.peer.nodeId, bootCount: input.peer.bootCount });
        this.upgrade.lost(input.peer.nodeId);
        this.snapshots.peerLost(input.peer.nodeId);
        replica.peerLost(input.peer.nodeId);
        this.events.emit({ kind: "peerUp", peer: input.peer.nodeId });
        return;
      case "peerDown":
        this.peers.down(input.id);
        this.#o.logger.info("a peer is disconnected", { peer: input.id });
        this.upgrade.lost(input.id);
        this.snapshots.peerLost(input.id);
        replica.peerLost(input.id);
        this.events.emit({ kind: "peerDown", peer: input.id });
        return;
      case "written":
        this.#writing = false;
        this.lastWriteMs = nowMs - this.#writeStartedMs;
        metrics.observe("synod_storage_write_ms", this.lastWriteMs);
        replica.writeDone(input.id);
        this.#transmit(this.#outbox.durable(input.id));
        return;
      case "task":
        input.run();
    }
  }

  #receive(from: NodeId, frame: Uint8Array): void {
    const envelope = this.#wire.decode(from, frame);
    if (envelope === null) return;
    if (this.peers.isFormer(from, envelope.bootId)) {
      this.#o.metrics.count("synod_frames_refused_total");
      return;
    }
    this.upgrade.onFrame(from, envelope);
    const { message } = envelope;
    if (message.kind === "stateDigest") {
      this.#digests.received(from, message);
      this.#report(this.#digests.compare(message.slot));
    } else this.#o.replica.receive(from, message);
  }

  /** Once per round of the election clock: what needs no quick reaction. */
  #round(nowMs: number): void {
    this.#nextRoundMs = nowMs + this.#roundMs;
    const sight = this.#sightOnce();
    this.proposals.tick(this.#route(), nowMs, sight);
    for (const token of this.reads.expire(nowMs, sight)) this.cancelRead(token);
    this.#leading.proposeTick(nowMs);
    this.#leading.raise(this.#o.replica.leads ? this.upgrade.due() : null);
    for (const finding of this.#digests.overdue()) this.#report(finding);
    if (++this.#rounds % PUBLISH_ROUNDS === 0) this.#o.publish();
  }

  #exchangeDigests(slot: Slot): void {
    const message = this.#digests.applied(slot);
    if (message === null) return;
    const { self, configuration } = this.#o;
    const to = configuration.members.map((member) => member.id).filter((id) => id !== self.nodeId);
    if (to.length > 0) this.#transmit([{ to, message, lane: "control", after: 0 }]);
    this.#report(this.#digests.compare(slot));
  }

  #report(finding: DigestFinding | null): void {
    if (finding === null) return;
    const { logger, metrics } = this.#o;
    metrics.count("synod_state_digests_total", 1, { outcome: finding.kind });
    if (finding.kind === "agree") return;
    const { kind, slot, after, peers } = finding;
    this.events.emit({ kind: "statesDiffer", firstSlot: after + 1, lastSlot: slot, peers, outcome: kind });
    if (kind === "ownDiffers") throw divergedError(finding);
    const text =
      kind === "othersDiffer"
        ? "a peer has another state than a majority"
        : "states differ, and no majority says which is right";
    logger.error(text, { firstSlot: after + 1, lastSlot: slot, peers });
  }

  /** For as many calls as end in one round. */
  #sightOnce(): () => Sight {
    const { self, replica, configuration } = this.#o;
    let sight: Sight | null = null;
    return () => (sight ??= sightOf(self.nodeId, replica.status(), configuration));
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
    this.#o.metrics.observe("synod_storage_write_bytes", bytesOf(next.write));
    storage.write(next.write).then(
      () => this.input({ kind: "written", id: next.id }),
      (cause: unknown) => this.#fail(cause),
    );
  }

  #carryOut(effects: Effects): void {
    this.#transmit(this.#outbox.add(effects.sends));
    for (const value of effects.chosen) this.#applier.add(value);
    for (const { tokens, index, via, untilMs } of effects.reads) {
      this.reads.ready(tokens, index, untilMs);
      this.#o.metrics.count("synod_reads_total", tokens.length, { via });
    }
    for (const body of effects.forwarded) this.#leading.onForwarded(body);
    for (const { sequence, outcome } of effects.forwardOutcomes) {
      this.proposals.onForwardOutcome(sequence, outcome, this.nowMs);
    }
    for (const notice of effects.notices) this.#onNotice(notice);
    for (const step of effects.snapshots) this.snapshots.step(step);
    if (effects.compactedUpTo !== null) this.snapshots.drop(effects.compactedUpTo);
    if (effects.forwarded.length > 0 || effects.notices.length > 0) this.wake();
  }

  #transmit(sends: readonly Send[]): void {
    for (const { to, message, lane } of sends) {
      const frame = this.#stopped ? null : this.#wire.encode(message);
      if (frame !== null) this.#o.transport.send(to, frame, lane);
    }
  }

  #onNotice(notice: Effects["notices"][number]): void {
    const { logger, metrics } = this.#o;
    switch (notice.kind) {
      case "elected":
        this.electionsWon++;
        metrics.count("synod_elections_won_total");
        logger.info("this node leads", { ballot: notice.ballot, barrier: notice.barrier });
        this.events.emit({ kind: "elected", ballot: notice.ballot });
        return;
      case "leadershipEnded":
        this.#leading.stop();
        metrics.count("synod_leaderships_ended_total");
        logger.info("this node no longer leads", { ballot: notice.ballot, reason: notice.reason });
        this.events.emit({ kind: "leadershipEnded", ballot: notice.ballot, reason: notice.reason });
        return;
      case "votesAgain":
        metrics.gauge("synod_voting", 1);
        logger.info("the log is repaired: this node votes again", { upTo: notice.upTo });
        this.events.emit({ kind: "votesAgain", upTo: notice.upTo });
        return;
      case "campaign":
        this.campaigns++;
        metrics.count("synod_campaigns_total");
        logger.info("this node asks for promises to lead", { ballot: notice.ballot });
        this.events.emit({ kind: "campaign", ballot: notice.ballot });
        return;
      case "leader":
        metrics.count("synod_leader_changes_total");
        if (notice.ballot?.node !== this.#o.self.nodeId) {
          logger.info(notice.ballot === null ? "this node has no leader" : "this node follows a leader", {
            ballot: notice.ballot,
          });
        }
        // What another leader has not proposed goes to this one at once.
        if (notice.ballot !== null) this.#nextRoundMs = Number.NEGATIVE_INFINITY;
        this.events.emit({ kind: "leader", leader: notice.ballot?.node ?? null, ballot: notice.ballot });
        return;
      case "impaired":
        metrics.gauge("synod_impaired", notice.cause === null ? 0 : 1);
        if (notice.cause === null) logger.info("disk and event loop work again");
        else logger.warn("this node should not lead now", { cause: notice.cause, stillMs: notice.stillMs });
        this.events.emit({ kind: "impaired", cause: notice.cause });
        return;
      case "transferEnded":
        logger.info("a transfer of the leadership ended", { to: notice.to, done: notice.done, reason: notice.reason });
        return this.transfers.ended(notice);
      case "quorumReadFellBack":
        metrics.count("synod_quorum_reads_fell_back_total");
        return;
      case "leaseDropped":
        metrics.count("synod_leases_dropped_total", 1, { reason: notice.reason });
        logger.info("this node no longer uses its lease", { reason: notice.reason });
        return;
      case "snapshotResumed":
        metrics.count("synod_snapshots_resumed_total");
        logger.info("another peer goes on with a snapshot", { from: notice.from, offset: notice.offset });
        return;
      case "ignored":
        metrics.count("synod_messages_ignored_total", 1, { reason: notice.reason });
        logger.debug("a message was ignored", { from: notice.from, reason: notice.reason });
    }
  }
}

function bytesOf({ votes, chosen }: StorageWrite): number {
  let bytes = 0;
  for (const { value } of votes) bytes += value.length;
  for (const { value } of chosen) bytes += value.length;
  return bytes;
}
