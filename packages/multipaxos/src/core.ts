import { highestBallot, type QuorumSystem } from "@synod/paxos";
import {
  type Ballot,
  type Configuration,
  type Lane,
  type LeaseTerms,
  type NodeId,
  type Recovered,
  type Slot,
  SynodError,
} from "@synod/interface";
import { Acceptor } from "./acceptor.js";
import { CatchUp } from "./catch-up.js";
import type { Effects, Notice } from "./effects.js";
import { Election } from "./election.js";
import { Flow } from "./flow.js";
import { ForwardFilter } from "./forwards.js";
import { Grantor, Lease } from "./leases.js";
import { Health, type Impairment } from "./health.js";
import { ConfigurationHistory } from "./configuration-history.js";
import { isWitness } from "./configuration-value.js";
import { Credit } from "./credit.js";
import { ChosenLog } from "./log.js";
import { Membership } from "./membership.js";
import { invariant } from "./invariant.js";
import type { Message, SnapshotFacts } from "./messages.js";
import type { Proposal } from "./open-slots.js";
import { PendingEffects } from "./pending-effects.js";
import { Proposer } from "./proposer.js";
import { QuorumReads } from "./quorum-reads.js";
import { ReadAsks, ReadRounds } from "./reads.js";
import { Repair } from "./repair.js";
import type { ReplicaSettings } from "./settings.js";
import { SnapshotFetch } from "./snapshot-fetch.js";
import type { Transfer } from "./transfer.js";
import type { Summons } from "./transfer-handlers.js";
import { ROUND_FOLLOWED_MAX, ROUND_STEP } from "./values.js";
import { VoteCounts } from "./vote-counts.js";
import { SLOT_BYTES } from "./witness.js";
import { WriteBuffer, type WriteId } from "./writes.js";

export interface CoreStart {
  readonly me: NodeId;
  readonly bootId: string;
  /** The founders'. */
  readonly configuration: Configuration;
  /** Head of the snapshot that the replica starts from, if it starts from one. */
  readonly snapshotHead?: Uint8Array | undefined;
  readonly recovered: Pick<
    Recovered,
    "promised" | "votes" | "chosen" | "chosenUpTo" | "leaseMs" | "snapshot" | "damage"
  >;
  readonly settings: ReplicaSettings;
  /** It only votes. */
  readonly witness?: boolean | undefined;
  /** Of the snapshot in `recovered`: without it that snapshot is offered to nobody. */
  readonly snapshotHash?: string | undefined;
}

/** The parts of one replica and what the handlers share. Handlers live in files of their own, by concern. */
export class Core {
  readonly me: NodeId;
  readonly bootId: string;
  readonly settings: ReplicaSettings;
  /** This node only votes: it executes nothing, never leads, and keeps values only until full members have them. */
  readonly witness: boolean;
  /** A witness waits for the disk to forget. */
  forgetting = false;
  readonly history: ConfigurationHistory;
  readonly membership: Membership;

  readonly pending: PendingEffects = new PendingEffects();
  readonly writes: WriteBuffer;
  readonly repair: Repair;
  readonly acceptor: Acceptor;
  readonly log: ChosenLog;
  readonly proposer: Proposer;
  readonly election: Election;
  readonly reads: ReadRounds = new ReadRounds();
  readonly asks: ReadAsks = new ReadAsks();
  readonly quorumReads: QuorumReads = new QuorumReads();
  readonly voteCounts: VoteCounts = new VoteCounts();
  /** The lease of this node as a leader, and what it granted to leaders. */
  readonly lease: Lease = new Lease();
  readonly grantor: Grantor;
  /** Longest time for which this node ever bound itself, and the write that it is part of. */
  boundMsMax: number;
  boundWrite: WriteId = 0;
  readonly forwardFilter: ForwardFilter = new ForwardFilter();
  readonly catchUp: CatchUp;
  readonly flow: Flow;
  readonly credit: Credit;
  readonly health: Health;

  readonly snapshotFetch: SnapshotFetch;

