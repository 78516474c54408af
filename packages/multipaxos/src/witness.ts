import type { NodeId, Slot } from "@synod/interface";
import { fullVotersOf } from "./configuration-value.js";
import type { Core } from "./core.js";

/**
 * Up to where others have what this witness holds, on disk and marked as chosen. `all`: full members that are a phase-2 quorum, so that
 * as many disks may be lost as without witnesses. `one`: at least one full member that answers now; should it go down the group waits for it.
 */
function heldByOthers(core: Core): { readonly all: Slot; readonly one: Slot } {
  const { configuration, quorums } = core.history.last;
  const marks = fullVotersOf(configuration).map((id) => [id, core.membership.durableUpTo(id)] as const);
  marks.sort(([, a], [, b]) => b - a);
  const holders = new Set<NodeId>();
  let all = 0;
  for (const [id, mark] of marks) {
    holders.add(id);
    if (!quorums.phase2(holders)) continue;
    all = mark;
    break;
  }
  const heard = core.election.heard(core.nowMs);
  const one = Math.max(0, ...marks.filter(([id]) => heard.includes(id)).map(([, mark]) => mark));
  return { all, one };
}

/** What may be forgotten now, if it is worth it. */
function forgettable(core: Core): Slot {
  const { log, settings } = core;
  if (core.tailBytes <= settings.retainedBytesMax) return 0;
  const { all, one } = heldByOthers(core);
  let bytes = 0;
  for (let slot = log.chosenUpTo; slot > Math.max(all, log.compactedUpTo); slot--) bytes += valueBytes(core, slot);
  return Math.min(log.chosenUpTo, bytes > settings.retainedBytesMax ? one : all);
}

/** What a slot costs in memory, about. */
function valueBytes(core: Core, slot: Slot): number {
  return (core.log.value(slot)?.length ?? 0) + SLOT_BYTES;
}

/** What a slot costs besides its value, about. */
export const SLOT_BYTES = 64;

/** Once a round of the election clock: a witness keeps values only until full members have them. */
export function witnessTick(core: Core): void {
  if (!core.witness) return;
  const index = forgettable(core);
  if (index > core.log.compactedUpTo) forgetUpTo(core, index, core.history.encode(index));
}

/** A full member has a snapshot of everything up to `index`: it is chosen, and not needed here. */
export function forgetUpTo(core: Core, index: Slot, head: Uint8Array): void {
  if (core.forgetting || index <= (core.held?.index ?? 0)) return;
  core.forgetting = true;
  core.snapshotSteps.push({ kind: "forget", index, head });
}
