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
  readonly impaired: boolean;
  readonly priority: number;
}

/** Rounds per election timeout. */
const ROUNDS_PER_TIMEOUT = 8;
/**
 * A candidate needs answers of both quorums from within so many rounds. They are forgotten after a timeout only, a leader's and the
 * others' not at the same instant: one that was cut off would campaign on what it heard before.
 */
const FRESH_ROUNDS = 6;
/**
 * Candidates wait a random part of so many rounds. Until all have missed a leader that hangs, and have heard so of each other, ten
 * rounds pass; with a whole timeout on top nobody might lead within two timeouts.
 */
const RANDOM_ROUNDS = 5;
/** How much longer a node waits while a better one is in sight. */
const PRIORITY_ROUNDS = 2;
const IMPAIRED_ROUNDS = 4;
/** A candidate waits for promises up to this many timeouts, and a new leader for what was chosen before it. */
export const PATIENCE_TIMEOUTS_MAX = 16;

/** Keeps the latest replies and the timers of the rule. It only ever says "campaign now". */
export class Election {
  readonly #me: NodeId;
  /** Of the configurations in the window; to be kept up to date. */
  quorums: QuorumSystem;
  readonly #timeoutMs: number;
  readonly #mayLead: (id: NodeId) => boolean;
  readonly #peers = new Map<NodeId, HeardPeer>();
  #round = 0;
  #nextRoundMs = Number.NEGATIVE_INFINITY;
  #graceUntilMs = Number.NEGATIVE_INFINITY;
  #campaignAtMs: number | null = null;
  /** With answers to this round or later ones there is no need to wait. */
  #hurryRound: number | null = null;
  /** Candidacies since a leader was last there. */
  #campaigns = 0;
  #patienceMs: number;

