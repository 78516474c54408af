import { compareBallots } from "@synod/paxos";
import type { Ballot } from "@synod/interface";
import type { Core } from "./core.js";
import { releaseLease } from "./lease-handlers.js";
import { transferLeader } from "./transfer.js";

export function setLeader(core: Core, ballot: Ballot | null): void {
  if (compareBallots(core.leaderBallot, ballot) === 0) return;
  core.leaderBallot = ballot;
  core.notice({ kind: "leader", ballot });
  transferLeader(core, ballot);
}

/**
 * What the owner of `ballot` sent as its leader. The first sign of a new leader gives it one timeout to show itself. A leader
 * of an older ballot, still sending, must not take turns with it: each turn would give that time anew.
 */
export function followLeader(core: Core, ballot: Ballot): void {
  if (compareBallots(ballot, core.acceptor.promised) < 0 || compareBallots(ballot, core.leaderBallot) <= 0) return;
  giveWay(core, ballot);
  setLeader(core, ballot);
  core.election.leaderFound(core.nowMs);
}

/** A ballot above the own one was promised or followed: the own candidacy or leadership is over. */
export function giveWay(core: Core, ballot: Ballot): void {
  if (core.proposer.ballot !== null && compareBallots(ballot, core.proposer.ballot) > 0) {
    stopProposing(core, `node ${ballot.node} has a higher ballot`);
  }
}

/** Ends the own candidacy or leadership at once; nothing of it leaves any more. */
export function stopProposing(core: Core, reason: string): void {
  const { ballot } = core.proposer;
  if (ballot === null) return;
  const led = core.leads;
  core.proposer.stop();
  core.flow.reset();
  core.openChange = null;
  core.outgoing = [];
  core.announcementDue = false;
  core.election.endGrace();
  if (!led) return;
  releaseLease(core, ballot, "the leadership ended");
  core.lease.stop();
  if (compareBallots(core.leaderBallot, ballot) === 0) setLeader(core, null);
  core.notice({ kind: "leadershipEnded", ballot, reason });
  for (const reader of core.reads.stop()) {
    if (reader.kind === "local") core.asks.add(reader.token);
    else {
      const { from, bootId, nonce } = reader;
      core.send(from, { kind: "readIndexReply", bootId, nonce, index: null }, "control");
    }
  }
}
