import type { NodeId, Slot } from "@synod/interface";
import { bitOf, type Epoch, fullVotersOf, isQuorumOf } from "./epochs.js";

/** Up to where each node has everything on disk as chosen: in truth, or as somebody was told. */
export type Marks = (id: NodeId) => Slot;

/** A bit for each of those that have everything up to a slot on disk as chosen. */
function holding(ids: readonly NodeId[], upTo: Slot, marks: Marks): number {
  return ids.reduce((bits, id) => (marks(id) >= upTo ? bits | bitOf(id) : bits), 0);
}

/** Whether full voters that are a phase-2 quorum have everything up to a slot. */
export function isHeldByQuorum(epoch: Epoch, upTo: Slot, marks: Marks): boolean {
  return isQuorumOf(epoch, "phase2", holding(fullVotersOf(epoch), upTo, marks));
}

/** Whether all full voters have it, be they a quorum or not. */
export function isHeldByAll(epoch: Epoch, upTo: Slot, marks: Marks): boolean {
  return fullVotersOf(epoch).every((id) => marks(id) >= upTo);
}

/** Up to where full voters that are a phase-2 quorum have everything. */
export function heldByQuorum(epoch: Epoch, marks: Marks): Slot {
  const slots = fullVotersOf(epoch).map(marks);
  return Math.max(0, ...slots.filter((slot) => isHeldByQuorum(epoch, slot, marks)));
}

/** Whether one full voter has all that was chosen before a change: somebody to learn it from. */
export const isHeldInFull = (made: Epoch, marks: Marks): boolean =>
  fullVotersOf(made).some((id) => marks(id) >= made.from - 1);

/** Whether a phase-2 quorum has all that was chosen before a change, and the mark that it is. */
export const isMarked = (made: Epoch, marks: Marks): boolean =>
  isQuorumOf(made, "phase2", holding(made.voters, made.from - 1, marks));

/** Whether nothing has to move for a change: the same voters decide in the same way as before. */
export const movesNothing = (made: Epoch, before: Epoch | undefined): boolean =>
  made.slot === 0 || (before !== undefined && decideAlike(before, made));

/** Whether a change is settled. One that moves nothing is, since the one before it was when it was proposed. */
export function isSettled(made: Epoch, before: Epoch | undefined, marks: Marks): boolean {
  return movesNothing(made, before) || (isMarked(made, marks) && isHeldInFull(made, marks));
}

/**
 * Whether the values of what was chosen before a change stand where they have to: with full voters that are a quorum, or all there are. Or nothing had
 * to move, as the same voters decide in the same way.
 * @param before the configuration that it changed
 */
export function hasMoved(made: Epoch, before: readonly Epoch[], marks: Marks): boolean {
  if (made.slot === 0) return true;
  const upTo = made.from - 1;
  if (isHeldByAll(made, upTo, marks) || isHeldByQuorum(made, upTo, marks)) return true;
  const last = before.at(-1);
  if (last === undefined || !decideAlike(last, made)) return false;
  return isSettled(last, before.at(-2), marks) && hasMoved(last, before.slice(0, -1), marks);
}

/**
 * Of all configurations up to some slot, ascending, those whose members may still be needed: the newest, and those before it, back to the
 * last one whose change is complete.
 */
export function counting(known: readonly Epoch[], marks: Marks): readonly Epoch[] {
  for (let i = known.length - 1; i > 0; i--) {
    const made = known[i] as Epoch;
    const isLast = i === known.length - 1;
    // The next one was not proposed before this one was settled: where no witness votes that is all it takes.
    if (!isLast && fullVotersOf(made).length === made.voters.length) return known.slice(i);
    const settled = !isLast || isSettled(made, known[i - 1], marks);
    if (settled && hasMoved(made, known.slice(0, i), marks)) return known.slice(i);
  }
  return known;
}

const decideAlike = (a: Epoch, b: Epoch): boolean =>
  JSON.stringify([a.voters, a.configuration.quorum]) === JSON.stringify([b.voters, b.configuration.quorum]);
