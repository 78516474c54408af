import type { NodeId, Slot } from "@synod/interface";
import { tellCredit } from "./acceptor-handlers.js";
import type { Core } from "./core.js";
import { invariant } from "./invariant.js";
import { stopProposing } from "./leadership.js";
import type { SnapshotAsk, SnapshotChunk, SnapshotFacts, SnapshotOffer } from "./messages.js";
import { queueProposals } from "./proposer-handlers.js";
import { startReads } from "./read-handlers.js";
import { sameSnapshot } from "./snapshot-fetch.js";
import { SLOT_BYTES, skipTo } from "./witness.js";

/** Of a snapshot in one message, whatever is asked for: every codec and transport takes frames of 8 MiB. */
const CHUNK_BYTES_MAX = 4 * 1024 * 1024;

/** Slots that one call of `compact` counts and forgets at most, so that no turn takes long. */
const COMPACT_SLOTS_MAX = 16_384;

/** The snapshot that is on disk takes the place of what is asked for. Returns false if there is none to offer. */
export function offerSnapshot(core: Core, to: NodeId): boolean {
  const { held } = core;
  // Of a witness there is nothing to be had.
  if (held === null || core.witness) return false;
  const head = core.membership.isWitness(to) ? { head: core.history.encode(held.index) } : {};
  core.send(to, { kind: "snapshotOffer", ...held, ...head }, "control");
  return true;
}

export function onSnapshotOffer(core: Core, from: NodeId, offer: SnapshotOffer): void {
  core.catchUp.offered(from, core.nowMs);
  if (offer.index <= core.log.chosenUpTo) return;
  if (core.witness) {
    if (offer.head === undefined) return core.ignore(from, "whole snapshot offered to a witness");
    return skipTo(core, from, offer.index, offer.head);
  }
  core.snapshotFetch.offered(from, offer, core.nowMs);
  fetchSnapshot(core);
}

export function onSnapshotAsk(core: Core, from: NodeId, ask: SnapshotAsk): void {
  const { held } = core;
  const { index, hash, offset, length } = ask;
  if (held === null || core.witness) return core.ignore(from, "no snapshot to serve");
  // A newer one has taken its place: the asker starts anew, or finds another peer that still has the old one.
  if (!sameSnapshot(held, { index, hash, bytes: 0 })) return void offerSnapshot(core, from);
  if (offset >= held.bytes) return core.ignore(from, "snapshot asked for beyond its end");
  core.pending.snapshots.push({
    kind: "serve",
    to: from,
    index,
    hash,
    offset,
    length: Math.min(length, CHUNK_BYTES_MAX),
  });
}

export function onSnapshotChunk(core: Core, from: NodeId, chunk: SnapshotChunk): void {
  for (const stored of core.snapshotFetch.chunk(from, chunk, core.nowMs)) {
    core.pending.snapshots.push({ kind: "store", ...stored });
  }
  fetchSnapshot(core);
}

/** Goes on with the snapshot that is under way, or begins with one that was offered. */
export function fetchSnapshot(core: Core): void {
  for (const step of core.snapshotFetch.next(core.nowMs, core.log.chosenUpTo)) {
    switch (step.kind) {
      case "ask":
        core.send(step.to, step.ask, "control");
        break;
      case "begin":
        core.pending.snapshots.push({ kind: "receive", snapshot: step.snapshot });
        break;
      case "giveUp":
        core.pending.snapshots.push(step);
        break;
      case "resume":
        core.notice({ kind: "snapshotResumed", from: step.from, offset: step.offset });
    }
  }
}

/** A snapshot is flushed, and everything up to its index is executed here. */
export function holdSnapshot(core: Core, facts: SnapshotFacts): void {
  const { index, hash, bytes } = facts;
  const before = core.held?.index ?? 0;
  invariant(
    index > before && index <= core.applied,
    "a snapshot holds what is executed, and more than the last",
    () => ({
      index,
      before,
      applied: core.applied,
    }),
  );
  core.held = { index, hash, bytes };
  core.acceptor.covered(index);
  core.writes.covered(index);
  compact(core);
}

/**
 * Forgets votes and values that the flushed snapshot covers: those that every member has on disk as chosen, where all are
 * heard; and where the rest is more than `retainedBytesMax`, its oldest. What stays is for peers that are a little behind:
 * it reaches them sooner than a snapshot.
 */
export function compact(core: Core): void {
  const { held, log, settings, nowMs } = core;
  if (held === null || log.compactedUpTo >= held.index) return;
  const heard = new Set(core.election.heard(nowMs));
  const allHeard = core.others.every((id) => heard.has(id));
  const lowest = allHeard ? Math.min(...core.others.map((id) => core.peerDurable.get(id) ?? 0), held.index) : 0;
  const last = Math.min(countTail(core, held.index), log.compactedUpTo + COMPACT_SLOTS_MAX);
  let upTo = log.compactedUpTo;
  while (upTo < last && (core.witness || upTo < lowest || core.tailBytes > settings.retainedBytesMax)) {
    upTo++;
    core.tailBytes -= (log.value(upTo)?.length ?? 0) + SLOT_BYTES;
  }
  if (upTo > log.compactedUpTo) forget(core, upTo);
}

/** Goes on counting what a snapshot of everything up to `index` has; returns up to where that is done. */
function countTail(core: Core, index: Slot): Slot {
  // A witness counts what it has as it comes.
  if (core.witness) return index;
  core.tailUpTo = Math.max(core.tailUpTo, core.log.compactedUpTo);
  for (const last = Math.min(index, core.tailUpTo + COMPACT_SLOTS_MAX); core.tailUpTo < last; ) {
    core.tailUpTo++;
    core.tailBytes += (core.log.value(core.tailUpTo)?.length ?? 0) + SLOT_BYTES;
  }
  return core.tailUpTo;
}

function forget(core: Core, upTo: Slot): void {
  invariant(upTo <= (core.held?.index ?? 0), "what is forgotten is in a flushed snapshot", () => ({
    upTo,
    snapshot: core.held?.index ?? 0,
  }));
  core.log.compact(upTo);
  core.acceptor.compact(upTo);
  core.pending.compactedUpTo = upTo;
}

/**
 * The snapshot of a peer is flushed here, and the state machine stands on it (or went further meanwhile). Nothing falls: the
 * promise and the votes above it stay, and where the log is further already it stays as it is.
 */
export function installSnapshot(core: Core, facts: SnapshotFacts, head: Uint8Array): void {
  const { index } = facts;
  core.snapshotFetch.finished();
  core.forgetting = false;
  // What waited to be executed is in it: a count that nobody lowers any more would forbid to fetch what comes next.
  if (index >= core.log.chosenUpTo) core.credit.applyBytes = 0;
  if (index > core.log.chosenUpTo) {
    // What is chosen there may differ from what this leader proposed: it must not announce the slot.
    if (core.proposer.coveredBy(index)) {
      stopProposing(core, `a snapshot of slot ${index} covers what this leader has proposed and not seen chosen`);
    }
    // Before the log goes on above it: who decides there may have been settled in what the snapshot covers.
    core.history.restore(head);
    core.checkRole();
    core.acceptor.compact(index);
    core.tailBytes = 0;
    core.pending.compactedUpTo = index;
  }
  core.log.install(index);
  core.voteCounts.covered(core.log.chosenUpTo);
  core.applied = Math.max(core.applied, index);
  if (index > (core.held?.index ?? 0)) holdSnapshot(core, facts);
  tellCredit(core);
  core.catchUp.progressed(core.nowMs);
  if (core.leads) queueProposals(core, core.proposer.recover(core.nowMs));
  startReads(core);
}
