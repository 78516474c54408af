import { ballotsEqual, compareBallots, type QuorumSystem } from "@synod/paxos";
import type { Ballot, NodeId, Slot } from "@synod/interface";
import type { BeatFacts } from "./messages.js";

/** What one peer answered in its latest reply. */
export interface PeerFacts {
  readonly id: NodeId;
  readonly promised: Ballot | null;
  readonly leaderBallot: Ballot | null;
  readonly content: boolean;
}

/** All that the rule looks at. */
export interface ElectionView {
  readonly me: NodeId;
  readonly quorums: QuorumSystem;
  readonly leaderBallot: Ballot | null;
  /** The peers that replied within the last timeout. */
  readonly heard: readonly PeerFacts[];
  /** Something promising happened within the last timeout: counts as content. */
  readonly grace: boolean;
  /** Whether this node is a voter of a configuration in its window: nobody else campaigns. Default true. */
  readonly eligible?: boolean;
}

/**
 * `leading` and `follow`: content. `yield`: believes that it leads while a content peer follows a higher ballot.
 * `campaign`: nobody within sight is content, and quorums for both phases are within sight. `wait`: none of these.
 */
export type Verdict = "leading" | "follow" | "yield" | "wait" | "campaign";

/** Whether this node has a working leader, as far as it can see. */
export function isContent(view: ElectionView): boolean {
  if (view.grace) return true;
  const { leaderBallot, me } = view;
  if (leaderBallot === null) return false;
  if (leaderBallot.node !== me) {
    return view.heard.some(
      (p) => p.id === leaderBallot.node && p.content && ballotsEqual(p.leaderBallot, leaderBallot),
    );
  }
  const followers = view.heard.filter(
    (p) => compareBallots(p.promised, leaderBallot) <= 0 && ballotsEqual(p.leaderBallot, leaderBallot),
  );
  return view.quorums.phase2(new Set([me, ...followers.map((p) => p.id)]));
}

/** Whether quorums for both phases are within sight: without them a candidacy could only disturb. */
export function hearsQuorums(view: ElectionView): boolean {
  if (view.eligible === false) return false;
  const inSight = new Set([view.me, ...view.heard.map((p) => p.id)]);
  return view.quorums.phase1(inSight) && view.quorums.phase2(inSight);
}

/** Whether a content peer follows a ballot above this one. */
export function contentAbove(view: ElectionView, ballot: Ballot | null): boolean {
  return view.heard.some((p) => p.content && compareBallots(p.leaderBallot, ballot) > 0);
}

/**
 * The election rule, after ballot leader election of OmniPaxos (section 4): who leads is decided by quorum-connectedness, never
 * by the length of a log. It is also the pre-vote: no ballot grows in a minority.
 */
export function judge(view: ElectionView): Verdict {
  const leads = view.leaderBallot !== null && view.leaderBallot.node === view.me;
  if (leads && contentAbove(view, view.leaderBallot)) return "yield";
  if (isContent(view)) return leads ? "leading" : "follow";
  if (view.heard.some((p) => p.content)) return "wait";
  return hearsQuorums(view) ? "campaign" : "wait";
}

interface HeardPeer extends PeerFacts {
  readonly atMs: number;
  readonly round: number;
  readonly chosenUpTo: Slot;
}

/** Rounds per election timeout. */
const ROUNDS_PER_TIMEOUT = 8;
/** A candidate waits for promises up to this many timeouts, and a new leader for what was chosen before it. */
export const PATIENCE_TIMEOUTS_MAX = 16;

/** Keeps the latest replies and the timers of the rule. It only ever says "campaign now". */
export class Election {
  readonly #me: NodeId;
  /** Of the configurations in the window; to be kept up to date. */
  quorums: QuorumSystem;
  readonly #timeoutMs: number;
  readonly #peers = new Map<NodeId, HeardPeer>();
  #round = 0;
  #nextRoundMs = Number.NEGATIVE_INFINITY;
  #graceUntilMs = Number.NEGATIVE_INFINITY;
  #campaignAtMs: number | null = null;
  /** Candidacies since a leader was last there. */
  #campaigns = 0;
  #patienceMs: number;

  constructor(options: { me: NodeId; quorums: QuorumSystem; electionTimeoutMs: number }) {
    this.#me = options.me;
    this.quorums = options.quorums;
    this.#timeoutMs = options.electionTimeoutMs;
    this.#patienceMs = options.electionTimeoutMs;
  }

