import { ballotsEqual, compareBallots } from "@synod/paxos";
import type { NodeId } from "@synod/interface";
import type { Core } from "./core.js";
import type { ReadVia } from "./effects.js";
import { leaseUntilMs } from "./lease-handlers.js";
import { learnsEarly, readIndex } from "./learning-handlers.js";
import type { Confirm, ConfirmReply, ReadIndexAsk, ReadIndexReply } from "./messages.js";
import { reject } from "./reject.js";
import { ignoreAsLearner } from "./repair.js";

/** A caller of this node wants to read. */
export function onLocalRead(core: Core, token: number, via: Exclude<ReadVia, "quorum"> = "leader"): void {
  const untilMs = via === "leader" ? leaseUntilMs(core) : null;
  if (untilMs !== null) {
    core.reads.settleLater({ kind: "local", token }, readIndex(core));
    settleReads(core);
    return;
  }
  if (core.leads) core.reads.add({ kind: "local", token });
  else core.asks.add(token);
  core.readsDue = true;
}

/** Once a turn: all who came in it share a round, or a question. */
export function flushReads(core: Core): void {
  if (!core.readsDue) return;
  core.readsDue = false;
  startReads(core);
}

/**
 * Starts what can start. At the leader a round counts only if it begins after everything that earlier leaders may have got
 * chosen is applied; its index is the chosen prefix at that moment.
 */
export function startReads(core: Core): void {
  const { ballot, barrier } = core.proposer;
  if (core.leads && ballot !== null) {
    settleReads(core);
    if (core.proposer.recovering || core.applied < barrier) return;
    const index = readIndex(core);
    if (index >= core.history.knownUpTo(core.log.chosenUpTo)) return;
    const round = core.reads.start(index, core.quorumsAt(index + 1), core.nowMs);
    if (round === null) return;
    const { nonce } = round;
    const others = round.to.filter((id) => id !== core.me);
    core.send(others, { kind: "confirm", ballot, nonce }, "control");
    confirmed(core, core.me, nonce);
    return;
  }
  const { leader } = core;
  if (leader === null || leader === core.me) return;
  const ask = core.asks.start(leader, core.nowMs);
  if (ask !== null) sendAsk(core, ask);
}

/** Whether reads wait for room in the window: the configuration of the slot after the last one proposed is not known yet. */
export function readsNeedRoom(core: Core): boolean {
  return core.leads && core.reads.waits && !core.reads.roundUnderWay && learnsEarly(core);
}

function sendAsk(core: Core, { to, nonce }: { to: NodeId; nonce: number }): void {
  core.send(to, { kind: "readIndexAsk", bootId: core.bootId, nonce }, "control");
}

function confirmed(core: Core, from: NodeId, nonce: number): void {
  if (!core.reads.onConfirm(from, nonce)) return;
  settleReads(core);
  core.readsDue = true;
}

/** Answers those whose index is known as chosen by now. */
function settleReads(core: Core): void {
  for (const { readers, index, via } of core.reads.settle(core.log.chosenUpTo)) {
    const untilMs = via === "lease" ? leaseUntilMs(core) : Infinity;
    const tokens: number[] = [];
    for (const reader of readers) {
      if (untilMs === null) core.reads.add(reader);
      else if (reader.kind === "local") tokens.push(reader.token);
      else {
        const { from: asker, bootId, nonce: asked } = reader;
        core.send(asker, { kind: "readIndexReply", bootId, nonce: asked, index }, "control");
      }
    }
    if (tokens.length > 0 && untilMs !== null) core.pending.reads.push({ tokens, index, via, untilMs });
  }
}

export function onConfirm(core: Core, from: NodeId, message: Confirm): void {
  const { ballot, nonce } = message;
  if (ballot.node !== from) return core.ignore(from, "confirm in a ballot of another node");
  if (ignoreAsLearner(core, from)) return;

  const { promised } = core.acceptor;
  if (compareBallots(promised, ballot) > 0) return reject(core, from, ballot);
  core.send(from, { kind: "confirmReply", ballot, nonce }, "control");
}

export function onConfirmReply(core: Core, from: NodeId, message: ConfirmReply): void {
  if (!core.leads || !ballotsEqual(message.ballot, core.proposer.ballot)) return;

  confirmed(core, from, message.nonce);
}

export function onReadIndexAsk(core: Core, from: NodeId, message: ReadIndexAsk): void {
  const { bootId, nonce } = message;
  if (!core.leads) {
    core.send(from, { kind: "readIndexReply", bootId, nonce, index: null }, "control");
    return;
  }
  core.reads.add({ kind: "remote", from, bootId, nonce });
  core.readsDue = true;
}

export function onReadIndexReply(core: Core, from: NodeId, message: ReadIndexReply): void {
  if (message.bootId !== core.bootId) return core.ignore(from, "read index for an earlier life");

  const tokens = core.asks.onReply(from, message.nonce);
  if (tokens === null) return;
  if (message.index !== null) {
    core.pending.reads.push({ tokens, index: message.index, via: "leader", untilMs: Infinity });
  }
  // Not leading: the readers wait for the next round of the clock, so that two nodes do not ask each other in a loop.
  else for (const token of tokens) core.asks.add(token);
  if (message.index !== null) core.readsDue = true;
}

/** Late rounds and questions are repeated. */
export function readsTick(core: Core): void {
  const waitMs = core.settings.electionTimeoutMs / 2;
  const { ballot } = core.proposer;
  if (core.leads && ballot !== null) {
    core.reads.moveOn((index) => core.quorumsAt(Math.max(index, core.log.chosenUpTo) + 1));
    const late = core.reads.overdue(core.nowMs, waitMs);
    const to = late?.to.filter((id) => id !== core.me) ?? [];
    if (late !== null) core.send(to, { kind: "confirm", ballot, nonce: late.nonce }, "control");
  } else {
    const late = core.asks.overdue(core.leader, core.nowMs, waitMs);
    if (late !== null) sendAsk(core, late);
  }
  startReads(core);
}
