import { ballotFault, isBallot } from "@synod/paxos";
import {
  SynodError,
  type Ballot,
  type Configuration,
  type NodeId,
  type Recovered,
  type Slot,
  type StorageWrite,
} from "@synod/interface";
import { onAccept, onCommit, onPrepare, tellCredit } from "./acceptor-handlers.js";
import { onFetch, onLearn } from "./catch-up-handlers.js";
import { Core } from "./core.js";
import type { Effects, ForwardOutcome, ReadVia } from "./effects.js";
import { isContent, judge, type Verdict } from "./election.js";
import { electionTick, healthTick, onBeat, onBeatReply } from "./election-handlers.js";
import { forward, onForward, onForwardReply } from "./forward-handlers.js";
import { leaseTick, leaseUntilMs, onLeaseAsk, onLeaseGrant, onLeaseRelease, watchClock } from "./lease-handlers.js";
import type { Impairment } from "./health.js";
import type { Message } from "./messages.js";
import { flushLeader, onAccepted, onPromise, onReject, queueProposals, resendOverdue } from "./proposer-handlers.js";
import type { ProposerPhase } from "./proposer.js";
import {
  onConfirm,
  onConfirmReply,
  onLocalRead,
  onReadIndexAsk,
  onReadIndexReply,
  readsTick,
  startReads,
} from "./read-handlers.js";
import {
  onQuorumRead,
  onQuorumReadAsk,
  onQuorumReadReply,
  quorumReadsTick,
  settleQuorumReads,
} from "./quorum-read-handlers.js";
import { replicaSettings, type ReplicaSettings } from "./settings.js";
import { isHandingOver } from "./transfer.js";
import { beginTransfer, onTransferTo, transferLost, transferStep } from "./transfer-handlers.js";
import type { WriteId } from "./writes.js";

export interface ReplicaOptions {
  readonly nodeId: NodeId;
  /** Random per life of the replica. */
  readonly bootId: string;
  readonly configuration: Configuration;
  /** What storage remembers, flushed. */
  readonly recovered: Pick<
    Recovered,
    "promised" | "votes" | "chosen" | "chosenUpTo" | "leaseMs" | "snapshot" | "damage"
  >;
  readonly settings?: Partial<ReplicaSettings>;
}

/** What a replica says of itself. */
export interface ReplicaStatus {
  readonly nodeId: NodeId;
  readonly role: "leader" | "candidate" | "follower";
  readonly phase: ProposerPhase;
  /** Ballot of the own candidacy or leadership, else of the leader that is followed. */
  readonly ballot: Ballot | null;
  readonly promised: Ballot | null;
  readonly leader: NodeId | null;
  readonly content: boolean;
  /** False while this replica only learns, since its log was damaged. */
  readonly voting: boolean;
  readonly chosenUpTo: Slot;
  readonly durableUpTo: Slot;
  readonly applied: Slot;
  /** When the lease of this leader ends, on the clock of `tick`; null if it has none. */
  readonly leaseUntilMs: number | null;
  readonly openSlots: number;
  readonly openBytes: number;
  /** Values that may be open at most, in slots. */
  readonly windowSlots: number;
  /** What the election rule says now. */
  readonly verdict: Verdict;
  /** Peers that answered within the last election timeout. */
  readonly heard: readonly NodeId[];
  readonly peers: readonly ReplicaPeerStatus[];
  /** What keeps this node from leading well, now. */
  readonly impaired: Impairment | null;
  /** Whom the leadership is being handed over to. */
  readonly transferringTo: NodeId | null;
}

/** What is known of a peer. The bytes are those of a leader: 0 elsewhere. */
export interface ReplicaPeerStatus {
  readonly id: NodeId;
  /** Chosen prefix that it reported last. */
  readonly chosenUpTo: Slot;
  /** Values sent to it that it has not answered. */
  readonly sentBytes: number;
  /** Values that may be sent to it before it answers. */
  readonly creditBytes: number;
  /** Values that were not sent to it at once, for lack of credit, in this leadership. */
  readonly withheldBytes: number;
}

/** Every ballot of a message, so that none is trusted unchecked. */
function* ballotsOf(message: Message): Generator<Ballot | null> {
  if ("ballot" in message) yield message.ballot;
  if ("promised" in message) yield message.promised;
  if ("leaderBallot" in message) yield message.leaderBallot;
  if ("candidacy" in message) yield message.candidacy;
  if (message.kind === "promise") for (const vote of message.votes) yield vote.ballot;
}

/**
 * One replica of the log: events in, effects out. It does no I/O, reads no clock and draws no random number: the same inputs
 * give the same outputs. After each batch of events take the write (if none is under way) and the effects.
 */
export class Replica {
  readonly #core: Core;
  #ticked = false;

  constructor(options: ReplicaOptions) {
    const { nodeId, configuration } = options;
    if (!configuration.members.some((member) => member.id === nodeId)) {
      throw new SynodError("InvalidConfiguration", `node ${nodeId} is not a member of the configuration`);
    }
    const { bootId, recovered } = options;
    this.#core = new Core({
      me: nodeId,
      bootId,
      configuration,
      recovered,
      settings: replicaSettings(options.settings),
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
    if (!core.others.includes(from)) return core.ignore(from, "not a member");
    const highestRound = core.highestSeen?.round ?? 0;
    for (const ballot of ballotsOf(message)) {
      if (ballot === null) continue;
      if (ballotFault(ballot, highestRound) === null) continue;
      if (isBallot(ballot)) core.approach(ballot);
      return core.ignore(from, "bad ballot");
    }
    for (const ballot of ballotsOf(message)) core.saw(ballot);
    this.#dispatch(from, message);
  }

