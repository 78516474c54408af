import {
  type Ballot,
  type Logger,
  type Metrics,
  type NodeId,
  type Slot,
  SynodError,
  type Versions,
} from "@synod/interface";
import type { ForwardedBody, Replica } from "@synod/multipaxos";
import { type BatchEntry, decodeBatch, encodeBatch, entrySize, type ReplicatedMachine } from "@synod/rsm";
import { LeaderQueue, type Queued } from "./leader-queue.js";
import { LoggedTime } from "./logged-time.js";
import type { Proposal } from "./proposal.js";
import type { Buggify, NodeLimits } from "./types.js";

export interface LeadingOptions {
  readonly self: NodeId;
  readonly replica: Replica;
  readonly machine: Pick<ReplicatedMachine<never, unknown>, "timeMs" | "timedBy" | "applied" | "nextDeadline">;
  readonly limits: NodeLimits;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly buggify: Buggify;
  /** A command of callers of this member is proposed in this slot. */
  readonly awaits: (member: NodeId, slot: Slot) => void;
}

/** What a caller of this node proposed. */
class OwnCommand implements Queued {
  readonly entry: BatchEntry;
  readonly bytes: number;
  readonly #proposal: Proposal;

  constructor(proposal: Proposal, entry: BatchEntry) {
    this.entry = entry;
    this.bytes = entrySize(entry);
    this.#proposal = proposal;
  }

  proposed(): void {
    this.#proposal.place = null;
  }

  dropped(): void {
    this.#proposal.place = null;
    this.#proposal.copies--;
    this.#proposal.sentTo = null;
  }
}

/** What a leader does for all callers of the cluster: it takes their commands in, forms batches and logs the time. */
export class Leading {
  readonly #o: LeadingOptions;
  readonly #queue: LeaderQueue = new LeaderQueue();
  readonly #time = new LoggedTime();
  /** Of the leadership; null: another node leads. */
  #ballot: Ballot | null = null;
  #tickProposedAt: Slot = 0;
  /** One batch at a time is timed until it is executed. */
  #timed: { readonly slot: Slot; readonly atMs: number } | null = null;
  #raiseProposedAt: Slot = 0;
  /** What all members support and is not in force yet. */
  #raise: Versions | null = null;

  constructor(options: LeadingOptions) {
    this.#o = options;
  }

  get queuedCommands(): number {
    return this.#queue.count;
  }

  get queuedBytes(): number {
    return this.#queue.bytes;
  }

