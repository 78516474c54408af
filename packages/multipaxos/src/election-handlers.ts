import { compareBallots } from "@synod/paxos";
import type { NodeId } from "@synod/interface";
import { repeatCredit } from "./acceptor-handlers.js";
import { fetchMissing } from "./catch-up-handlers.js";
import type { Core } from "./core.js";
import { judge, PATIENCE_TIMEOUTS_MAX } from "./election.js";
import { content, electionView } from "./election-view.js";
import { followLeader, stopProposing } from "./leadership.js";
import { membershipTick, tellRemoved } from "./membership-handlers.js";
import type { Beat, BeatFacts, BeatReply } from "./messages.js";
import { askSilent, campaign, onReject } from "./proposer-handlers.js";
import { announced, reported } from "./reports.js";
import { compact } from "./snapshot-handlers.js";
import { witnessTick } from "./witness.js";

function facts(core: Core, round: number): BeatFacts {
  return {
    round,
    candidacy: core.candidacy,
    promised: core.acceptor.promised,
    leaderBallot: core.leaderBallot,
    content: content(core),
    chosenUpTo: core.log.chosenUpTo,
    durableUpTo: core.writes.durableUpTo,
    impaired: core.health.impaired(core.nowMs),
    priority: core.settings.priority,
  };
}

export function onBeat(core: Core, from: NodeId, message: Beat): void {
  const { leaderBallot, chosenUpTo } = message;
  tellRemoved(core, from);
  if (core.membership.isGone(from)) return core.ignore(from, "removed member");
  core.membership.reported(from, message);
  if (leaderBallot !== null && leaderBallot.node === from) {
    followLeader(core, leaderBallot);
    announced(core, leaderBallot, chosenUpTo);
  }
  reported(core, from, chosenUpTo);
  // Being heard counts towards the quorums of the election: a learner is heard by its own beats only, which nobody counts.
  if (!core.voting) return;
  core.peerDurable.set(from, message.durableUpTo);
  core.send(from, { kind: "beatReply", ...facts(core, message.round) }, "control");
}

export function onBeatReply(core: Core, from: NodeId, message: BeatReply): void {
  core.membership.reported(from, message);
  const isNews = core.election.onReply(from, message, core.nowMs);
  reported(core, from, message.chosenUpTo);
  core.peerDurable.set(from, message.durableUpTo);
  // An idle leader sends no Accept that could be refused, and this peer would be without a leader until it does.
  const { ballot } = core.proposer;
  const { promised, content, leaderBallot } = message;
  if (!isNews || content || ballot === null || promised === null || !core.leads) return;
  if (compareBallots(promised, ballot) > 0)
    onReject(core, from, { kind: "reject", ballot, promised, content, leaderBallot, leaseLeftMs: 0 });
}

/** How late this tick is tells of the event loop. */
export function healthTick(core: Core): void {
  const { health, nowMs } = core;
  const lateMs = health.tick(nowMs);
  const cause = health.cause(nowMs);
  // Followers had no less time to answer than the loop was awake, unless it slept for so long that they must have given up.
  if (cause !== "loop") core.contentAtMs += lateMs;
  if (cause === core.impairment) return;
  core.impairment = cause;
  core.notice({ kind: "impaired", cause, stillMs: cause === null ? 0 : health.stillMs });
}

/** One round of the election clock: ask everybody, judge what was heard, campaign if the rule says so. */
export function electionTick(core: Core, random: number): void {
  if (!core.election.startRound(core.nowMs)) return;

  // First: whoever stood still does not know who followed meanwhile.
  const hindrance = hindranceOf(core);
  if (hindrance !== null) stopProposing(core, hindrance);
  giveUpWithoutProgress(core);
  const judged = judge(electionView(core));
  const verdict = hindrance !== null && judged === "campaign" ? "wait" : judged;
  if (verdict === "leading") core.contentAtMs = core.nowMs;
  if (verdict === "yield") stopProposing(core, "a peer follows a leader with a higher ballot");
  // A candidate that went on asking without a quorum in sight would depose a good leader when it is back.
  if (verdict === "wait" && core.proposer.phase === "prepare") stopProposing(core, "no quorum is in sight");
  // While the promise of the last candidacy waits for the disk, that of another would only wait behind it.
  const canPromise = core.writes.wait(core.candidacyWrite) === 0;
  const { impaired, chosenUpTo, priority } = facts(core, 0);
  const own = { impaired, chosenUpTo, priority };
  // The own candidacy is a promise like any other.
  const mayCampaign = canPromise && core.voting && core.grantor.leftMs(null, core.nowMs) === 0;
  if (core.election.campaignNow(verdict, own, core.nowMs, random) && mayCampaign) campaign(core);
  else if (core.proposer.phase !== "idle" && canPromise) askSilent(core);
  repeatCredit(core);
  core.send(core.others, { kind: "beat", ...facts(core, core.election.round) }, "control");
  membershipTick(core);
  fetchMissing(core);
  compact(core);
  witnessTick(core);
}

/**
 * Why this node should neither lead nor campaign, or null. A slow disk is a reason only while others in sight can do without it: where
 * all disks are slow somebody must lead, and where the own one is needed a new leader would wait for it just the same.
 */
function hindranceOf(core: Core): string | null {
  const { health, election, nowMs } = core;
  if (health.cause(nowMs) === "loop" && election.isSpare) return "the event loop stood still";
  // A leader has the votes of others meanwhile; a candidate has nothing before its own promise is on disk, and holds the others up.
  const stillAfterMs = (core.leads ? 2 : 1) * core.settings.electionTimeoutMs;
  // Others may have learned and compacted what this leader proposed, before it heard of their votes: it decides nothing meanwhile.
  const installing = core.leads && core.snapshotFetch.installMs(nowMs) > stillAfterMs;
  if ((health.writeMs(nowMs) <= stillAfterMs && !installing) || !election.canSpareMe(nowMs)) return null;
  health.remember("disk", nowMs);
  return installing ? "a snapshot is not installed" : "the disk stands still: a write does not end";
}

/** A leader that no quorum follows, or that cannot fetch what was chosen before it, makes room. */
function giveUpWithoutProgress(core: Core): void {
  if (!core.leads) return;
  if (core.nowMs - core.contentAtMs > core.settings.electionTimeoutMs) {
    stopProposing(core, "no quorum follows");
    return;
  }
  if (core.log.chosenUpTo >= core.proposer.base) {
    core.basePatienceMs = core.settings.electionTimeoutMs;
    return;
  }
  const fetchedMs = Math.max(core.catchUp.lastProgressMs, core.snapshotFetch.lastProgressMs(core.nowMs));
  const lastProgress = Math.max(fetchedMs, core.proposer.lastProgressMs, core.electedAtMs);
  if (core.nowMs - lastProgress > core.basePatienceMs) {
    // The link may be slower than one large value in this time: the next leadership here waits longer.
    core.basePatienceMs = Math.min(2 * core.basePatienceMs, PATIENCE_TIMEOUTS_MAX * core.settings.electionTimeoutMs);
    stopProposing(core, "nobody can serve the slots that were chosen before");
  }
}