  #dispatch(from: NodeId, message: Message): void {
    const core = this.#core;
    switch (message.kind) {
      case "prepare":
        return onPrepare(core, from, message);
      case "promise":
        return onPromise(core, from, message);
      case "accept":
        return onAccept(core, from, message);
      case "accepted":
        return onAccepted(core, from, message);
      case "reject":
        return onReject(core, from, message);
      case "commit":
        return onCommit(core, from, message);
      case "fetch":
        return onFetch(core, from, message);
      case "learn":
        return onLearn(core, from, message);
      case "beat":
        return onBeat(core, from, message);
      case "beatReply":
        return onBeatReply(core, from, message);
      case "forward":
        return onForward(core, from, message);
      case "forwardReply":
        return onForwardReply(core, from, message);
      case "confirm":
        return onConfirm(core, from, message);
      case "confirmReply":
        return onConfirmReply(core, from, message);
      case "readIndexAsk":
        return onReadIndexAsk(core, from, message);
      case "readIndexReply":
        return onReadIndexReply(core, from, message);
      case "stateDigest":
        return; // Says nothing of the log.
      case "quorumReadAsk":
        return onQuorumReadAsk(core, from, message);
      case "quorumReadReply":
        return onQuorumReadReply(core, from, message);
      case "leaseAsk":
        return onLeaseAsk(core, from, message);
      case "leaseGrant":
        return onLeaseGrant(core, from, message);
      case "leaseRelease":
        return onLeaseRelease(core, from, message);
      case "transferTo":
        return onTransferTo(core, from, message);
    }
  }

  /** A connection broke or a new life of the peer began: what it said before proves nothing, and what was on the way is gone. */
  peerLost(peer: NodeId): void {
    this.#core.election.forget(peer);
    // A new leader deserves time to show itself as long as it is there.
    if (this.#core.leader === peer) this.#core.election.endGrace();
    this.#core.catchUp.lost(peer);
    this.#core.proposer.lost(peer);
    this.#core.flow.lost(peer);
    transferLost(this.#core, peer);
  }

  /** Whether values may be proposed here. */
  get leads(): boolean {
    return this.#core.leads;
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

  /** How many values `propose` would take now; 0 unless this replica leads. */
  capacity(): number {
    return isHandingOver(this.#core) ? 0 : this.#core.proposer.capacity();
  }

  /** Proposes a value in the next slot. Returns the slot, or null where `capacity` is 0. */
  propose(value: Uint8Array): Slot | null {
    if (isHandingOver(this.#core)) return null;
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

  /** Answers a forwarded body. */
  replyForward(to: NodeId, bootId: string, sequence: number, outcome: ForwardOutcome["outcome"]): void {
    this.#core.send(to, { kind: "forwardReply", bootId, sequence, outcome }, "control");
  }

  /**
   * Asks for an index for a linearizable read; the answer comes among the effects, however long a leader is missing.
   * @param via by default the leader decides: its lease, if it has one, else a round
   */
  read(token: number, via: ReadVia = "leader"): void {
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
    core.applyBytes = waitingBytes;
    tellCredit(core);
    startReads(core);
    settleQuorumReads(core);
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
    const voted = core.voting;
    core.writes.done(id);
    tellCredit(core);
    core.health.writeDone();
    if (core.voting && !voted) core.notice({ kind: "votesAgain", upTo: core.repairUpTo });
    const due = core.toSelf.filter((item) => item.after <= id);
    if (due.length === 0) return;
    core.toSelf = core.toSelf.filter((item) => item.after > id);
    for (const { message } of due) this.#dispatch(core.me, message);
  }

  /** All effects since the last call. Sends name the write that they wait for; `Outbox` keeps them until then. */
  takeEffects(): Effects {
    flushLeader(this.#core);
    transferStep(this.#core);
    return this.#core.takeEffects();
  }

  status(): ReplicaStatus {
    const core = this.#core;
    const { phase } = core.proposer;
    const view = core.view();
    return {
      nodeId: core.me,
      role: phase === "lead" ? "leader" : phase === "prepare" ? "candidate" : "follower",
      phase,
      ballot: core.proposer.ballot ?? core.leaderBallot,
      promised: core.acceptor.promised,
      leader: core.leader,
      content: isContent(view),
      verdict: judge(view),
      voting: core.voting,
      chosenUpTo: core.log.chosenUpTo,
      durableUpTo: core.writes.durableUpTo,
      applied: core.applied,
      leaseUntilMs: leaseUntilMs(core),
      openSlots: core.proposer.openSlots,
      openBytes: core.proposer.openBytes,
      windowSlots: core.configuration.alpha,
      heard: view.heard.map((peer) => peer.id),
      peers: core.others.map((id) => ({ id, chosenUpTo: core.catchUp.reportedBy(id), ...core.flow.of(id) })),
      impaired: core.health.cause(core.nowMs),
      transferringTo: core.transfer?.to ?? null,
    };
  }
}
