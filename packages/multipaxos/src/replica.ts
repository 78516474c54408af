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
import { onAccept, onCommit, onPrepare } from "./acceptor-handlers.js";
import { onFetch, onLearn } from "./catch-up-handlers.js";
import { Core } from "./core.js";
import type { Governing } from "./configuration-history.js";
import type { Effects, ForwardOutcome } from "./effects.js";
import { electionTick, onBeat, onBeatReply } from "./election-handlers.js";
import { forward, onForward, onForwardReply } from "./forward-handlers.js";
import { changeConfiguration, membershipTurn, onChange, onChangeReply, onRemoved } from "./membership-handlers.js";
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
import { replicaSettings, type ReplicaSettings } from "./settings.js";
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
  readonly recovered: Pick<Recovered, "promised" | "votes" | "chosen" | "chosenUpTo" | "snapshot">;
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
  readonly chosenUpTo: Slot;
  readonly durableUpTo: Slot;
  readonly applied: Slot;
  readonly openSlots: number;
  readonly openBytes: number;
  /** Peers that answered within the last election timeout. */
  readonly heard: readonly NodeId[];
}

/** Who takes part, as this replica knows it. */
export interface MembershipStatus {
  /** Decides on the next slot. */
  readonly governing: Governing;
  /** The newest, which may govern from a later slot on. */
  readonly last: Governing;
  readonly previous: Governing | null;
  /** Whether the newest change is known to be complete. */
  readonly complete: boolean;
  /** This node is out; null while it is not. */
  readonly removed: { readonly epoch: number; readonly mayStop: boolean } | null;
  /** What a peer last said of its chosen prefix, or null. */
  readonly reported: (id: NodeId) => Slot | null;
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

  constructor(options: ReplicaOptions) {
    const { nodeId, configuration, bootId, recovered } = options;
    this.#core = new Core({
      me: nodeId,
      bootId,
      configuration,
      snapshotHead: options.snapshotHead,
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
    core.nowMs = Math.max(core.nowMs, nowMs);
    const { round } = core.election;
    electionTick(core, random);
    if (core.election.round === round) return;
    resendOverdue(core);
    readsTick(core);
  }

  /** A message arrived. Nothing that a peer sends makes this throw, unless it proves that a rule was broken here. */
  receive(from: NodeId, message: Message): void {
    const core = this.#core;
    if (from === core.me) return core.ignore(from, "own id");
    // Who it is does not matter to an acceptor. What was removed for good is only told so, and may catch up.
    if (core.membership.isGone(from) && message.kind !== "beat" && message.kind !== "fetch") {
      return core.ignore(from, "removed member");
    }
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
      case "change":
        return onChange(core, from, message);
      case "changeReply":
        return onChangeReply(core, from, message);
      case "removed":
        return onRemoved(core, from, message);
    }
  }

  /** A connection broke or a new life of the peer began: what it said before proves nothing, and what was on the way is gone. */
  peerLost(peer: NodeId): void {
    this.#core.election.forget(peer);
    this.#core.catchUp.lost(peer);
    this.#core.proposer.lost(peer);
  }

  /** Whether values may be proposed here. */
  get leads(): boolean {
    return this.#core.leads;
  }

  /** Ballot of the leader that this replica follows or is. */
  get leaderBallot(): Ballot | null {
    return this.#core.leaderBallot;
  }

  /** How many values `propose` would take now; 0 unless this replica leads. */
  capacity(): number {
    return this.#core.proposer.capacity();
  }

  /** Proposes a value in the next slot. Returns the slot, or null where `capacity` is 0. */
  propose(value: Uint8Array): Slot | null {
    const proposal = this.#core.proposer.propose(value, this.#core.nowMs);
    if (proposal === null) return null;
    queueProposals(this.#core, [proposal]);
    return proposal.slot;
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
    const { leader, bootId } = core;
    if (leader === null || leader === core.me) return null;
    const sequence = ++core.changeSequence;
    core.send(leader, { kind: "change", bootId, sequence, value }, "control");
    return sequence;
  }

  /** The configurations that matter now. */
  membership(): MembershipStatus {
    const { history, membership, log, removed } = this.#core;
    return {
      governing: history.at(log.chosenUpTo + 1),
      last: history.last,
      previous: history.previous,
      complete: membership.complete,
      removed,
      reported: (id) => membership.chosenUpTo(id),
    };
  }

  /** The configuration that was made by the change with this id, if it is among those that are remembered. */
  madeBy(changeId: string): Governing | null {
    return this.#core.history.entries.find((governing) => governing.changeId === changeId) ?? null;
  }

  /** For the head of a snapshot of everything up to `index`, which the log must have reached. */
  snapshotHead(index: Slot): Uint8Array {
    return this.#core.history.encode(index);
  }

  /** Answers a forwarded body. */
  replyForward(to: NodeId, bootId: string, sequence: number, outcome: ForwardOutcome["outcome"]): void {
    this.#core.send(to, { kind: "forwardReply", bootId, sequence, outcome }, "control");
  }

  /** Asks for an index for a linearizable read; the answer comes among the effects, however long a leader is missing. */
  read(token: number): void {
    onLocalRead(this.#core, token);
  }

  /** The reader is no longer interested. An answer may still come. */
  cancelRead(token: number): void {
    this.#core.asks.cancel(token);
    this.#core.reads.cancel(token);
  }

  /** The state machine has executed everything up to this slot. */
  appliedUpTo(slot: Slot): void {
    const core = this.#core;
    if (slot < core.applied || slot > core.log.chosenUpTo) {
      throw new SynodError(
        "InvariantViolated",
        `applied ${slot} is outside of ${core.applied}..${core.log.chosenUpTo}`,
      );
    }
    core.applied = slot;
    startReads(core);
  }

  /** What must be written next, or null. To be called only while no write is under way; ids are consecutive from 1. */
  takeWrite(): { id: WriteId; write: StorageWrite } | null {
    return this.#core.writes.take(this.#core.log.chosenUpTo);
  }

  /** A write is durable. */
  writeDone(id: WriteId): void {
    const core = this.#core;
    core.writes.done(id);
    const due = core.toSelf.filter((item) => item.after <= id);
    if (due.length === 0) return;
    core.toSelf = core.toSelf.filter((item) => item.after > id);
    for (const { message } of due) this.#dispatch(core.me, message);
  }

  /** All effects since the last call. Sends name the write that they wait for; `Outbox` keeps them until then. */
  takeEffects(): Effects {
    membershipTurn(this.#core);
    flushLeader(this.#core);
    return this.#core.takeEffects();
  }

  status(): ReplicaStatus {
    const core = this.#core;
    const { phase } = core.proposer;
    return {
      nodeId: core.me,
      role: phase === "lead" ? "leader" : phase === "prepare" ? "candidate" : "follower",
      phase,
      ballot: core.proposer.ballot ?? core.leaderBallot,
      promised: core.acceptor.promised,
      leader: core.leader,
      content: core.content(),
      chosenUpTo: core.log.chosenUpTo,
      durableUpTo: core.writes.durableUpTo,
      applied: core.applied,
      openSlots: core.proposer.openSlots,
      openBytes: core.proposer.openBytes,
      heard: core.election.heard(core.nowMs),
    };
  }
}