  /** @param options.mayLead whether a voter could lead: all could, by default */
  constructor(options: {
    readonly me: NodeId;
    readonly quorums: QuorumSystem;
    readonly electionTimeoutMs: number;
    readonly mayLead?: (id: NodeId) => boolean;
  }) {
    this.#me = options.me;
    this.#mayLead = options.mayLead ?? (() => true);
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

  /** A reply. One of an earlier round than the latest reply of the same peer is old news. Returns whether it is none. */
  onReply(from: NodeId, facts: BeatFacts, nowMs: number): boolean {
    if (facts.round > this.#round || facts.round < this.#round - ROUNDS_PER_TIMEOUT) return false;
    const old = this.#peers.get(from);
    if (old !== undefined && old.round > facts.round) return false;
    this.#peers.set(from, {
      id: from,
      atMs: nowMs,
      round: facts.round,
      promised: facts.promised,
      leaderBallot: facts.leaderBallot,
      content: facts.content,
      chosenUpTo: facts.chosenUpTo,
      impaired: facts.impaired,
      priority: facts.priority,
    });
    return true;
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

  /** Promises may come after this moment. */
  campaignHeld(untilMs: number): void {
    this.#graceUntilMs = Math.max(this.#graceUntilMs, untilMs + this.#timeoutMs);
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

  /** Whether the peers in sight whose disks and event loops work could elect a leader and follow it without this node. */
  canSpareMe(nowMs: number): boolean {
    const able = this.#heard(nowMs).filter((p) => !p.impaired);
    return able.some(({ id }) => this.#mayLead(id)) && this.#areQuorums(able);
  }

  /** Whether peers alone could, if they were in sight. */
  get isSpare(): boolean {
    const others = new Set(this.quorums.members.filter((id) => id !== this.#me));
    return [...others].some(this.#mayLead) && this.quorums.phase1(others) && this.quorums.phase2(others);
  }

  /** Whether quorums of both phases, this node included, answered so lately that they must still be there. */
  quorumsAnswer(nowMs: number): boolean {
    const lastMs = (this.#timeoutMs * FRESH_ROUNDS) / ROUNDS_PER_TIMEOUT;
    return this.#areQuorums([{ id: this.#me }, ...this.#heard(nowMs).filter((p) => nowMs - p.atMs <= lastMs)]);
  }

  #areQuorums(peers: readonly { readonly id: NodeId }[]): boolean {
    const ids = new Set(peers.map((p) => p.id));
    return this.quorums.phase1(ids) && this.quorums.phase2(ids);
  }

  /** Nobody is known to lead: once a quorum has answered the next round, and the rule still holds, there is no need to wait. */
  hurry(): void {
    this.#hurryRound = this.#round + 1;
  }

  /**
   * The peer in sight to lead in place of this node: one whose disk and event loop work, that has (almost) all of the log, with the
   * highest priority.
   * @param nearSlots lags up to this are alike
   */
  successor(voters: readonly NodeId[], chosenUpTo: Slot, nearSlots: number, nowMs: number): NodeId | null {
    const lagOf = (p: HeardPeer): number => Math.max(0, chosenUpTo - nearSlots - p.chosenUpTo);
    const candidates = this.#heard(nowMs).filter((p) => voters.includes(p.id));
    const [best] = candidates.sort(
      (a, b) =>
        Number(a.impaired) - Number(b.impaired) || lagOf(a) - lagOf(b) || b.priority - a.priority || a.id - b.id,
    );
    return best?.id ?? null;
  }

  /** Peers heard within the last timeout. */
  heard(nowMs: number): NodeId[] {
    return this.#heard(nowMs).map((p) => p.id);
  }

  /** What the peers heard within the last timeout know as chosen. */
  prefixHeard(nowMs: number): { upTo: Slot; heard: NodeId[] } {
    const heard = this.#heard(nowMs);
    return { upTo: Math.max(0, ...heard.map((p) => p.chosenUpTo)), heard: heard.map((p) => p.id) };
  }

  /**
   * Whether to campaign now: the rule must hold without a break over a random part of one timeout, so that two nodes that
   * see the same rarely start together. One that has less of the log than a peer in sight lets that one go first: by two rounds,
   * and one more for each doubling of what it lacks up to a timeout, since the cluster would wait while it fetches that. One whose
   * disk or event loop stood still lately, or whose priority is lower than that of a peer in sight, waits longer, too.
   * @param random uniform in [0, 1)
   */
  campaignNow(
    verdict: Verdict,
    own: { readonly chosenUpTo: Slot; readonly impaired: boolean; readonly priority: number },
    nowMs: number,
    random: number,
  ): boolean {
    if (verdict !== "campaign") {
      this.#campaignAtMs = null;
      this.#hurryRound = null;
      return false;
    }
    this.#campaignAtMs ??= nowMs + this.#delayMs(own, nowMs, random);
    if (!this.#hurries(nowMs) && (nowMs < this.#campaignAtMs || !this.quorumsAnswer(nowMs))) return false;
    this.#campaignAtMs = null;
    this.#hurryRound = null;
    return true;
  }

  #hurries(nowMs: number): boolean {
    const round = this.#hurryRound;
    if (round === null) return false;
    return this.#areQuorums([{ id: this.#me }, ...this.#heard(nowMs).filter((p) => p.round >= round)]);
  }

  #delayMs(own: Parameters<Election["campaignNow"]>[1], nowMs: number, random: number): number {
    // Alone there is nobody to collide with.
    if (this.quorums.members.length === 1) return 0;
    const heard = this.#heard(nowMs);
    const lag = Math.max(0, ...heard.map((p) => p.chosenUpTo - own.chosenUpTo));
    const better = heard.filter((p) => !p.impaired);
    const rounds = Math.max(
      lag === 0 ? 0 : Math.min(2 + Math.floor(Math.log2(lag)), ROUNDS_PER_TIMEOUT),
      own.impaired && better.length > 0 ? IMPAIRED_ROUNDS : 0,
      better.some((p) => p.priority > own.priority) ? PRIORITY_ROUNDS : 0,
    );
    return ((random * RANDOM_ROUNDS + rounds) * this.#timeoutMs) / ROUNDS_PER_TIMEOUT;
  }

  #heard(nowMs: number): HeardPeer[] {
    return [...this.#peers.values()].filter((p) => nowMs - p.atMs <= this.#timeoutMs);
  }
}