  /** The flushed snapshot, to be offered. */
  held: SnapshotFacts | null;
  /** Of the values that it has and that are kept all the same, about. */
  tailBytes = 0;
  /** Up to here they are counted: a snapshot may cover so many slots that one turn is not enough. */
  tailUpTo: Slot = 0;
  /** What each peer said that it has on disk as chosen. */
  readonly peerDurable: Map<NodeId, Slot> = new Map();
  nowMs = 0;
  /** What was last said to be wrong with this node. */
  impairment: Impairment | null = null;
  /** The orderly change of leader that this node has begun. */
  transfer: Transfer | null = null;
  /** The leader wants this node to take over. */
  summons: Summons | null = null;
  /** Ballot of the leader that this node follows or is. Set only by what the owner of the ballot sent. */
  leaderBallot: Ballot | null = null;
  /** Ballot of the last own candidacy, and the write that makes it safe to mention. */
  candidacy: Ballot | null = null;
  candidacyWrite: WriteId = 0;
  electedAtMs: number = Number.NEGATIVE_INFINITY;
  /** When this leader was last content, to give up without a quorum. */
  contentAtMs: number = Number.NEGATIVE_INFINITY;
  /** How long this node as a leader waits for the next of the slots that were chosen before it. */
  basePatienceMs: number;
  highestSeen: Ballot | null;
  /** Promise with which this life began: an own ballot up to it belongs to an earlier life. */
  readonly formerPromise: Ballot | null;
  applied: Slot;
  forwardSequence = 0;
  /** Something was chosen or a leadership began that the followers were not told of. */
  announcementDue = false;
  /** Reads wait that may start a round, or ask the leader. */
  readsDue = false;
  /** Proposals that leave with the next effects. */
  outgoing: Proposal[] = [];
  /** Messages of this replica to itself, waiting for their write. */
  toSelf: { message: Message; after: WriteId }[] = [];

  /** The change that this leader proposed last. */
  openChange: { readonly slot: Slot; readonly changeId: string } | null = null;
  changeSequence = 0;
  /** This node is no member any more. */
  removed: { readonly epoch: number; readonly mayStop: boolean } | null = null;
  /** Epochs of which observers know, and know that they are complete. */
  epochTold = 0;
  completeTold = 0;

  #approachedAtMs = Number.NEGATIVE_INFINITY;

  constructor(start: CoreStart) {
    const { me, configuration, recovered, settings } = start;
    this.me = me;
    this.bootId = start.bootId;
    this.settings = settings;
    this.witness = start.witness ?? false;
    this.basePatienceMs = settings.electionTimeoutMs;
    this.history = new ConfigurationHistory(configuration);
    if (start.snapshotHead !== undefined) this.history.restore(start.snapshotHead);
    this.membership = new Membership(me, this.history);
    this.checkRole();
    const snapshotIndex = recovered.snapshot?.index ?? 0;
    this.writes = new WriteBuffer(Math.max(snapshotIndex, recovered.chosenUpTo), settings.writeBytesMax);
    this.repair = new Repair(recovered.damage?.upTo ?? 0, this.writes);
    this.acceptor = new Acceptor({ promised: recovered.promised, votes: recovered.votes, snapshotIndex }, this.writes);
    this.log = new ChosenLog(snapshotIndex, this.acceptor, ({ slot, value }) => this.#advanced(slot, value));
    this.applied = snapshotIndex;
    this.grantor = new Grantor(recovered.leaseMs);
    this.boundMsMax = recovered.leaseMs;
    this.highestSeen = recovered.promised;
    this.formerPromise = recovered.promised;
    this.#relearn(recovered, snapshotIndex);
    this.health = new Health(settings.electionTimeoutMs);
    this.epochTold = this.history.last.epoch;
    this.completeTold = this.history.last.slot === 0 ? this.epochTold : 0;
    const quorums = this.membership.inWindow(this.log.chosenUpTo);
    const mayLead = (id: NodeId): boolean => !this.membership.isWitness(id);
    this.election = new Election({ me, quorums, electionTimeoutMs: settings.electionTimeoutMs, mayLead });
    // Half a timeout, so that a leader can ask a second peer before it must give up.
    this.catchUp = new CatchUp(this.log, settings.electionTimeoutMs / 2, (id) => this.membership.isWitness(id));
    this.credit = new Credit(settings, this.writes);
    this.flow = new Flow(settings);
    this.snapshotFetch = new SnapshotFetch(settings.snapshotChunkBytes, settings.electionTimeoutMs / 2);
    const { snapshot } = recovered;
    const { snapshotHash: hash } = start;
    this.held = snapshot === null || hash === undefined ? null : { index: snapshot.index, hash, bytes: snapshot.bytes };
    this.proposer = new Proposer({
      me,
      configurations: this.history,
      audience: () => this.membership.audience(this.log.chosenUpTo),
      inFlightBytesMax: settings.inFlightBytesMax,
      thrifty: settings.thrifty ? (id, bytes) => this.#mayVote(id, bytes) : null,
      resendMs: settings.resendMs,
      log: this.log,
    });
  }

  /** Whether a thrifty leader may count on the vote of a member. */
  #mayVote(id: NodeId, bytes: number): boolean {
    const isThere = this.election.heard(this.nowMs).includes(id);
    return isThere && this.flow.withheldFrom(id) === null && this.flow.admits(id, bytes);
  }

