import type { NodeId } from "@synod/interface";
import { compareBallots } from "@synod/paxos";
import type { Core } from "./core.js";
import type { Forward, ForwardReply } from "./messages.js";

/** Hands commands to the leader. Returns the sequence, or null if no other node is known to lead. */
export function forward(core: Core, body: Uint8Array): number | null {
  const ballot = core.leaderBallot;
  if (ballot === null || ballot.node === core.me) return null;
  const sequence = ++core.forwardSequence;
  core.send(ballot.node, { kind: "forward", ballot, bootId: core.bootId, sequence, body }, "bulk");
  return sequence;
}

export function onForward(core: Core, from: NodeId, message: Forward): void {
  const { bootId, sequence, body } = message;
  if (!core.forwardFilter.firstSeen(from, bootId, sequence)) return core.ignore(from, "copy of a forwarded frame");

  // What became of another copy there, this life cannot know.
  if (compareBallots(message.ballot, core.formerPromise) <= 0) return core.ignore(from, "forward to an earlier life");
  // A leadership of another ballot knows nothing of what became of copies of this frame.
  const asked = core.leads && compareBallots(core.leaderBallot, message.ballot) === 0;
  if (asked) core.pending.forwarded.push({ from, bootId, sequence, body });
  else core.send(from, { kind: "forwardReply", bootId, sequence, outcome: "notProposed" }, "control");
}

export function onForwardReply(core: Core, from: NodeId, message: ForwardReply): void {
  if (message.bootId !== core.bootId) return core.ignore(from, "forward reply for an earlier life");

  core.pending.forwardOutcomes.push({ sequence: message.sequence, outcome: message.outcome });
}
