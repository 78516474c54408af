import { type Configuration, EventHub, type NodeId, SynodError } from "@synod/interface";
import type { Effects, ReadVia } from "@synod/multipaxos";
import type { Applier } from "./applier.js";
import type { Changes } from "./changes.js";
import type { DriverOptions, Input } from "./driver-options.js";
import { applierOf, changesOf, proposalsOf, snapshotsOf, type Turns, upgradeOf, wireOf } from "./driver-parts.js";
import { Leading } from "./leading.js";
import { Loop } from "./loop.js";
import { addressBook } from "./membership.js";
import { Notices } from "./notices.js";
import { Outlook } from "./outlook.js";
import { Peers } from "./peers.js";
import type { Proposals } from "./proposals.js";
import type { Route } from "./proposals-options.js";
import { Reads } from "./reads.js";
import { Receiving } from "./receiving.js";
import { Sending } from "./sending.js";
import { type Sight, sightOf } from "./sight.js";
import type { Snapshots } from "./snapshots.js";
import { StateCheck } from "./state-check.js";
import { Transfers } from "./transfers.js";
import type { NodeEvent, NodeQueues } from "./types.js";
import type { Upgrade } from "./versions.js";
import type { Wire } from "./wire.js";
import { Writing } from "./writing.js";

/** Rounds of the election clock between two looks at what goes up and down. */
const PUBLISH_ROUNDS = 8;

/**
 * One replica at work. Everything happens in `turn`, which is synchronous: take what came in, feed the replica, start at most one
 * write, send what may leave, execute what is chosen. While a write is under way the effects that need one gather, and the
 * next write takes them all: that is the group commit, and it needs no timer.
 */
export class Driver {
  readonly #o: DriverOptions;
  readonly #loop: Loop;
  readonly proposals: Proposals;
  readonly reads: Reads = new Reads(() => this.nowMs);
  readonly watches: DriverOptions["watches"];
  readonly changes: Changes;
  readonly events: EventHub<NodeEvent> = new EventHub<NodeEvent>();
  readonly peers: Peers = new Peers();
  readonly transfers: Transfers;
  readonly upgrade: Upgrade;
  readonly snapshots: Snapshots;
  readonly notices: Notices;
  readonly writing: Writing;
  readonly #wire: Wire;
  readonly #sending: Sending;
  readonly #receiving: Receiving;
  readonly #leading: Leading;
  readonly #stateCheck: StateCheck;
  readonly #applier: Applier;
  readonly #outlook: Outlook;
  readonly #roundMs: number;

  #inbox: Input[] = [];
  #nextRoundMs = 0;
  #rounds = 0;
  /** More calls and reads are overdue than one turn could end. */
  #isOverdue = false;
  #seen: { readonly atMs: number; readonly sight: Sight } | null = null;
  /** Votes and what is proposed leave, and are written, before values are executed, which takes longer: until the next turn. */
  #isPutOff = false;

