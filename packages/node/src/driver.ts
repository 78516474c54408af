import {
  type ChosenValue,
  type Clock,
  type Codec,
  type Incarnation,
  type Logger,
  type Metrics,
  type NodeId,
  type Random,
  type Slot,
  type Storage,
  SynodError,
  type Transport,
} from "@synod/interface";
import { type Effects, type Envelope, type ForwardedBody, Outbox, type Replica, type Send } from "@synod/multipaxos";
import { type BatchEntry, decodeBatch, encodeBatch, entrySize, type ReplicatedMachine } from "@synod/rsm";
import { EventHub } from "./events.js";
import { LeaderQueue, type Queued } from "./leader-queue.js";
import { LoggedTime } from "./logged-time.js";
import { Peers } from "./peers.js";
import type { Proposal } from "./proposal.js";
import { Proposals, type Route } from "./proposals.js";
import { Reads } from "./reads.js";
import type { NodeLimits } from "./types.js";
import { Wire } from "./wire.js";

type Input =
  | { readonly kind: "frame"; readonly from: NodeId; readonly frame: Uint8Array }
  | { readonly kind: "peerUp"; readonly peer: Incarnation }
  | { readonly kind: "peerDown"; readonly id: NodeId }
  | { readonly kind: "written"; readonly id: number };

export interface DriverOptions {
  readonly self: Incarnation;
  readonly epoch: number;
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
  /** The node cannot go on. Called once. */
  readonly onFailure: (error: SynodError) => void;
}

