import type { NodeId, Slot } from "@synod/interface";
import type { Governing } from "./configuration-history.js";
import { fullVotersOf } from "./configuration-value.js";
import type { Core } from "./core.js";

/**
 * Up to where others have what this witness holds, on disk and marked as chosen. `all`: full members that are a phase-2 quorum, of every
 * configuration whose members may still be needed, so that as many disks may be lost as without witnesses. `one`: at least one full member that
 * answers now; should it go down the group waits for it.
 */
function heldByOthers(core: Core): { readonly all: Slot; readonly one: Slot } {
  const { membership, history } = core;
  const all = Math.min(...[...membership.unfinished, history.last].map((each) => heldByQuorum(core, each)));
  const heard = core.election.heard(core.nowMs);
  const full = fullVotersOf(history.last.configuration).filter((id) => heard.includes(id));
  return { all, one: Math.max(0, ...full.map((id) => membership.durableUpTo(id))) };
}

/** Up to where full members that are a phase-2 quorum of it have everything on disk as chosen. */
function heldByQuorum(core: Core, { configuration, quorums }: Governing): Slot {
  const marks = fullVotersOf(configuration).map((id) => [id, core.membership.durableUpTo(id)] as const);
  marks.sort(([, a], [, b]) => b - a);
  const holders = new Set<NodeId>();
  for (const [id, mark] of marks) {
    holders.add(id);
    if (quorums.phase2(holders)) return mark;
  }
  return 0;
}

/** What may be forgotten now, if it is worth it. */
function forgettable(core: Core): Slot {
  const { log, settings } = core;
  if (core.tailBytes <= settings.retainedBytesMax) return 0;
  const { all, one } = heldByOthers(core);
  let bytes = 0;
  for (let slot = log.chosenUpTo; slot > Math.max(all, log.compactedUpTo); slot--) bytes += valueBytes(core, slot);
  return Math.min(log.chosenUpTo, bytes > settings.retainedBytesMax ? Math.max(all, one) : all);
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

/**
 * A peer has a snapshot in place of what this witness lacks. To go on above it is to forget everything below, votes too, and to say that
 * it is chosen: whoever leads then has to fetch it. So that waits for others to hold it, as forgetting does; meanwhile this witness votes on, also where
 * it was removed and its disk may still be needed. One that only joins votes nowhere yet. Who counts is said by the newest configurations that either
 * side knows: the own ones may be the founders' alone.
 */
export function skipTo(core: Core, from: NodeId, index: Slot, head: Uint8Array): void {
  const { history, membership, settings } = core;
  const entries = history.offered(head);
  const last = entries?.at(-1);
  if (entries === null || last === undefined) return core.ignore(from, "malformed head of a snapshot");
  const deciding = [...membership.unfinishedOf(entries), last];
  // Where full members are too few to be a quorum, more than all of them cannot be asked for.
  const isHeld = deciding.every(
    (each) =>
      heldByQuorum(core, each) >= index ||
      fullVotersOf(each.configuration).every((id) => membership.durableUpTo(id) >= index),
  );
  const votes = deciding.some(({ quorums }) => quorums.members.includes(core.me));
  const hasRoom = votes && heldBytes(core) <= settings.retainedBytesMax;
  // Whoever offers it has it.
  if (!isHeld && (hasRoom || !fullVotersOf(last.configuration).includes(from))) return;
  forgetUpTo(core, index, head);
}

/** What this witness keeps, about: values up to its chosen prefix, and votes above. */
function heldBytes(core: Core): number {
  let bytes = core.tailBytes;
  for (const slot of core.acceptor.slots(core.log.chosenUpTo + 1, Infinity)) {
    const vote = core.acceptor.vote(slot);
    if (vote !== undefined) bytes += vote.value.length + SLOT_BYTES;
  }
  return bytes;
}

function forgetUpTo(core: Core, index: Slot, head: Uint8Array): void {
  if (core.forgetting || index <= (core.held?.index ?? 0)) return;
  core.forgetting = true;
  core.pending.snapshots.push({ kind: "forget", index, head });
}
