import { compareBallots } from "@synod/paxos";
import { type Ballot, type NodeId, type Slot, SynodError } from "@synod/interface";
import { fetchMissing } from "./catch-up-handlers.js";
import { fullVotersOf } from "./configuration-value.js";
import type { Core } from "./core.js";
import { electionView } from "./election-view.js";
import { followLeader, stopProposing } from "./leadership.js";
import { releaseLease, repeatRelease } from "./lease-handlers.js";
import type { TransferTo } from "./messages.js";
import { endTransfer, type Transfer } from "./transfer.js";
import { campaign } from "./proposer-handlers.js";
import { ignoreAsLearner } from "./repair.js";
import { announced, reported } from "./reports.js";

/** The leader of `ballot` wants this node to campaign once it knows everything up to `chosenUpTo`. */
export interface Summons {
  readonly ballot: Ballot;
  readonly chosenUpTo: Slot;
  readonly untilMs: number;
}

/** A target that lacks no more than this has it before a command waits for long. */
const NEAR_SLOTS = 256;
/** Nothing is proposed for at most so many election timeouts. */
const HALT_TIMEOUTS = 2;

function failed(text: string, details: Readonly<Record<string, unknown>>): SynodError {
  return new SynodError("NotTransferred", text, { details });
}

const otherVoters = (core: Core): NodeId[] =>
  fullVotersOf(core.history.last.configuration).filter((id) => id !== core.me);

const bestPrepared = (core: Core): NodeId | null =>
  core.election.successor(otherVoters(core), core.log.chosenUpTo, NEAR_SLOTS, core.nowMs);

export function beginTransfer(core: Core, wanted: NodeId | null, timeoutMs: number): NodeId {
  const { ballot } = core.proposer;
  if (wanted !== null && !otherVoters(core).includes(wanted)) {
    throw new SynodError(
      "InvalidArgument",
      `node ${wanted} is no other full member: it cannot take the leadership over`,
    );
  }
  const { leader } = core;
  if (!core.leads || ballot === null) {
    const who = leader === null ? "nobody is known to lead" : `node ${leader} leads`;
    throw failed(`only the leader can hand over: ${who}`, { leader });
  }
  if (core.transfer !== null) throw failed(`a transfer to node ${core.transfer.to} is under way`, { leader });
  const to = wanted ?? bestPrepared(core);
  if (to === null || !core.election.heard(core.nowMs).includes(to)) {
    throw failed(to === null ? "no other member answers" : `node ${to} does not answer`, { leader });
  }
  core.transfer = { to, ballot, untilMs: core.nowMs + timeoutMs, phase: "wait", toldAtMs: Number.NEGATIVE_INFINITY };
  return to;
}

/**
 * The change that took this leader's vote is complete, and others need not listen to it any more: it ends its leadership at once, whatever is
 * open. Whoever is best prepared is told, and campaigns before the leader is missed.
 */
export function partAsLeader(core: Core, reason: string): void {
  const { ballot } = core.proposer;
  const to = core.leads ? bestPrepared(core) : null;
  if (to !== null && ballot !== null) {
    core.send(to, { kind: "transferTo", ballot, chosenUpTo: core.log.chosenUpTo }, "control");
  }
  stopProposing(core, reason);
}

export function transferLost(core: Core, peer: NodeId): void {
  if (core.leads && core.transfer?.to === peer) endTransfer(core, false, `the connection to node ${peer} broke`);
}

/** Goes on with an orderly change of leader, on either side, as far as it can get. */
export function transferStep(core: Core): void {
  answerSummons(core);
  const { transfer, nowMs } = core;
  if (transfer === null) return;
  if (nowMs >= transfer.untilMs) {
    return endTransfer(
      core,
      false,
      core.leads ? `node ${transfer.to} did not take over in time` : "no leader is known in time",
    );
  }
  if (core.leads) handOver(core, transfer);
}

function handOver(core: Core, transfer: Transfer): void {
  const { proposer, log, nowMs } = core;
  const { electionTimeoutMs } = core.settings;
  if (transfer.phase === "wait") {
    const lacks = log.chosenUpTo - core.catchUp.reportedBy(transfer.to);
    if (proposer.recovering || log.chosenUpTo < proposer.barrier || lacks > NEAR_SLOTS) return;
    transfer.phase = "halt";
    transfer.untilMs = Math.min(transfer.untilMs, nowMs + HALT_TIMEOUTS * electionTimeoutMs);
  }
  // Until every proposal is chosen the target could not have everything.
  if (log.chosenUpTo < proposer.next - 1) return;
  if (nowMs - transfer.toldAtMs < electionTimeoutMs / 8) return;
  // Who granted a lease could not promise anything to the target.
  if (transfer.phase === "halt") releaseLease(core, transfer.ballot, "the leadership is handed over");
  else repeatRelease(core, transfer.ballot);
  transfer.phase = "told";
  transfer.toldAtMs = nowMs;
  core.send(transfer.to, { kind: "transferTo", ballot: transfer.ballot, chosenUpTo: log.chosenUpTo }, "control");
}

export function onTransferTo(core: Core, from: NodeId, message: TransferTo): void {
  const { ballot, chosenUpTo } = message;
  if (ballot.node !== from) return core.ignore(from, "transfer in a ballot of another node");
  if (ignoreAsLearner(core, from)) return;

  followLeader(core, ballot);
  reported(core, from, chosenUpTo);
  announced(core, ballot, chosenUpTo);
  if (compareBallots(core.leaderBallot, ballot) !== 0) return core.ignore(from, "transfer by one that does not lead");
  core.summons = { ballot, chosenUpTo, untilMs: core.nowMs + core.settings.electionTimeoutMs };
  if (core.log.chosenUpTo < chosenUpTo) fetchMissing(core);
}

/**
 * Campaigns although a leader is there, since that leader asked for it and waits. Others answer a Prepare whether they are content or
 * not; what the rule of elections keeps from happening is a candidacy that the leader did not ask for, or that no quorum hears.
 */
function answerSummons(core: Core): void {
  const { summons, log, nowMs } = core;
  if (summons === null) return;
  const isCurrent = compareBallots(core.leaderBallot, summons.ballot) === 0 && core.proposer.phase === "idle";
  // Had the leader gone on, there would be more: the request is an old one.
  if (!isCurrent || log.chosenUpTo > summons.chosenUpTo || nowMs > summons.untilMs) {
    core.summons = null;
    return;
  }
  if (log.chosenUpTo < summons.chosenUpTo || core.writes.wait(core.candidacyWrite) > 0) return;
  if (!electionView(core).eligible) return;
  // The own candidacy is a promise like any other.
  if (core.grantor.leftMs(null, nowMs) > 0) return;
  if (core.health.cause(nowMs) !== null || !core.election.quorumsAnswer(nowMs)) return;
  core.summons = null;
  campaign(core);
}
