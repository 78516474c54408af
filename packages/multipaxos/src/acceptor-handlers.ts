import { compareBallots } from "@synod/paxos";
import type { Ballot, NodeId, Slot } from "@synod/interface";
import type { AcceptOutcome } from "./acceptor.js";
import type { Core } from "./core.js";
import { countVotes, learnCounted, ownVotes, votesGoTo } from "./learning-handlers.js";
import { unpackNoops } from "./noop-range.js";
import type { Accept, Commit, Prepare, SlotRange } from "./messages.js";
import { ITEMS_MAX, PAGE_BYTES_MAX, sameValue, SLOTS_AHEAD_MAX } from "./values.js";
import type { WriteId } from "./writes.js";

type Voted = Extract<AcceptOutcome, { kind: "voted" }>;

/** A ballot above the own one was promised or followed: the own candidacy or leadership is over. */
function giveWay(core: Core, ballot: Ballot): void {
  if (core.proposer.ballot !== null && compareBallots(ballot, core.proposer.ballot) > 0) {
    core.stopProposing(`node ${ballot.node} has a higher ballot`);
  }
}

/**
 * What the owner of `ballot` sent as its leader. The first sign of a new leader gives it one timeout to show itself. A leader
 * of an older ballot, still sending, must not take turns with it: each turn would give that time anew.
 */
export function followLeader(core: Core, ballot: Ballot): void {
  if (compareBallots(ballot, core.acceptor.promised) < 0 || compareBallots(ballot, core.leaderBallot) <= 0) return;
  giveWay(core, ballot);
  core.setLeader(ballot);
  core.election.leaderFound(core.nowMs);
}

/** Refuses what came in a ballot below the promise, or while another ballot has a lease. */
export function reject(core: Core, to: NodeId, ballot: Ballot): void {
  const { promised } = core.acceptor;
  const { leaderBallot } = core;
  const leaseLeftMs = Math.ceil(core.grantor.leftMs(ballot, core.nowMs));
  if (promised === null && leaseLeftMs === 0) return;
  core.send(to, { kind: "reject", ballot, promised, content: core.content(), leaderBallot, leaseLeftMs }, "control");
}

export function onPrepare(core: Core, from: NodeId, message: Prepare): void {
  const { ballot, fromSlot } = message;
  if (ballot.node !== from) return core.ignore(from, "prepare in a ballot of another node");
  if (core.ignoreAsLearner(from)) return;

  const isNew = compareBallots(ballot, core.acceptor.promised) > 0;
  if (isNew && core.grantor.leftMs(ballot, core.nowMs) > 0) return reject(core, from, ballot);
  const outcome = core.acceptor.prepare(ballot);
  if (outcome.kind === "rejected") return reject(core, from, ballot);
  if (isNew) {
    giveWay(core, ballot);
    core.election.grace(core.nowMs);
  }
  const { chosenUpTo } = core.log;
  const bytesMax = Math.min(core.settings.frameValueBytesMax, PAGE_BYTES_MAX);
  const page = core.acceptor.page(fromSlot, chosenUpTo, { bytesMax, itemsMax: ITEMS_MAX });
  const { snapshotIndex } = core.acceptor;
  const { votes, lastSlot } = page;
  core.send(
    from,
    { kind: "promise", ballot, firstSlot: fromSlot, lastSlot, votes, chosenUpTo, snapshotIndex },
    // Values must not stand before the beats, nor be dropped where the queue of the control lane is short.
    votes.length > 0 ? "bulk" : "control",
    page.after,
  );
}