  /** Everything up to this slot is executed. */
  applied(slot: Slot, nowMs: number): void {
    if (this.#timed === null || this.#timed.slot > slot) return;
    this.#o.metrics.observe("synod_commit_ms", nowMs - this.#timed.atMs);
    this.#timed = null;
  }

  /** To be called before anything is proposed: a clock that goes on from elsewhere would end every session. */
  watch(nowMs: number): void {
    const { replica, machine } = this.#o;
    // In a log that began in another cluster, as one that was restored, there may be ballots above all of this one.
    if (machine.timedBy !== null) replica.outrank(machine.timedBy);
    const ballot = replica.leads ? replica.leaderBallot : null;
    if (ballot !== null && this.#ballot === null) this.#time.begin(machine.timeMs, nowMs);
    this.#ballot = ballot;
  }

  /** The leadership is over, or the node. */
  stop(): void {
    this.#queue.clear();
    this.#timed = null;
    // What was proposed may be lost with this leadership; the next one must not wait for it.
    this.#tickProposedAt = 0;
    this.#raiseProposedAt = 0;
  }

  /** A command of a caller of this node. */
  enqueue(proposal: Proposal, entry: BatchEntry): void {
    proposal.place = this.#queue.add(this.#o.self, new OwnCommand(proposal, entry));
  }

  /** A peer wants commands proposed. They join the queue under its name. Every answer but "queued" is final. */
  onForwarded({ from, bootId, sequence, body }: ForwardedBody): void {
    const { replica, limits } = this.#o;
    const answer = (outcome: "queued" | "notProposed" | "busy"): void =>
      replica.replyForward(from, bootId, sequence, outcome);
    if (!replica.leads) return answer("notProposed");
    const entries = this.#read(from, body);
    // Busy, so that what no leader would take is not sent again at once.
    if (entries === null || !this.#queue.hasRoom(entries.length, body.length, limits.queueBytesMax)) {
      this.#o.metrics.count("synod_busy_total", 1, { what: "forwards" });
      return answer("busy");
    }
    let proposed = 0;
    let dropped = 0;
    const part: Pick<Queued, "proposed" | "dropped"> = {
      proposed: (slot) => {
        proposed++;
        this.#o.awaits(from, slot);
      },
      // Only a batch of which nothing was proposed is surely without effect.
      dropped: () => {
        dropped++;
        if (proposed === 0 && dropped === entries.length) answer("notProposed");
      },
    };
    for (const entry of entries) this.#queue.add(from, { entry, bytes: entrySize(entry), ...part });
    answer("queued");
  }

  /** Null if a value or frame could not carry what the peer sent: the codec was tried with the limits of this node only. */
  #read(from: NodeId, body: Uint8Array): readonly BatchEntry[] | null {
    const { limits, logger } = this.#o;
    try {
      const { entries } = decodeBatch(body);
      const tooLarge = entries.find((e) => e.kind === "command" && e.body.length > limits.commandBytesMax);
      // Only a leader knows what all members support.
      if (entries.some((e) => e.kind === "raise"))
        throw new SynodError("Malformed", "a forwarded batch raises versions");
      if (tooLarge === undefined) return entries;
      const text = "a forwarded command is above limits.commandBytesMax: give all nodes the same limits";
      logger.warn(text, { from, bytes: entrySize(tooLarge), commandBytesMax: limits.commandBytesMax });
    } catch (cause) {
      logger.warn("a forwarded batch was refused", { from, cause });
    }
    return null;
  }

  /** Forms batches of what waits, as far as the window allows: an idle leader proposes at once. */
  propose(nowMs: number, applyBytes: number): void {
    const { replica, limits, buggify, metrics } = this.#o;
    this.#proposeRaise(nowMs);
    while (this.#queue.count > 0 && replica.capacity() > 0 && applyBytes < limits.applyBytesMax) {
      const batch = this.#queue.take(buggify("one entry a batch") ? 1 : limits.batchBytesMax);
      const value = this.#batch(
        batch.map((queued) => queued.entry),
        nowMs,
      );
      const slot = replica.propose(value);
      metrics.observe("synod_batch_commands", batch.length);
      metrics.observe("synod_batch_bytes", value.length);
      if (slot !== null) this.#timed ??= { slot, atMs: nowMs };
      for (const queued of batch) queued.proposed(slot ?? 0);
    }
  }

  /** To be proposed before anything else, as soon as the window allows. */
  raise(versions: Versions | null): void {
    this.#raise = versions;
  }

  #proposeRaise(nowMs: number): void {
    const { replica, machine } = this.#o;
    if (this.#raise === null || replica.capacity() === 0 || this.#raiseProposedAt > machine.applied) return;
    const entry: BatchEntry = { kind: "raise", versions: this.#raise };
    this.#raise = null;
    this.#raiseProposedAt = replica.propose(this.#batch([entry], nowMs)) ?? 0;
  }

  #batch(entries: readonly BatchEntry[], nowMs: number): Uint8Array {
    return encodeBatch(this.#time.now(this.#o.machine.timeMs, nowMs), entries, this.#ballot);
  }

  /** An idle leader logs the time where a session or the state machine waits for it. One tick at a time. */
  proposeTick(nowMs: number): void {
    const { replica, machine } = this.#o;
    if (replica.capacity() === 0 || this.#queue.count > 0 || this.#tickProposedAt > machine.applied) return;
    const deadline = machine.nextDeadline();
    const timeMs = this.#time.now(machine.timeMs, nowMs);
    if (deadline === null || timeMs < deadline || machine.timeMs >= deadline) return;
    this.#tickProposedAt = replica.propose(this.#batch([], nowMs)) ?? 0;
  }
}
