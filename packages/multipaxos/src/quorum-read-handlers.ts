import type { NodeId } from "@synod/interface";
import type { Core } from "./core.js";
import type { QuorumReadAsk, QuorumReadReply } from "./messages.js";
import type { SlotFacts } from "./quorum-reads.js";
import { onLocalRead } from "./read-handlers.js";
import { ignoreAsLearner } from "./repair.js";
import { reported } from "./reports.js";

/** A caller of this node wants to read without a leader. */
export function onQuorumRead(core: Core, token: number): void {
  core.quorumReads.add(token);
  startQuorumReads(core);
}

function facts(core: Core): SlotFacts {
  const { highestVote, snapshotIndex } = core.acceptor;
  return { highestVote, chosenUpTo: core.log.chosenUpTo, snapshotIndex };
}

/** Starts what can start. Votes are counted in memory: to speak of one that is not flushed yet only makes the reader wait longer. */
function startQuorumReads(core: Core): void {
  const round = core.quorumReads.start(core.quorumsAt(core.applied + 1), core.nowMs);
  if (round === null) return;
  sendAsk(core, round);
  if (round.to.includes(core.me) && core.voting) replied(core, core.me, round.nonce, facts(core));
}

function sendAsk(core: Core, { nonce, to }: { nonce: number; to: readonly NodeId[] }): void {
  const others = to.filter((id) => id !== core.me);
  core.send(others, { kind: "quorumReadAsk", bootId: core.bootId, nonce }, "control");
}

function replied(core: Core, from: NodeId, nonce: number, reply: SlotFacts): void {
  if (core.quorumReads.onReply(from, nonce, reply, core.applied, core.nowMs)) settleQuorumReads(core);
}

/** Something was applied, or a quorum answered. */
export function settleQuorumReads(core: Core): void {
  for (const { tokens, index } of core.quorumReads.settle(core.applied, (slot) => core.quorumsAt(slot), core.nowMs)) {
    core.pending.reads.push({ tokens, index, via: "quorum", untilMs: Infinity });
  }
  startQuorumReads(core);
}

export function onQuorumReadAsk(core: Core, from: NodeId, message: QuorumReadAsk): void {
  // One that was removed votes no more: what it does not know of proves nothing.
  if (!core.quorumsAt(core.log.chosenUpTo + 1).members.includes(core.me)) {
    return core.ignore(from, "quorum read asked of a node that was removed");
  }
  // Votes it cast before the damage it may have forgotten.
  if (ignoreAsLearner(core, from)) return;
  const { bootId, nonce } = message;
  core.send(from, { kind: "quorumReadReply", bootId, nonce, ...facts(core) }, "control");
}

export function onQuorumReadReply(core: Core, from: NodeId, message: QuorumReadReply): void {
  if (message.bootId !== core.bootId) return core.ignore(from, "quorum read of an earlier life");

  reported(core, from, Math.max(message.chosenUpTo, message.snapshotIndex));
  replied(core, from, message.nonce, message);
}

/** Late questions are repeated; after a timeout without progress the leader is asked. */
export function quorumReadsTick(core: Core): void {
  const { electionTimeoutMs } = core.settings;
  const late = core.quorumReads.overdue(core.nowMs, electionTimeoutMs / 2);
  if (late !== null) sendAsk(core, late);
  const stuck = core.quorumReads.stuck(core.nowMs, electionTimeoutMs);
  if (stuck.length > 0) core.notice({ kind: "quorumReadFellBack" });
  for (const token of stuck) onLocalRead(core, token);
  settleQuorumReads(core);
}