export function onAccept(core: Core, from: NodeId, message: Accept): void {
  const { ballot, firstSlot } = message;
  if (ballot.node !== from) return core.ignore(from, "accept in a ballot of another node");
  const values = unpackNoops(message.values);
  if (values === null) return core.ignore(from, "malformed range of no-ops");
  if (!Number.isSafeInteger(firstSlot + values.length)) return core.ignore(from, "accept beyond the last slot");
  if (firstSlot + values.length > core.log.chosenUpTo + SLOTS_AHEAD_MAX) {
    return core.ignore(from, "accept far above the chosen prefix");
  }
  const order = compareBallots(ballot, core.acceptor.promised);
  if (core.voting && order < 0) return reject(core, from, ballot);
  // A vote in a higher ballot promises it.
  if (core.voting && order > 0 && values.length > 0 && core.grantor.leftMs(ballot, core.nowMs) > 0) {
    return reject(core, from, ballot);
  }

  followLeader(core, ballot);
  if (core.ignoreAsLearner(from)) return core.reported(from, message.chosenUpTo);
  const slots: [Slot, Slot][] = [];
  let after: WriteId = 0;
  let waits = false;
  for (const [i, value] of values.entries()) {
    const vote = voteFor(core, ballot, firstSlot + i, value);
    if (vote === null) continue;
    // The word of this vote waits for the disk already: a leader asks again for as long as a write hangs.
    if (vote.again && vote.after > 0) {
      waits = true;
      continue;
    }
    after = Math.max(after, vote.after);
    extend(slots, firstSlot + i);
  }
  core.reported(from, message.chosenUpTo);
  core.announced(ballot, message.chosenUpTo);
  if (slots.length > 0 || !waits) sendAccepted(core, from, ballot, slots, after);
  if (message.leaderVoted === true) countVotes(core, from, ballot, [[firstSlot, firstSlot + values.length - 1]]);
}

/** The vote, or null if this acceptor does not vote because the slot is chosen here. */
function voteFor(core: Core, ballot: Ballot, slot: Slot, value: Uint8Array): Voted | null {
  const known = core.log.value(slot);
  if (known !== undefined && !sameValue(known, value)) return null;
  const outcome = core.acceptor.accept(ballot, slot, value);
  if (outcome.kind !== "voted") return null;
  core.log.voted({ slot, ballot, value });
  learnCounted(core, slot);
  return outcome;
}

function extend(ranges: [Slot, Slot][], slot: Slot): void {
  const last = ranges.at(-1);
  if (last !== undefined && last[1] === slot - 1) last[1] = slot;
  else ranges.push([slot, slot]);
}

function sendAccepted(core: Core, to: NodeId, ballot: Ballot, slots: readonly SlotRange[], after: WriteId): void {
  const { creditBytes, applied } = core;
  const { chosenUpTo } = core.log;
  const { durableUpTo } = core.writes;
  core.creditTold = Math.min(core.creditTold, creditBytes);
  if (creditBytes === 0) core.creditRepeats = 0;
  const message = { kind: "accepted", ballot, slots, chosenUpTo, durableUpTo, applied, creditBytes } as const;
  core.send([to, ...votesGoTo(core, slots).filter((id) => id !== to)], message, "control", after);
  ownVotes(core, message, core.writes.wait(after));
}

/** A leader that was told that nothing more can be taken in waits for this word, even if others went out since: that one may come last. */
export function tellCredit(core: Core): void {
  if (core.creditTold > 0 || core.creditBytes < core.settings.creditBytesMax / 2) return;
  core.creditTold = core.creditBytes;
  repeatCredit(core);
  core.creditRepeats = CREDIT_REPEATS;
}

/** Once in each round of the election clock, for some rounds. */
export function repeatCredit(core: Core): void {
  const { leaderBallot, creditRepeats } = core;
  if (leaderBallot === null || leaderBallot.node === core.me) return;
  sendAccepted(core, leaderBallot.node, leaderBallot, [], 0);
  core.creditRepeats = creditRepeats - 1;
}

const CREDIT_REPEATS = 3;

export function onCommit(core: Core, from: NodeId, message: Commit): void {
  const { ballot, chosenUpTo } = message;
  if (ballot.node !== from) return core.ignore(from, "commit in a ballot of another node");

  followLeader(core, ballot);
  core.reported(from, chosenUpTo);
  core.announced(ballot, chosenUpTo);
}