/** Executing chosen values may take this long in one turn; then the sockets get their turn. */
const APPLY_SLICE_MS = 5;
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
  readonly queue: LeaderQueue = new LeaderQueue();
  readonly events: EventHub = new EventHub();
  readonly peers: Peers = new Peers();
  readonly #outbox = new Outbox();
  readonly #time = new LoggedTime();
  readonly #wire: Wire;
  readonly #roundMs: number;

  #inbox: Input[] = [];
  #applyQueue: ChosenValue[] = [];
  #applyHead = 0;
  #applyBytes = 0;
  #turnScheduled = false;
  #writing = false;
  #writeStartedMs = 0;
  #nextRoundMs = 0;
  #stopped = false;
  #cancelTimer: (() => void) | null = null;
  #tickProposedAt: Slot = 0;
  #leads = false;

  /** Counters for status. */
  writes = 0;
  lastWriteMs = 0;
  commandsApplied = 0;

  constructor(options: DriverOptions) {
    this.#o = options;
    const { limits, random } = options;
    this.#wire = new Wire(options);
    // The election needs a tick for each of its rounds, eight per timeout.
    this.#roundMs = limits.electionTimeoutMs / 8;
    this.proposals = new Proposals({
      random,
      batchBytesMax: limits.batchBytesMax,
      queueBytesMax: limits.queueBytesMax,
      sessionLimit: limits.inFlightCommandsMax,
      resendMs: limits.electionTimeoutMs * 2,
      sessionIdleMs: SESSION_IDLE_MS,
    });
  }

  get nowMs(): number {
    return this.#orFail(() => this.#o.clock.now());
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
    this.#cancelTimer?.();
    this.#inbox = [];
    this.queue.clear();
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
    const { replica, random } = this.#o;
    const nowMs = this.nowMs;
    replica.tick(nowMs, random.uint32() / 2 ** 32);
    const inputs = this.#inbox;
    this.#inbox = [];
    for (const input of inputs) this.#take(input, nowMs);
    // Before anything is proposed: a clock that goes on from elsewhere would end every session.
    if (replica.leads && !this.#leads) this.#time.begin(this.#o.machine.timeMs, nowMs);
    this.#leads = replica.leads;

    if (nowMs >= this.#nextRoundMs) this.#round(nowMs);
    this.proposals.dispatch(this.#route(), nowMs, this.#o.machine.timeMs);
    this.#propose(nowMs);
    this.#startWrite(nowMs);
    this.#carryOut(replica.takeEffects());
    if (this.#applySlice()) {
      // What became possible by executing: reads at the leader, most of all.
      this.#carryOut(replica.takeEffects());
    }
    this.reads.serve(this.#o.machine.applied);
    if (this.#applyHead < this.#applyQueue.length) this.wake();
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
    this.proposals.tick(this.#route(), nowMs);
    for (const token of this.reads.expire(nowMs)) this.cancelRead(token);
    this.#proposeTick(nowMs);
  }

  #route(): Route {
    const { replica } = this.#o;
    return {
      leads: replica.leads,
      leaderBallot: replica.leaderBallot,
      lead: (proposal, entry) => this.#enqueue(proposal, entry),
      forward: (body) => replica.forward(body),
    };
  }

  #enqueue(proposal: Proposal, entry: BatchEntry): void {
    this.queue.add(this.#o.self.nodeId, {
      entry,
      bytes: entrySize(entry),
      wanted: () => !proposal.settled,
      proposed: () => {
        proposal.queuedHere = false;
      },
      dropped: () => {
        proposal.queuedHere = false;
        proposal.copies--;
        proposal.sentTo = null;
      },
    });
    proposal.queuedHere = true;
  }

  /** Forms batches of what waits, as far as the window allows: an idle leader proposes at once. */
  #propose(nowMs: number): void {
    const { replica, machine, limits } = this.#o;
    while (this.queue.count > 0 && replica.capacity() > 0 && this.#applyBytes < limits.applyBytesMax) {
      const batch = this.queue.take(limits.batchBytesMax);
      if (batch.length === 0) return;
      const timeMs = this.#time.now(machine.timeMs, nowMs);
      replica.propose(
        encodeBatch(
          timeMs,
          batch.map((queued) => queued.entry),
        ),
      );
      for (const queued of batch) queued.proposed();
    }
  }

  /** An idle leader logs the time where a session or the state machine waits for it. One tick at a time. */
  #proposeTick(nowMs: number): void {
    const { replica, machine } = this.#o;
    if (replica.capacity() === 0 || this.queue.count > 0 || this.#tickProposedAt > machine.applied) return;
    const deadline = machine.nextDeadline();
    const timeMs = this.#time.now(machine.timeMs, nowMs);
    if (deadline === null || timeMs < deadline || machine.timeMs >= deadline) return;
    this.#tickProposedAt = replica.propose(encodeBatch(timeMs, [])) ?? 0;
  }

  #startWrite(nowMs: number): void {
    if (this.#writing) return;
    const { replica, storage } = this.#o;
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
    for (const value of effects.chosen) {
      this.#applyQueue.push(value);
      this.#applyBytes += value.value.length;
    }
    for (const { tokens, index } of effects.reads) this.reads.ready(tokens, index);
    for (const body of effects.forwarded) this.#onForwarded(body);
    for (const { sequence, outcome } of effects.forwardOutcomes) {
      this.proposals.onForwardOutcome(sequence, outcome, this.nowMs);
    }
    for (const notice of effects.notices) this.#onNotice(notice);
    if (effects.forwarded.length > 0 || effects.notices.length > 0) this.wake();
  }

  #transmit(sends: readonly Send[]): void {
    for (const { to, message, lane } of sends) {
      const frame = this.#wire.encode(message);
      if (frame !== null) this.#o.transport.send(to, frame, lane);
    }
  }

  /** A peer wants commands proposed. They join the queue under its name. */
  #onForwarded({ from, bootId, sequence, body }: ForwardedBody): void {
    const { replica, limits, logger } = this.#o;
    let entries: readonly BatchEntry[];
    try {
      ({ entries } = decodeBatch(body));
    } catch (cause) {
      logger.warn("a forwarded batch was refused", { from, cause });
      return;
    }
    if (!replica.leads || this.queue.bytes + body.length > limits.queueBytesMax) {
      replica.replyForward(from, bootId, sequence, replica.leads ? "busy" : "notProposed");
      return;
    }
    let proposed = 0;
    let dropped = 0;
    const part: Omit<Queued, "entry" | "bytes"> = {
      wanted: () => true,
      proposed: () => {
        proposed++;
      },
      // Only a batch of which nothing was proposed is surely without effect.
      dropped: () => {
        dropped++;
        if (proposed === 0 && dropped === entries.length) replica.replyForward(from, bootId, sequence, "notProposed");
      },
    };
    for (const entry of entries) this.queue.add(from, { entry, bytes: entrySize(entry), ...part });
    replica.replyForward(from, bootId, sequence, "queued");
  }

  #onNotice(notice: Effects["notices"][number]): void {
    const { logger, metrics } = this.#o;
    switch (notice.kind) {
      case "elected":
        logger.info("this node leads", { ballot: notice.ballot, barrier: notice.barrier });
        this.events.emit({ kind: "elected", ballot: notice.ballot });
        return;
      case "leadershipEnded":
        this.queue.clear();
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
      case "ignored":
        metrics.count("synod_messages_ignored_total", 1, { reason: notice.reason });
        logger.debug("a message was ignored", { from: notice.from, reason: notice.reason });
    }
  }

  /** Executes chosen values in slot order for a while. Returns whether anything was executed. */
  #applySlice(): boolean {
    if (this.#applyHead >= this.#applyQueue.length) return false;
    const { replica, machine } = this.#o;
    const startedMs = this.nowMs;
    let nowMs = startedMs;
    do {
      const next = this.#applyQueue[this.#applyHead];
      if (next === undefined) break;
      this.#applyHead++;
      this.#applyBytes -= next.value.length;
      this.#apply(next, nowMs);
      nowMs = this.nowMs;
    } while (nowMs - startedMs < APPLY_SLICE_MS);
    if (this.#applyHead === this.#applyQueue.length || this.#applyHead > 1024) {
      this.#applyQueue.splice(0, this.#applyHead);
      this.#applyHead = 0;
    }
    replica.appliedUpTo(machine.applied);
    return true;
  }

  #apply({ slot, value }: ChosenValue, nowMs: number): void {
    const { machine } = this.#o;
    for (const outcome of machine.apply(slot, value)) {
      if (outcome.kind === "result" && !outcome.cached) this.commandsApplied++;
      this.proposals.onOutcome(outcome, nowMs, machine.timeMs);
    }
  }
}
