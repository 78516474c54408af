import { compareBallots } from "@synod/paxos";
import type { Ballot, NodeId, Slot } from "@synod/interface";
import type { AcceptOutcome } from "./acceptor.js";
import type { Core } from "./core.js";
import { followLeader, giveWay } from "./leadership.js";
import { countVotes, learnCounted, ownVotes, votesGoTo } from "./learning-handlers.js";
import { unpackNoops } from "./noop-range.js";
import type { Accept, Commit, Prepare, SlotRange } from "./messages.js";
import { reject } from "./reject.js";
import { ignoreAsLearner } from "./repair.js";
import { announced, reported } from "./reports.js";
import { ITEMS_MAX, PAGE_BYTES_MAX, sameValue, SLOTS_AHEAD_MAX } from "./values.js";
import type { WriteId } from "./writes.js";

type Voted = Extract<AcceptOutcome, { kind: "voted" }>;

export function onPrepare(core: Core, from: NodeId, message: Prepare): void {
  const { ballot, fromSlot } = message;
  if (ballot.node !== from) return core.ignore(from, "prepare in a ballot of another node");
  if (ignoreAsLearner(core, from)) return;

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
  if (ignoreAsLearner(core, from)) return reported(core, from, message.chosenUpTo);
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
  reported(core, from, message.chosenUpTo);
  announced(core, ballot, message.chosenUpTo);
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
  const { applied } = core;
  const { chosenUpTo } = core.log;
  const { durableUpTo } = core.writes;
  const creditBytes = core.credit.tell();
  const message = { kind: "accepted", ballot, slots, chosenUpTo, durableUpTo, applied, creditBytes } as const;
  core.send([to, ...votesGoTo(core, slots).filter((id) => id !== to)], message, "control", after);
  ownVotes(core, message, core.writes.wait(after));
}

/** There may be room again for what the leader sends. */
export function tellCredit(core: Core): void {
  if (core.credit.recovered()) sendCredit(core);
}

/** Once in each round of the election clock, for some rounds. */
export function repeatCredit(core: Core): void {
  const { credit } = core;
  // If there is none any more, it is said once, and no more about the room that there was.
  if (credit.repeats > 0 && sendCredit(core)) credit.repeats = Math.max(0, credit.repeats - 1);
}

/** Even if others went out since: that one may come last. Returns whether there is a leader to be told. */
function sendCredit(core: Core): boolean {
  const { leaderBallot } = core;
  if (leaderBallot === null || leaderBallot.node === core.me) return false;
  sendAccepted(core, leaderBallot.node, leaderBallot, [], 0);
  return true;
}

export function onCommit(core: Core, from: NodeId, message: Commit): void {
  const { ballot, chosenUpTo } = message;
  if (ballot.node !== from) return core.ignore(from, "commit in a ballot of another node");

  followLeader(core, ballot);
  reported(core, from, chosenUpTo);
  announced(core, ballot, chosenUpTo);
}
