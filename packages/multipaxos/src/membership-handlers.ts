import { compareBallots } from "@synod/paxos";
import { type Configuration, type LeaseTerms, type Member, type NodeId, SynodError } from "@synod/interface";
import { KEPT_IN_SNAPSHOT, RETIRED_MAX } from "./configuration-history.js";
import {
  checkConfiguration,
  type ConfigurationValue,
  decodeConfigurationValue,
  encodeConfigurationValue,
  isWitness,
  votersOf,
} from "./configuration-value.js";
import type { Core } from "./core.js";
import type { Change, ChangeRefusal, ChangeReply, Removed } from "./messages.js";
import { askSilent, queueProposals, secure } from "./proposer-handlers.js";
import { partAsLeader } from "./transfer-handlers.js";
import { isHandingOver } from "./transfer.js";

/**
 * Proposes a change of the configuration, if this node leads and nothing stands against it. The log decides in the end: a change
 * that this leader proposed may still turn out void, if another leader was faster.
 * @returns null if it was proposed, or already stands in the history; else why not.
 */
export function changeConfiguration(core: Core, value: Uint8Array): ChangeRefusal | null {
  const { proposer, history, log } = core;
  let change: ConfigurationValue;
  try {
    change = decodeConfigurationValue(value);
  } catch (error) {
    if (error instanceof SynodError) return "invalid";
    throw error;
  }
  if (!core.leads) return "notLeading";
  // A copy of one that was proposed: the answer is the same.
  if (core.openChange?.changeId === change.changeId && log.chosenUpTo < core.openChange.slot) return null;
  if (history.entries.some(({ changeId }) => changeId === change.changeId)) return null;
  if (change.stamp !== history.last.epoch) return "epoch";
  // A snapshot has to hold all whose members may still be needed, with the newest and this one.
  const isLong = core.membership.unfinished.length + 2 > KEPT_IN_SNAPSHOT;
  if (!core.membership.settled || isLong || (core.openChange !== null && log.chosenUpTo < core.openChange.slot)) {
    return "changeUnderWay";
  }
  if (isHandingOver(core) || proposer.capacity() === 0 || proposer.next < history.last.from) return "busy";
  const refusal = reasonAgainst(core, change.configuration);
  if (refusal !== null) return refusal;
  const proposal = proposer.propose(value, core.nowMs);
  if (proposal === null) return "busy";
  const { slot } = proposal;
  core.openChange = { slot, changeId: change.changeId };
  queueProposals(core, [proposal]);
  proposer.fill(slot + history.at(slot).configuration.alpha - 1);
  queueProposals(core, proposer.recover(core.nowMs));
  return null;
}

function reasonAgainst(core: Core, next: Configuration): ChangeRefusal | null {
  const { last } = core.history;
  // What was granted for one time must not be counted by another.
  if (!sameLease(next.lease, last.configuration.lease)) return "invalid";
  // Reads and leases go by one way of learning or the other.
  if (next.learning !== last.configuration.learning) return "invalid";
  if (next.members.some(({ id }) => last.retired.includes(id))) return "retiredId";
  const staying = new Set(next.members.map(({ id }) => id));
  const leaving = last.configuration.members.filter(({ id }) => !staying.has(id));
  if (last.retired.length + leaving.length > RETIRED_MAX) return "invalid";
  try {
    checkConfiguration(next);
  } catch {
    return "invalid";
  }
  const known = new Map(last.configuration.members.map((member) => [member.id, isWitness(member)]));
  if (next.members.some((member) => known.get(member.id) === !isWitness(member))) return "invalid";
  const voters = last.quorums.members;
  const isBehind = (id: NodeId): boolean => !voters.includes(id) && !isReady(core, id);
  return votersOf(next).some(isBehind) ? "learnerBehind" : null;
}

function sameLease(a: LeaseTerms | undefined, b: LeaseTerms | undefined): boolean {
  return a?.durationMs === b?.durationMs && a?.driftPercent === b?.driftPercent;
}

/**
 * To vote: within one window of the chosen prefix, so that it does not hold the others up, and answering. What it said when it was there last is kept, and with
 * one that is gone those who are there may be no quorum any more.
 */
function isReady(core: Core, id: NodeId): boolean {
  const known = id === core.me ? core.log.chosenUpTo : core.membership.chosenUpTo(id);
  const isCaughtUp = known !== null && known + core.configuration.alpha >= core.log.chosenUpTo;
  return isCaughtUp && (id === core.me || core.election.heard(core.nowMs).includes(id));
}

/** Once a turn: what follows from configurations that became known. */
export function membershipTurn(core: Core): void {
  const { history, membership } = core;
  membership.reported(core.me, { chosenUpTo: core.log.chosenUpTo, durableUpTo: core.writes.durableUpTo });
  if (core.epochTold !== history.last.epoch) {
    core.epochTold = history.last.epoch;
    core.notice({ kind: "configuration", governing: history.last });
    if (core.proposer.phase !== "idle") askSilent(core);
  }
  // The mark must reach the disk even where nothing else is written: the completion waits for it.
  if (core.log.chosenUpTo >= history.last.from - 1) core.writes.requireMark(history.last.from - 1);
  if (core.proposer.phase !== "idle" && !core.proposer.secured) secure(core);
  const gone = membership.takeGone();
  if (gone.length > 0) dismiss(core, gone);
  if (core.completeTold !== history.last.epoch && membership.complete) onComplete(core);
}

