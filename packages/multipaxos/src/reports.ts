import type { Ballot, ChosenValue, NodeId, Slot } from "@synod/interface";
import type { Core } from "./core.js";
import { stopProposing } from "./leadership.js";
import { sameValue } from "./values.js";

/** The leader of `ballot` says what is chosen. What a learner voted for before the damage it would not find again: it fetches. */
export function announced(core: Core, ballot: Ballot, upTo: Slot): void {
  if (core.voting) core.log.announce(ballot, upTo);
  else core.log.reported(upTo);
}

/** A peer's chosen prefix. It may show that another leader was at work. */
export function reported(core: Core, from: NodeId, chosenUpTo: Slot): void {
  core.catchUp.reported(from, chosenUpTo);
  core.flow.answered(from, chosenUpTo);
  if (core.proposer.endsWith(chosenUpTo)) {
    stopProposing(core, `node ${from} knows slot ${chosenUpTo} as chosen, which this leader has not proposed`);
  }
}

/**
 * A value that a peer knows as chosen. If this leader proposed another one there, or none yet, a later leader was at work
 * and this leadership ends before it could announce the slot (an announcement would speak of the own proposal).
 */
export function learnChosen(core: Core, { slot, value }: ChosenValue): boolean {
  if (core.log.isKnown(slot)) return core.log.learn(slot, value);
  if (core.proposer.endsWith(slot)) stopProposing(core, `slot ${slot} is chosen by a later leader`);
  const open = core.proposer.open.valueAt(slot);
  core.log.learn(slot, value);
  core.writes.addChosen({ slot, value });
  if (open !== undefined) {
    core.proposer.open.settled(slot);
    core.announcementDue = true;
    if (!sameValue(open, value)) stopProposing(core, `another value is chosen at slot ${slot}`);
  }
  return true;
}
