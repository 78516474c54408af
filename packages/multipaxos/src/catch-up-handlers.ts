import type { NodeId } from "@synod/interface";
import type { Core } from "./core.js";
import type { Fetch, Learn } from "./messages.js";
import { queueProposals } from "./proposer-handlers.js";
import { learnChosen, reported } from "./reports.js";
import { fetchSnapshot, offerSnapshot } from "./snapshot-handlers.js";
import { PAGE_BYTES_MAX, SLOTS_AHEAD_MAX } from "./values.js";

export function onFetch(core: Core, from: NodeId, message: Fetch): void {
  const { firstSlot, lastSlot } = message;
  if (firstSlot <= core.log.compactedUpTo && offerSnapshot(core, from)) return;
  const values = core.log.serve(firstSlot, lastSlot, Math.min(core.settings.frameValueBytesMax, PAGE_BYTES_MAX));
  core.send(from, { kind: "learn", firstSlot, values, chosenUpTo: core.log.chosenUpTo }, "bulk");
}

export function onLearn(core: Core, from: NodeId, message: Learn): void {
  if (message.firstSlot + message.values.length > core.log.chosenUpTo + SLOTS_AHEAD_MAX) {
    return core.ignore(from, "learn far above the chosen prefix");
  }
  reported(core, from, message.chosenUpTo);
  let news = false;
  for (const [i, value] of message.values.entries()) {
    if (learnChosen(core, { slot: message.firstSlot + i, value })) news = true;
  }
  core.catchUp.answered(from, message.firstSlot, news, core.nowMs);
  // The window of a leader moves with what it fetches.
  if (news && core.leads) queueProposals(core, core.proposer.recover(core.nowMs));
  fetchMissing(core);
}

/** Asks for what is missing, if anything is and there is room for it. A leader's own proposals wait for what it fetches. */
export function fetchMissing(core: Core): void {
  if (core.credit.bytes === 0 && core.proposer.phase === "idle") return;
  const next = core.catchUp.next(core.nowMs);
  if (next !== null) core.send(next.to, next.fetch, "control");
  fetchSnapshot(core);
}
