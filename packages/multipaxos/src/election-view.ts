import { compareBallots } from "@synod/paxos";
import type { Core } from "./core.js";
import { type ElectionView, isContent } from "./election.js";

/** What this node sees of the others, by which it judges whether it should lead. */
export function electionView(core: Core): ElectionView {
  // One whose ballot this node has to refuse is no leader of it, however well the leader does elsewhere.
  const refused = compareBallots(core.leaderBallot, core.acceptor.promised) < 0;
  const quorums = core.membership.inWindow(core.log.chosenUpTo);
  core.election.quorums = quorums;
  const view = core.election.view(refused ? null : core.leaderBallot, core.nowMs);
  // Those who are no voters have no say, but a leader that was removed goes on until its removal is complete.
  const heard = view.heard.filter(({ id }) => quorums.members.includes(id) || id === view.leaderBallot?.node);
  const isFull = !core.witness && !core.membership.isWitness(core.me);
  const eligible = isFull && core.removed === null && quorums.members.includes(core.me);
  return { ...view, heard, eligible };
}

/** Whether this node has a leader that works, or is one. */
export const content = (core: Core): boolean => isContent(electionView(core));
