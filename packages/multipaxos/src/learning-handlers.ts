import type { Ballot, Learning, NodeId, Slot } from "@synod/interface";
import type { Core } from "./core.js";
import type { Accepted, SlotRange } from "./messages.js";
import type { Proposal } from "./open-slots.js";
import type { WriteId } from "./writes.js";

const learningAt = (core: Core, slot: Slot): Learning | undefined => core.history.at(slot).configuration.learning;

/** Whether members may know a slot as chosen, and have answered from it, before this leader counted its votes. */
export function learnsEarly(core: Core): boolean {
  return core.history.from(core.log.chosenUpTo + 1).some(({ configuration }) => configuration.learning !== undefined);
}

/**
 * What a read of a leader has to see. Where members learn for themselves one may have answered from a slot before this leader counted
 * its votes, but from none that was not proposed.
 */
export function readIndex(core: Core): Slot {
  const { chosenUpTo } = core.log;
  return learnsEarly(core) ? Math.max(chosenUpTo, core.proposer.next - 1) : chosenUpTo;
}

/**
 * Votes that are on the disk of `from`. Whoever leads counts those of its own ballot elsewhere. Only slots whose configuration is final
 * here are counted: by another one a few votes might seem to be a quorum. What is left out so the leader announces.
 */
export function countVotes(core: Core, from: NodeId, ballot: Ballot, ranges: readonly SlotRange[]): void {
  const { history, log, voteCounts } = core;
  // After damage the own votes say nothing of what was chosen.
  if (core.proposer.phase !== "idle" || !core.voting || !learnsEarly(core)) return;
  let slot = log.chosenUpTo + 1;
  const end = history.knownUpTo(log.chosenUpTo);
  for (const [first, last] of ranges) {
    for (slot = Math.max(slot, first); slot <= Math.min(last, end); slot++) {
      const { configuration, quorums } = history.at(slot);
      if (configuration.learning === undefined || log.isKnown(slot)) continue;
      voteCounts.add(slot, ballot, from, quorums);
      learnCounted(core, slot);
    }
  }
}

/** The value is that of the own vote, which must be of the ballot that was counted. */
export function learnCounted(core: Core, slot: Slot): void {
  const vote = core.acceptor.vote(slot);
  if (vote === undefined || !core.voteCounts.isChosen(slot, vote.ballot)) return;
  core.log.learn(slot, vote.value);
}

/** Who is to hear of own votes besides the leader: everybody, where everybody counts. */
export function votesGoTo(core: Core, slots: readonly SlotRange[]): readonly NodeId[] {
  const isWanted = slots.some(([first, last]) => [first, last].some((slot) => learningAt(core, slot) === "allToAll"));
  return isWanted ? core.others : [];
}

/** The own vote reached the disk: it counts here as well. */
export function ownVotes(core: Core, message: Accepted, after: WriteId): void {
  if (message.slots.length === 0 || !message.slots.some(([slot]) => learningAt(core, slot) !== undefined)) return;
  if (after > 0) core.toSelf.push({ message, after });
  else countVotes(core, core.me, message.ballot, message.slots);
}

/** A leader tells of its own votes where everybody counts. */
export function tellOwnVotes(core: Core, { ballot, slots }: Accepted): void {
  const others = votesGoTo(core, slots);
  const { chosenUpTo } = core.log;
  const { durableUpTo } = core.writes;
  const { applied } = core;
  const creditBytes = core.credit.bytes;
  core.send(others, { kind: "accepted", ballot, slots, chosenUpTo, durableUpTo, applied, creditBytes }, "control");
}

/**
 * Where a member can learn from its own vote and the leader's, the leader votes first: the write that an Accept of these values waits for.
 * Null where that would be of no use to anybody.
 */
export function voteBeforeSending(core: Core, proposals: readonly Proposal[]): WriteId | null {
  let after: WriteId = 0;
  for (const { slot } of proposals) {
    const { configuration, quorums } = core.history.at(slot);
    if (configuration.learning !== "onAccept" || !isPairEnough(core, quorums)) return null;
    const write = core.acceptor.voteWrite(slot, core.proposer.ballot);
    if (write === null) return null;
    after = Math.max(after, write);
  }
  return after;
}

function isPairEnough(
  { me }: Core,
  { members, phase2 }: { members: readonly NodeId[]; phase2: (has: ReadonlySet<NodeId>) => boolean },
): boolean {
  return members.some((id) => id !== me && phase2(new Set([me, id])));
}
