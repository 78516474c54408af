import { compareBallots } from "@synod/paxos";
import type { NodeId } from "@synod/interface";
import { followLeader, reject } from "./acceptor-handlers.js";
import { fetchMissing } from "./catch-up-handlers.js";
import type { Core } from "./core.js";
import { judge, PATIENCE_TIMEOUTS_MAX } from "./election.js";
import { membershipTick, tellRemoved } from "./membership-handlers.js";
import type { Beat, BeatFacts, BeatReply } from "./messages.js";
import { askSilent, campaign } from "./proposer-handlers.js";

function facts(core: Core, round: number): BeatFacts {
  return {
    round,
    candidacy: core.candidacy,
    promised: core.acceptor.promised,
    leaderBallot: core.leaderBallot,
    content: core.content(),
    chosenUpTo: core.log.chosenUpTo,
    durableUpTo: core.writes.durableUpTo,
  };
}

export function onBeat(core: Core, from: NodeId, message: Beat): void {
  const { leaderBallot, chosenUpTo } = message;
  tellRemoved(core, from);
  if (core.membership.isGone(from)) return core.ignore(from, "removed member");
  core.membership.reported(from, message);
  if (leaderBallot !== null && leaderBallot.node === from) {
    followLeader(core, leaderBallot);
    core.log.announce(leaderBallot, chosenUpTo);
    // An idle leader sends no Accept that could be refused, and this node would be without a leader until it does.
    const refused = compareBallots(leaderBallot, core.acceptor.promised) < 0;
    if (refused && !core.content()) reject(core, from, leaderBallot);
  }
  core.reported(from, chosenUpTo);
  core.send(from, { kind: "beatReply", ...facts(core, message.round) }, "control");
}

export function onBeatReply(core: Core, from: NodeId, message: BeatReply): void {
  core.membership.reported(from, message);
  core.election.onReply(from, message, core.nowMs);
  core.reported(from, message.chosenUpTo);
}

/** One round of the election clock: ask everybody, judge what was heard, campaign if the rule says so. */
export function electionTick(core: Core, random: number): void {
  if (!core.election.startRound(core.nowMs)) return;
  giveUpWithoutProgress(core);

  const verdict = judge(core.view());
  if (verdict === "leading") core.contentAtMs = core.nowMs;
  if (verdict === "yield") core.stopProposing("a peer follows a leader with a higher ballot");
  // A candidate that went on asking without a quorum in sight would depose a good leader when it is back.
  if (verdict === "wait" && core.proposer.phase === "prepare") core.stopProposing("no quorum is in sight");
  // While the promise of the last candidacy waits for the disk, that of another would only wait behind it.
  const canPromise = core.writes.wait(core.candidacyWrite) === 0;
  if (core.election.campaignNow(verdict, core.log.chosenUpTo, core.nowMs, random) && canPromise) campaign(core);
  else if (core.proposer.phase !== "idle" && canPromise) askSilent(core);
  core.send(core.others, { kind: "beat", ...facts(core, core.election.round) }, "control");
  membershipTick(core);
  fetchMissing(core);
}

/** A leader that no quorum follows, or that cannot fetch what was chosen before it, makes room. */
function giveUpWithoutProgress(core: Core): void {
  if (!core.leads) return;
  if (core.nowMs - core.contentAtMs > core.settings.electionTimeoutMs) {
    core.stopProposing("no quorum follows");
    return;
  }
  if (core.log.chosenUpTo >= core.proposer.base) {
    core.basePatienceMs = core.settings.electionTimeoutMs;
    return;
  }
  if (
    core.nowMs - Math.max(core.catchUp.lastProgressMs, core.proposer.lastProgressMs, core.electedAtMs) >
    core.basePatienceMs
  ) {
    // The link may be slower than one large value in this time: the next leadership here waits longer.
    core.basePatienceMs = Math.min(2 * core.basePatienceMs, PATIENCE_TIMEOUTS_MAX * core.settings.electionTimeoutMs);
    core.stopProposing("nobody can serve the slots that were chosen before");
  }
}