  get round(): number {
    return this.#round;
  }

  /** Starts the next round if it is due. */
  startRound(nowMs: number): boolean {
    if (nowMs < this.#nextRoundMs) return false;
    this.#round++;
    this.#nextRoundMs = nowMs + this.#timeoutMs / ROUNDS_PER_TIMEOUT;
    return true;
  }

  /** A reply. One of an earlier round than the latest reply of the same peer is old news. */
  onReply(from: NodeId, facts: BeatFacts, nowMs: number): void {
    if (facts.round > this.#round || facts.round < this.#round - ROUNDS_PER_TIMEOUT) return;
    const old = this.#peers.get(from);
    if (old !== undefined && old.round > facts.round) return;
    this.#peers.set(from, {
      id: from,
      atMs: nowMs,
      round: facts.round,
      promised: facts.promised,
      leaderBallot: facts.leaderBallot,
      content: facts.content,
      chosenUpTo: facts.chosenUpTo,
    });
  }

  /** Forgets what a peer said: it restarted, or its connection is gone. */
  forget(peer: NodeId): void {
    this.#peers.delete(peer);
  }

  /**
   * A candidate deserves time for its promises. Where it failed before, disks or links may be slower than the timeout: each
   * candidacy without a leader in between waits twice as long, or elections would never end.
   */
  campaignStarted(nowMs: number): void {
    this.#patienceMs = this.#timeoutMs * Math.min(2 ** this.#campaigns, PATIENCE_TIMEOUTS_MAX);
    this.#campaigns++;
    this.campaignProgressed(nowMs);
  }

  /** What the candidate waits for is coming in. */
  campaignProgressed(nowMs: number): void {
    this.#graceUntilMs = nowMs + this.#patienceMs;
  }

  /** There is a leader, this node or another. It deserves one timeout to show itself. */
  leaderFound(nowMs: number): void {
    this.#campaigns = 0;
    this.grace(nowMs);
  }

  /** Counts as content for one timeout. */
  grace(nowMs: number): void {
    this.#graceUntilMs = nowMs + this.#timeoutMs;
  }

  endGrace(): void {
    this.#graceUntilMs = Number.NEGATIVE_INFINITY;
  }

  view(leaderBallot: Ballot | null, nowMs: number): ElectionView {
    const heard = this.#heard(nowMs);
    return { me: this.#me, quorums: this.quorums, leaderBallot, heard, grace: nowMs < this.#graceUntilMs };
  }

  /** Peers heard within the last timeout. */
  heard(nowMs: number): NodeId[] {
    return this.#heard(nowMs).map((p) => p.id);
  }

  /**
   * Whether to campaign now: the rule must hold without a break over a random part of one timeout, so that two nodes that
   * see the same rarely start together. One that has less of the log than a peer in sight lets that one go first: by two rounds,
   * and one more for each doubling of what it lacks up to a timeout, since the cluster would wait while it fetches that.
   * @param random uniform in [0, 1)
   */
  campaignNow(verdict: Verdict, chosenUpTo: Slot, nowMs: number, random: number): boolean {
    if (verdict !== "campaign") {
      this.#campaignAtMs = null;
      return false;
    }
    this.#campaignAtMs ??= nowMs + this.#delayMs(chosenUpTo, nowMs, random);
    if (nowMs < this.#campaignAtMs) return false;
    this.#campaignAtMs = null;
    return true;
  }

  #delayMs(chosenUpTo: Slot, nowMs: number, random: number): number {
    // Alone there is nobody to collide with.
    if (this.quorums.members.length === 1) return 0;
    const lag = Math.max(0, ...this.#heard(nowMs).map((p) => p.chosenUpTo - chosenUpTo));
    const rounds = lag === 0 ? 0 : Math.min(2 + Math.floor(Math.log2(lag)), ROUNDS_PER_TIMEOUT);
    return ((random * ROUNDS_PER_TIMEOUT + rounds) * this.#timeoutMs) / ROUNDS_PER_TIMEOUT;
  }

  #heard(nowMs: number): HeardPeer[] {
    return [...this.#peers.values()].filter((p) => nowMs - p.atMs <= this.#timeoutMs);
  }
}