  constructor(options: DriverOptions) {
    this.#o = options;
    this.watches = options.watches;
    const { limits, random, replica, self } = options;
    const turns: Turns = {
      now: () => this.nowMs,
      input: (input) => this.input(input),
      fail: (cause) => this.#loop.fail(cause),
    };
    const { now } = turns;
    // The election needs a tick for each of its rounds, eight per timeout.
    this.#roundMs = limits.electionTimeoutMs / 8;
    this.#loop = this.#newLoop();
    this.upgrade = upgradeOf(options);
    this.#wire = wireOf(options, this.upgrade);
    this.changes = changesOf(options, (id) => this.refusalOf(id));
    this.#sending = new Sending({
      ...options,
      wire: this.#wire,
      inTurn: (run) => this.input({ kind: "task", run }),
      isChanging: () => !replica.membership().complete,
      stopped: () => this.stopped,
    });
    this.#leading = new Leading({
      ...options,
      self: self.nodeId,
      awaits: (member, slot) => this.#sending.awaits(member, slot),
    });
    this.transfers = new Transfers(replica);
    this.proposals = proposalsOf(options, { uint32: () => this.#loop.orFail(() => random.uint32()) }, turns);
    this.#stateCheck = new StateCheck({
      ...options,
      self: self.nodeId,
      configuration: () => this.configuration,
      now,
      send: (to, message) => this.#sending.send({ to, message, lane: "control", after: 0 }),
      events: this.events,
    });
    this.#applier = applierOf(options, turns, this, this.#stateCheck);
    this.snapshots = snapshotsOf(options, turns, this, { applier: this.#applier, sending: this.#sending });
    this.#receiving = new Receiving({
      ...options,
      wire: this.#wire,
      peers: this.peers,
      upgrade: this.upgrade,
      snapshots: this.snapshots,
      stateCheck: this.#stateCheck,
      events: this.events,
    });
    this.writing = new Writing({ ...options, written: (id) => this.#written(id), fail: turns.fail });
    this.notices = this.#newNotices(now);
    this.#outlook = new Outlook({
      self: self.nodeId,
      status: () => replica.status(),
      configuration: () => this.configuration,
      peers: this.peers,
      logger: options.logger,
    });
  }

  #newLoop(): Loop {
    const { clock, metrics, onFailure } = this.#o;
    return new Loop({
      clock,
      metrics,
      everyMs: this.#roundMs,
      turn: () => this.#turn(),
      onFailure: (error) => {
        this.stop();
        onFailure(error);
      },
    });
  }

  #newNotices(now: () => number): Notices {
    const { self, logger, metrics, onRemoved } = this.#o;
    return new Notices({
      self: self.nodeId,
      logger,
      metrics,
      events: this.events,
      changes: this.changes,
      transfers: this.transfers,
      leading: this.#leading,
      now,
      sight: () => this.sight,
      leaderKnown: () => {
        // What another leader has not proposed goes to this one at once.
        this.#nextRoundMs = Number.NEGATIVE_INFINITY;
      },
      membersChanged: () => this.#setMembers(),
      onRemoved,
    });
  }

  get nowMs(): number {
    return this.#loop.nowMs;
  }

  /** The same, for `status`: never throws. */
  get seenMs(): number {
    return this.#loop.seenMs;
  }

  get loopLagMs(): number {
    return this.#loop.lagMs;
  }

  /** The one in force. */
  get configuration(): Configuration {
    return this.#o.replica.membership().governing.configuration;
  }

  get commandsApplied(): number {
    return this.#applier.commands;
  }

  /** Commands and values that wait, by where; of its disk knows the replica. */
  get queues(): Omit<NodeQueues, "disk"> {
    return {
      own: { count: this.proposals.count, bytes: this.proposals.bytes },
      leader: { count: this.#leading.queuedCommands, bytes: this.#leading.queuedBytes },
      apply: { count: this.#applier.count, bytes: this.#applier.bytes },
    };
  }

  /** The error for a call that found no room. */
  busy(
    what: "commands" | "reads" | "calls" | "watches" | "changes",
    details: { readonly retryAfterMs: number },
  ): SynodError {
    this.#o.metrics.count("synod_busy_total", 1, { what });
    const text = `too many ${what} wait at this node: try again in about ${details.retryAfterMs} ms`;
    return new SynodError("Busy", text, { details });
  }

  /** Why nothing is taken from a peer; null if nothing is refused. */
  refusalOf(id: NodeId): string | null {
    return this.peers.refusalOf(id) ?? this.#wire.refused.get(id) ?? null;
  }

  /** For one call. Returns the cancelling function. */
  timer(delayMs: number, callback: () => void): () => void {
    return this.#loop.orFail(() => this.#o.clock.timer(delayMs, callback));
  }

  start(): void {
    this.#setMembers();
    this.#loop.start();
  }

  /** An event for the next turn. Ports call this; it never runs anything of the replica itself. */
  input(input: Input): void {
    if (this.stopped) return;
    this.#inbox.push(input);
    this.wake();
  }

  /** Makes sure that a turn comes. */
  wake(): void {
    this.#loop.wake();
  }

  /** No turn runs after this. */
  stop(): void {
    this.#loop.stop();
    this.#inbox = [];
    this.#leading.stop();
    this.transfers.stop();
    this.snapshots.stop();
  }

  get stopped(): boolean {
    return this.#loop.stopped;
  }

  /** Asks for an index for a reader. */
  askIndex(token: number, via: ReadVia): void {
    this.#o.replica.read(token, via);
    this.wake();
  }

  cancelRead(token: number): void {
    this.#o.replica.cancelRead(token);
  }

  #turn(): void {
    const { replica, random, buggify } = this.#o;
    const nowMs = this.nowMs;
    replica.tick(nowMs, random.uint32() / 2 ** 32);
    const inputs = this.#inbox.splice(0, buggify("one event a turn") ? 1 : this.#inbox.length);
    for (const input of inputs) this.#take(input);
    this.#leading.watch(nowMs);

    if (nowMs >= this.#nextRoundMs) this.#round(nowMs);
    else if (this.#isOverdue) this.#endOverdue(nowMs);
    this.changes.dispatch(nowMs, () => this.sight);
    this.proposals.dispatch(this.#route(), nowMs, this.#o.machine.timeMs);
    this.#leading.propose(nowMs, this.#applier.bytes);
    const isWriteFirst = this.#startWrite(nowMs) && !this.#isPutOff;
    this.#carryOut(replica.takeEffects());
    const { installing } = this.snapshots;
    this.#isPutOff = isWriteFirst && !this.#applier.idle;
    if (!installing && !this.#isPutOff && this.#applier.slice()) {
      replica.appliedUpTo(this.#o.machine.applied, this.#applier.bytes);
      this.#leading.applied(this.#o.machine.applied, nowMs);
      // What became possible by executing: reads at the leader, most of all.
      this.#carryOut(replica.takeEffects());
    }
    if (!installing) {
      const { again, more } = this.reads.serve(this.#o.machine.applied);
      for (const { token, via } of again) {
        // The lease ran out between the last look at the clock and the answer.
        if (via === "round") this.#o.metrics.count("synod_lease_reads_refused_total");
        this.askIndex(token, via);
      }
      if (this.watches.serve() || more) this.wake();
      this.snapshots.consider();
    }
    if ((!installing && !this.#applier.idle) || this.#inbox.length > 0) this.wake();
  }

  #take(input: Input): void {
    if (input.kind === "task") input.run();
    else this.#receiving.take(input);
  }

  /** Between two turns, since members wait for what leaves now: the next turn may have much to do. */
  #written(id: number): void {
    if (this.stopped) return;
    this.#loop.guarded(() => {
      this.writing.done(id, this.nowMs);
      this.#sending.durable(id);
    });
    this.wake();
  }

  /** Once per round of the election clock: what needs no quick reaction. */
  #round(nowMs: number): void {
    this.#nextRoundMs = nowMs + this.#roundMs;
    this.#endOverdue(nowMs);
    this.proposals.tick(this.#route(), nowMs);
    this.#leading.proposeTick(nowMs);
    this.#leading.raise(this.#o.replica.leads ? this.upgrade.due() : null);
    this.#stateCheck.tick();
    this.snapshots.tick();
    if (++this.#rounds % PUBLISH_ROUNDS !== 0) return;
    this.#outlook.look(nowMs);
    this.#receiving.forgetGone();
    this.#o.publish();
  }

  #endOverdue(nowMs: number): void {
    const sight = (): Sight => this.sight;
    const areCalls = this.proposals.expire(nowMs, sight);
    const { expired, more } = this.reads.expire(nowMs, sight);
    for (const token of expired) this.cancelRead(token);
    this.#isOverdue = areCalls || more;
    if (this.#isOverdue) this.wake();
  }

  /** Whom this node hears, as of this millisecond: thousands of calls may end in one. Never throws: a caller's signal may ask for it at any time. */
  get sight(): Sight {
    const { self, replica } = this.#o;
    const atMs = Math.floor(this.seenMs);
    if (this.#seen?.atMs !== atMs)
      this.#seen = { atMs, sight: sightOf(self.nodeId, replica.status(), this.configuration) };
    return this.#seen.sight;
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

  /** @returns whether one began */
  #startWrite(nowMs: number): boolean {
    // A port may have failed in the middle of this turn.
    if (this.writing.isUnderWay || this.stopped) return false;
    if (this.#o.buggify("no write this turn")) {
      this.wake();
      return false;
    }
    return this.writing.start(nowMs);
  }

  #carryOut(effects: Effects): void {
    this.#sending.add(effects.sends);
    for (const value of effects.chosen) this.#applier.add(value);
    for (const { tokens, index, via, untilMs } of effects.reads) {
      this.reads.ready(tokens, index, untilMs);
      this.#o.metrics.count("synod_reads_total", tokens.length, { via });
    }
    for (const body of effects.forwarded) this.#leading.onForwarded(body);
    for (const { sequence, outcome } of effects.forwardOutcomes) {
      this.proposals.onForwardOutcome(sequence, outcome, this.nowMs);
    }
    for (const notice of effects.notices) this.notices.take(notice);
    for (const step of effects.snapshots) this.snapshots.step(step);
    if (effects.compactedUpTo !== null) this.snapshots.drop(effects.compactedUpTo);
    if (effects.forwarded.length > 0 || effects.notices.length > 0) this.wake();
  }

  /** Everybody who may have to be spoken to: a removed member has to hear that it is one. */
  #setMembers(): void {
    const { replica, transport, addresses } = this.#o;
    this.#loop.guarded(() => transport.setMembers(addressBook(replica.membership(), addresses)));
  }
}
