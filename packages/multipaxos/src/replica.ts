import { ballotFault, compareBallots, isBallot } from "@synod/paxos";
import {
  SynodError,
  type Ballot,
  type Configuration,
  type NodeId,
  type Recovered,
  type Slot,
  type StorageWrite,
} from "@synod/interface";
import { tellCredit } from "./acceptor-handlers.js";
import type { Governing } from "./configuration-history.js";
import { Core } from "./core.js";
import { ballotsOf, dispatch } from "./dispatch.js";
import type { Effects, ForwardOutcome, ReadVia } from "./effects.js";
import { electionTick, healthTick } from "./election-handlers.js";
import { forward } from "./forward-handlers.js";
import { invariant } from "./invariant.js";
import { stopProposing } from "./leadership.js";
import { leaseTick, leaseUntilMs, watchClock } from "./lease-handlers.js";
import { changeConfiguration, membershipTurn } from "./membership-handlers.js";
import type { Message, SnapshotFacts } from "./messages.js";
import { flushLeader, queueProposals, resendOverdue } from "./proposer-handlers.js";
import { onQuorumRead, quorumReadsTick, settleQuorumReads } from "./quorum-read-handlers.js";
import { flushReads, onLocalRead, readsNeedRoom, readsTick, startReads } from "./read-handlers.js";
import { tellRepair } from "./repair.js";
import { replicaSettings, type ReplicaSettings } from "./settings.js";
import { fetchSnapshot, holdSnapshot, installSnapshot } from "./snapshot-handlers.js";
import { membershipOf, type MembershipStatus, type ReplicaStatus, statusOf } from "./status.js";
import { isHandingOver } from "./transfer.js";
import { beginTransfer, transferLost, transferStep } from "./transfer-handlers.js";
import type { WriteId } from "./writes.js";

export interface ReplicaOptions {
  readonly nodeId: NodeId;
  /** Random per life of the replica. */
  readonly bootId: string;
  /** The founders'. A node that is none of them takes part as soon as the log says so. */
  readonly configuration: Configuration;
  /** The history of configurations up to the snapshot that `recovered` names, as `snapshotHead` gave it; needed where there is one. */
  readonly snapshotHead?: Uint8Array;
  /** What storage remembers, flushed. */
  readonly recovered: Pick<
    Recovered,
    "promised" | "votes" | "chosen" | "chosenUpTo" | "leaseMs" | "snapshot" | "damage"
  >;
  readonly settings?: Partial<ReplicaSettings>;
  /**
   * Only votes: what it hands out need not be executed (though `appliedUpTo` is to be called), it never leads, and it takes no snapshots
   * but those that it asks for by `forget`. The configurations have to list it as a witness. Default false.
   */
  readonly witness?: boolean;
  /** Hash of the snapshot in `recovered`: without it that snapshot is offered to nobody. */
  readonly snapshotHash?: string | undefined;
}

/**
 * One replica of the log: events in, effects out. It does no I/O, reads no clock and draws no random number: the same inputs
 * give the same outputs. After each batch of events take the write (if none is under way) and the effects.
 */
export class Replica {
  readonly #core: Core;
  #ticked = false;