/** Nobody needs these any more. */
function dismiss(core: Core, gone: readonly NodeId[]): void {
  const { epoch } = core.history.last;
  const others = gone.filter((id) => id !== core.me);
  if (core.leads) core.send(others, { kind: "removed", epoch, mayStop: true }, "control");
  if (gone.includes(core.me)) leave(core, epoch, true);
  for (const id of others) forget(core, id);
}

/** Ids are never used again, so what is kept by id would grow with every member that leaves. */
function forget(core: Core, id: NodeId): void {
  core.membership.forget(id);
  core.forwardFilter.forget(id);
  core.catchUp.forget(id);
  core.election.forget(id);
  core.flow.forget(id);
  core.proposer.open.lost(id);
  core.peerDurable.delete(id);
  core.snapshotFetch.lost(id, core.nowMs);
}

function onComplete(core: Core): void {
  const { last } = core.history;
  core.completeTold = last.epoch;
  if (last.slot > 0) core.notice({ kind: "changeComplete", epoch: last.epoch });
  makeRoom(core);
}

/** Nobody needs a leader any more that is no voter. It may have been elected as one of before the change, when that was complete already. */
function makeRoom(core: Core): void {
  const { last } = core.history;
  if (!core.leads || last.quorums.members.includes(core.me) || !core.membership.complete) return;
  // Below that it is one of those who decide.
  if (core.log.chosenUpTo >= last.from - 1) partAsLeader(core, "this node is no voter any more");
}

/** Once a round of the election clock. */
export function membershipTick(core: Core): void {
  const { last } = core.history;
  if (last.retired.includes(core.me)) leave(core, last.epoch, core.membership.isGone(core.me));
  makeRoom(core);
  if (!core.leads) return;
  promoteJoining(core);
}

/** A joining member that is ready becomes a voter; the one that it replaces leaves in the same step. */
function promoteJoining(core: Core): void {
  const { configuration, epoch } = core.history.last;
  const mayVote = ({ id, role }: Member): boolean =>
    (role === "joining" || role === "joiningWitness") && isReady(core, id);
  for (const ready of configuration.members.filter(mayVote)) {
    const members = configuration.members
      .filter(({ id }) => id !== ready.replaces)
      .map((m) => (m === ready ? asVoter(m) : m));
    const next = { ...configuration, epoch: epoch + 1, members };
    const changeId = `promote ${ready.id} of ${epoch}`;
    const value = encodeConfigurationValue({ stamp: epoch, changeId, configuration: next });
    const refused = changeConfiguration(core, value);
    // With quorums that name their members, or sizes that no longer meet, the operator promotes together with new quorums. Those behind it do not wait.
    if (refused !== "invalid") return;
  }
}

function asVoter({ id, address, name, storeId, role }: Member): Member {
  return {
    id,
    ...(role === "joiningWitness" ? { role: "witness" } : {}),
    ...(address === undefined ? {} : { address }),
    ...(name === undefined ? {} : { name }),
    ...(storeId === undefined ? {} : { storeId }),
  };
}

/** This node was removed. It goes on answering until it may stop. */
function leave(core: Core, epoch: number, mayStop: boolean): void {
  const known = core.removed;
  if (known !== null && (known.mayStop || !mayStop)) return;
  core.removed = { epoch: known?.epoch ?? epoch, mayStop };
  if (mayStop) partAsLeader(core, "this node was removed");
  core.notice({ kind: "removed", epoch: core.removed.epoch, mayStop });
}

export function onRemoved(core: Core, from: NodeId, message: Removed): void {
  const { last } = core.history;
  const listed = last.configuration.members.some(({ id }) => id === core.me);
  // Ids never come back, so whoever knows a later configuration that lists this node is right.
  if (message.epoch <= last.epoch && listed) return core.ignore(from, "removed by an older configuration");
  leave(core, message.epoch, message.mayStop);
}

/** A removed member asks: it is told that it is out. */
export function tellRemoved(core: Core, to: NodeId): void {
  const { last } = core.history;
  if (!last.retired.includes(to)) return;
  core.send(to, { kind: "removed", epoch: last.epoch, mayStop: core.membership.isGone(to) }, "control");
}

/** A node asks the leader for a change. */
export function onChange(core: Core, from: NodeId, message: Change): void {
  // Its first copy may have been refused for good: what its caller was told must stay true.
  const { ballot, bootId, sequence } = message;
  if (!core.membership.asked.firstSeen(from, bootId, sequence)) return core.ignore(from, "copy of a change asked for");
  // What became of another copy there, this life cannot know.
  if (compareBallots(ballot, core.formerPromise) <= 0) return core.ignore(from, "change asked of an earlier life");
  const isMine = core.leads && compareBallots(ballot, core.leaderBallot) === 0;
  const refused = isMine ? changeConfiguration(core, message.value) : "notLeading";
  core.send(from, { kind: "changeReply", bootId, sequence, refused }, "control");
}

export function onChangeReply(core: Core, from: NodeId, message: ChangeReply): void {
  if (message.bootId !== core.bootId) return core.ignore(from, "change reply for an earlier life");
  core.notice({ kind: "changeAnswered", sequence: message.sequence, refused: message.refused });
}