  /** The contiguous chosen prefix came to this slot. */
  #advanced(slot: Slot, value: Uint8Array): void {
    this.voteCounts.settled(slot);
    if (this.witness) this.tailBytes += value.length + SLOT_BYTES;
    const applied = this.history.apply(slot, value);
    if (applied?.kind === "void") this.notice({ kind: "changeVoid", slot, reason: applied.reason });
    if (applied?.kind === "valid") this.checkRole();
    if (slot === this.history.last.from - 1) this.writes.requireMark(slot);
  }

  /** Others forget values on account of full members, and wait for those to lead: a replica has to be what the log says it is. */
  checkRole(): void {
    const member = this.history.last.configuration.members.find(({ id }) => id === this.me);
    if (member === undefined || isWitness(member) === this.witness) return;
    const [says, runs] = this.witness ? ["a full member", "a witness"] : ["a witness", "a full member"];
    throw new SynodError("InvalidConfiguration", `node ${this.me} is ${says} of the cluster, but it runs as ${runs}`);
  }

  /** The configuration that governs the next slot to be chosen. */
  get configuration(): Configuration {
    return this.history.at(this.log.chosenUpTo + 1).configuration;
  }

  /** Who decides on a slot: the same object for the same configuration. Final as far as the chosen prefix and the window reach. */
  quorumsAt(slot: Slot): QuorumSystem {
    return this.history.at(slot).quorums;
  }

  /** Everybody who is to hear of the log but this node. */
  get others(): readonly NodeId[] {
    return this.membership.audience(this.log.chosenUpTo).slice(1);
  }

  /** The chosen mark says that up to it the value is the one learned, else the one voted for. */
  #relearn(recovered: CoreStart["recovered"], snapshotIndex: Slot): void {
    for (const { slot, value } of recovered.chosen) this.log.learn(slot, value);
    for (let slot = snapshotIndex + 1; slot <= recovered.chosenUpTo; slot++) {
      const vote = this.acceptor.vote(slot);
      if (!this.log.isKnown(slot) && vote !== undefined) this.log.learn(slot, vote.value);
    }
    const { chosenUpTo } = this.log;
    invariant(chosenUpTo >= recovered.chosenUpTo, "the chosen mark stands for values that are on disk", () => ({
      mark: recovered.chosenUpTo,
      missing: chosenUpTo + 1,
    }));
  }

  /** Null: leases are off. */
  get leaseTerms(): LeaseTerms | null {
    return this.configuration.lease ?? null;
  }

  /** False for a mere learner: a node that may have forgotten votes. */
  get voting(): boolean {
    return this.repair.done;
  }

  get leads(): boolean {
    return this.proposer.phase === "lead";
  }

  get leader(): NodeId | null {
    return this.leaderBallot?.node ?? null;
  }

  send(to: NodeId | readonly NodeId[], message: Message, lane: Lane, after: WriteId = 0): void {
    const peers = typeof to === "number" ? [to] : to;
    if (peers.length > 0) this.pending.sends.push({ to: peers, message, lane, after: this.writes.wait(after) });
  }

  notice(notice: Notice): void {
    this.pending.notices.push(notice);
  }

  /** @param reason a constant text: it counts in a metric, which must not get a new label from what a peer sends */
  ignore(from: NodeId, reason: string): void {
    this.pending.notices.push({ kind: "ignored", from, reason });
  }

  saw(ballot: Ballot | null): void {
    this.highestSeen = highestBallot(this.highestSeen, ballot);
  }

  /**
   * Somebody speaks of a round that is too far ahead to believe. Another node may have been led there step by step: each timeout
   * brings this one closer, so that they meet. Not beyond all measure, or one sick peer could use the rounds of all up.
   */
  approach({ round }: Ballot): void {
    const { electionTimeoutMs } = this.settings;
    if (round > ROUND_FOLLOWED_MAX || this.nowMs - this.#approachedAtMs < electionTimeoutMs) return;
    this.#approachedAtMs = this.nowMs;
    this.saw({ round: (this.highestSeen?.round ?? 0) + ROUND_STEP, node: this.me });
  }

  takeEffects(): Effects {
    const chosen = this.log.takeReady();
    // What an earlier leader's announcement made known needs no votes in this ballot.
    for (const { slot } of chosen) this.proposer.open.settled(slot);
    return this.pending.take(chosen);
  }
}