  constructor(options: ReplicaOptions) {
    const { nodeId, configuration, bootId, recovered } = options;
    this.#core = new Core({
      me: nodeId,
      bootId,
      configuration,
      snapshotHead: options.snapshotHead,
      recovered,
      settings: replicaSettings(options.settings),
      snapshotHash: options.snapshotHash,
      witness: options.witness,
    });
  }

  /**
   * Time passes. To be called at the start of each turn, and at least eight times per election timeout.
   * @param nowMs monotonic milliseconds
   * @param random uniform in [0, 1), drawn anew for each call
   */
  tick(nowMs: number, random: number): void {
    const core = this.#core;
    watchClock(core, nowMs);
    core.nowMs = Math.max(core.nowMs, nowMs);
    if (!this.#ticked) core.grantor.started(core.nowMs);
    this.#ticked = true;
    const { round } = core.election;
    healthTick(core);
    electionTick(core, random);
    if (core.election.round === round) return;
    resendOverdue(core);
    readsTick(core);
    quorumReadsTick(core);
    leaseTick(core);
  }

  /** A message arrived. Nothing that a peer sends makes this throw, unless it proves that a rule was broken here. */
  receive(from: NodeId, message: Message): void {
    const core = this.#core;
    if (from === core.me) return core.ignore(from, "own id");
    // Who it is does not matter to an acceptor. What was removed for good is only told so, and may catch up, or hand over at its end.
    if (core.membership.isGone(from) && !["beat", "fetch", "transferTo", "leaseRelease"].includes(message.kind)) {
      return core.ignore(from, "removed member");
    }
    const highestRound = core.highestSeen?.round ?? 0;
    const ballots = ballotsOf(message);
    for (const ballot of ballots) {
      if (ballot === null) continue;
      if (ballotFault(ballot, highestRound) === null) continue;
      if (isBallot(ballot)) core.approach(ballot);
      return core.ignore(from, "bad ballot");
    }
    for (const ballot of ballots) core.saw(ballot);
    dispatch(core, from, message);
  }

  /** A connection broke or a new life of the peer began: what it said before proves nothing, and what was on the way is gone. */
  peerLost(peer: NodeId): void {
    this.#core.election.forget(peer);
    // A new leader deserves time to show itself as long as it is there.
    if (this.#core.leader === peer) this.#core.election.endGrace();
    this.#core.catchUp.lost(peer);
    this.#core.proposer.open.lost(peer);
    this.#core.flow.lost(peer);
    transferLost(this.#core, peer);
    this.#core.peerDurable.delete(peer);
    this.#core.snapshotFetch.lost(peer, this.#core.nowMs);
  }

  /** Whether values may be proposed here. */
  get leads(): boolean {
    return this.#core.leads;
  }

  /**
   * A ballot is found in the log itself, as in one that began in another group: the next candidacy of this replica is above it, and a leader below
   * it ends. It becomes a candidate by the rules for all: it may have granted a lease to the leader of that ballot.
   */
  outrank(ballot: Ballot): void {
    const core = this.#core;
    if (ballotFault(ballot, core.highestSeen?.round ?? 0) !== null) return core.approach(ballot);
    core.saw(ballot);
    if (!core.leads || compareBallots(core.leaderBallot, ballot) >= 0) return;
    stopProposing(core, "its log has a higher ballot");
    core.election.hurry();
  }

  /** Ballot of the leader that this replica follows or is. */
  get leaderBallot(): Ballot | null {
    return this.#core.leaderBallot;
  }

  /** When the lease of this leader ends, on the clock of `tick`; null if it had none at the last tick. */
  get leaseUntilMs(): number | null {
    return leaseUntilMs(this.#core);
  }

  /**
   * The longest chosen prefix that this node or a peer heard within the last election timeout knows of; null if they are not enough
   * to meet every quorum that could have chosen more.
   */
  heardUpTo(nowMs: number): Slot | null {
    const core = this.#core;
    const { upTo, heard } = core.election.prefixHeard(nowMs);
    // What this node knew before its log was damaged it may have forgotten.
    const members = new Set(core.voting ? [core.me, ...heard] : heard);
    return core.quorumsAt(core.applied + 1).phase1(members) ? Math.max(upTo, core.log.chosenUpTo) : null;
  }

  /** Bytes of what is chosen and a peer has not reported: in `slotsMax` slots at most, and without what is only in a snapshot here. */
  lagBytes(peer: NodeId, slotsMax: number): number {
    return this.#core.log.bytesAbove(this.#core.catchUp.reportedBy(peer), slotsMax);
  }

  /** How many values `propose` would take now; 0 unless this replica leads. */
  capacity(): number {
    const { writes, settings } = this.#core;
    if (isHandingOver(this.#core)) return 0;
    // A slot that others have chosen is not open any more; the own vote may wait for a slow disk all the same.
    if (writes.bytes >= settings.inFlightBytesMax) return 0;
    const capacity = this.#core.proposer.capacity();
    return readsNeedRoom(this.#core) ? Math.max(0, capacity - 1) : capacity;
  }

  /** Proposes a value in the next slot. Returns the slot, or null where `capacity` is 0. */
  propose(value: Uint8Array): Slot | null {
    if (this.capacity() === 0) return null;
    const proposal = this.#core.proposer.propose(value, this.#core.nowMs);
    if (proposal === null) return null;
    queueProposals(this.#core, [proposal]);
    return proposal.slot;
  }

  /**
   * Hands the leadership over to `to`, or to the peer that is best prepared: this leader goes on until that peer has almost everything,
   * stops proposing, and tells it to campaign once all is chosen. If it does not take over in time this leader goes on. The
   * outcome is the notice `transferEnded`.
   * @returns the peer that is to lead
   * @throws SynodError `NotTransferred` if this replica does not lead, is handing over already or hears no peer that could lead;
   * `InvalidArgument` for a target that is no other member
   */
  transferLeadership(options: { readonly to?: NodeId; readonly timeoutMs: number }): NodeId {
    return beginTransfer(this.#core, options.to ?? null, options.timeoutMs);
  }

  /** Sends commands to the leader. Returns the sequence that the outcome will carry, or null if no other leader is known. */
  forward(body: Uint8Array): number | null {
    return forward(this.#core, body);
  }

  /**
   * Proposes a change of the configuration here, where this replica leads, or asks the leader to. The answer comes as the notice
   * `changeAnswered` with the sequence that is returned; that it took effect, as `configuration` and then `changeComplete`.
   * @param value made with `encodeConfigurationValue`
   * @returns null if no leader is known
   */
  change(value: Uint8Array): number | null {
    const core = this.#core;
    if (core.leads) {
      const sequence = ++core.changeSequence;
      core.notice({ kind: "changeAnswered", sequence, refused: changeConfiguration(core, value) });
      return sequence;
    }
    const { leaderBallot: ballot, bootId } = core;
    if (ballot === null || ballot.node === core.me) return null;
    const sequence = ++core.changeSequence;
    core.send(ballot.node, { kind: "change", ballot, bootId, sequence, value }, "control");
    return sequence;
  }

  /** The configurations that matter now. */
  membership(): MembershipStatus {
    return membershipOf(this.#core);
  }

  /** The configuration that was made by the change with this id, if it is among those that are remembered. */
  madeBy(changeId: string): Governing | null {
    return this.#core.history.entries.find((governing) => governing.changeId === changeId) ?? null;
  }

  /** The configuration of this epoch, if it is among those that are remembered: a snapshot of a peer may skip some. */
  ofEpoch(epoch: number): Governing | null {
    return this.#core.history.entries.find((governing) => governing.epoch === epoch) ?? null;
  }

  /** What a snapshot of everything up to `index` has to hold besides the state, to be given back with it: who decides from there on. */
  snapshotHead(index: Slot): Uint8Array {
    invariant(index <= this.#core.applied, "a snapshot holds what is executed", () => ({ index }));
    return this.#core.history.encode(index);
  }

  /** Answers a forwarded body. */
  replyForward(to: NodeId, bootId: string, sequence: number, outcome: ForwardOutcome["outcome"]): void {
    this.#core.send(to, { kind: "forwardReply", bootId, sequence, outcome }, "control");
  }

  /**
   * Asks for an index for a linearizable read; the answer comes among the effects, however long a leader is missing.
   * @param via by default the leader decides: its lease, if it has one, else a round
   */
  read(token: number, via: ReadVia = "leader"): void {
    if (this.#core.witness) throw new SynodError("InvalidArgument", "a witness has nothing to read: ask another node");
    if (via === "quorum") onQuorumRead(this.#core, token);
    else onLocalRead(this.#core, token, via);
  }

  /** The reader is no longer interested. An answer may still come. */
  cancelRead(token: number): void {
    this.#core.asks.cancel(token);
    this.#core.reads.cancel(token);
    this.#core.quorumReads.cancel(token);
  }

  /** The state machine has executed everything up to this slot; values of so many bytes wait for their turn. */
  appliedUpTo(slot: Slot, waitingBytes: number = 0): void {
    const core = this.#core;
    if (slot < core.applied || slot > core.log.chosenUpTo) {
      throw new SynodError(
        "InvariantViolated",
        `applied ${slot} is outside of ${core.applied}..${core.log.chosenUpTo}`,
      );
    }
    core.applied = slot;
    core.credit.applyBytes = waitingBytes;
    tellCredit(core);
    startReads(core);
    settleQuorumReads(core);
  }

  /** An own snapshot is flushed and verified: the log up to its index may go. `index` is at most what `appliedUpTo` said. */
  snapshotTaken(facts: SnapshotFacts): void {
    holdSnapshot(this.#core, facts);
  }

  /** Everything up to this offset of the snapshot under way has been taken over: more of it may come. */
  snapshotStored(offset: number): void {
    this.#core.snapshotFetch.stored(offset);
    fetchSnapshot(this.#core);
  }

  /** What came of a snapshot is not what was sent, or not what its hash says. */
  snapshotRefused(facts: SnapshotFacts): void {
    this.#core.snapshotFetch.refused(facts);
    fetchSnapshot(this.#core);
  }

  /**
   * The snapshot that was received is flushed, and the state machine has everything up to its index: by the snapshot, or by the
   * log, which may have come first. `head` is what the peer's `snapshotHead` gave.
   */
  installSnapshot(facts: SnapshotFacts, head: Uint8Array): void {
    installSnapshot(this.#core, facts, head);
  }

  /** What must be written next, or null. To be called only while no write is under way; ids are consecutive from 1. */
  takeWrite(): { id: WriteId; write: StorageWrite } | null {
    const core = this.#core;
    const next = core.writes.take(core.log.chosenUpTo);
    if (next !== null) core.health.writeBegun(core.nowMs);
    return next;
  }

  /** A write is durable. */
  writeDone(id: WriteId): void {
    const core = this.#core;
    core.writes.done(id);
    tellCredit(core);
    core.health.writeDone();
    const due = core.toSelf.filter((item) => item.after <= id);
    if (due.length === 0) return;
    core.toSelf = core.toSelf.filter((item) => item.after > id);
    for (const { message } of due) dispatch(this.#core, core.me, message);
  }

  /** All effects since the last call. Sends name the write that they wait for; `Outbox` keeps them until then. */
  takeEffects(): Effects {
    tellRepair(this.#core);
    membershipTurn(this.#core);
    flushReads(this.#core);
    flushLeader(this.#core);
    transferStep(this.#core);
    return this.#core.takeEffects();
  }

  status(): ReplicaStatus {
    return statusOf(this.#core);
  }
}
