import { ballotsEqual, compareBallots, formatBallot } from "@synod/paxos";
import type { ChosenValue, NodeId, Slot } from "@synod/interface";
import type { Core } from "./core.js";
import { contentAbove, hearsQuorums } from "./election.js";
import { electionView } from "./election-view.js";
import { invariant } from "./invariant.js";
import { setLeader, stopProposing } from "./leadership.js";
import { countVotes, tellOwnVotes, voteBeforeSending } from "./learning-handlers.js";
import { boundMs } from "./leases.js";
import { packNoops } from "./noop-range.js";
import { startReads } from "./read-handlers.js";
import type { Accept, Accepted, Promise1b, Reject } from "./messages.js";
import type { Proposal } from "./open-slots.js";
import { reported } from "./reports.js";
import { ITEMS_MAX } from "./values.js";
import type { WriteId } from "./writes.js";

/** Starts a candidacy. The Prepare leaves only when the own promise is on disk, so that no ballot is used in two lives. */
export function campaign(core: Core): void {
  stopProposing(core, "a new candidacy begins");
  setLeader(core, null);
  const ballot = core.proposer.start(core.highestSeen, core.nowMs);
  core.saw(ballot);
  const outcome = core.acceptor.prepare(ballot);
  invariant(outcome.kind === "promised", "a new ballot is above every promise", () => ({
    ballot: formatBallot(ballot),
  }));
  core.candidacy = ballot;
  core.candidacyWrite = outcome.after;
  core.notice({ kind: "campaign", ballot });
  core.election.campaignStarted(core.nowMs);

  const { fromSlot } = core.proposer;
  const { chosenUpTo } = core.log;
  const { snapshotIndex } = core.acceptor;
  const page = core.acceptor.page(fromSlot, chosenUpTo, { bytesMax: Infinity, itemsMax: Infinity });
  const { votes, lastSlot } = page;
  core.toSelf.push({
    message: { kind: "promise", ballot, firstSlot: fromSlot, lastSlot, votes, chosenUpTo, snapshotIndex },
    after: Math.max(outcome.after, page.after),
  });
  askSilent(core);
}

/**
 * Asks the members whose promise is missing, each from where its pages end. One that was asked, or sent a page, within half
 * a timeout is left alone: over a slow link each question more would bring the same page once more.
 */
export function askSilent(core: Core): void {
  const { ballot } = core.proposer;
  if (ballot === null) return;
  for (const { to, fromSlot } of core.proposer.unpromised(core.nowMs, core.settings.electionTimeoutMs / 2)) {
    if (to !== core.me) core.send(to, { kind: "prepare", ballot, fromSlot }, "control", core.candidacyWrite);
  }
}

export function onPromise(core: Core, from: NodeId, message: Promise1b): void {
  const { ballot } = message;
  if (core.proposer.phase === "idle" || !ballotsEqual(ballot, core.proposer.ballot)) return;

  reported(core, from, Math.max(message.chosenUpTo, message.snapshotIndex));
  const progress = core.proposer.lastProgressMs;
  const { next, elected } = core.proposer.onPromise(from, message, core.nowMs);
  if (next !== null) core.send(from, { kind: "prepare", ballot, fromSlot: next }, "control");
  if (elected) becomeLeader(core);
  else if (core.leads) secured(core);
  else if (core.proposer.lastProgressMs > progress) core.election.campaignProgressed(core.nowMs);
}

/**
 * A configuration that became known may have promised already, in the phase 1 for others; or its slots are settled meanwhile.
 */
export function secure(core: Core): void {
  if (core.proposer.secure()) becomeLeader(core);
  else if (core.leads) secured(core);
}

/** Every configuration up to the end of the window has promised, as of now: what waited for that goes on. */
function secured(core: Core): void {
  if (!core.proposer.secured) return;
  const chosen = Math.max(core.log.target, core.log.highestKnown);
  if (core.proposer.endsWith(chosen)) {
    stopProposing(core, `slot ${chosen} is chosen, which this leader has not proposed`);
    return;
  }
  if (core.log.chosenUpTo < core.proposer.base) core.catchUp.askAnew();
  queueProposals(core, core.proposer.recover(core.nowMs));
  startReads(core);
}

function becomeLeader(core: Core): void {
  const { ballot, barrier } = core.proposer;
  if (ballot === null) return;
  setLeader(core, ballot);
  core.electedAtMs = core.nowMs;
  core.contentAtMs = core.nowMs;
  core.election.leaderFound(core.nowMs);
  core.notice({ kind: "elected", ballot, barrier });
  core.announcementDue = true;
  if (core.log.chosenUpTo < core.proposer.base) core.catchUp.askAnew();
  for (const token of core.asks.takeAll()) core.reads.add({ kind: "local", token });
  queueProposals(core, core.proposer.recover(core.nowMs));
  startReads(core);
}

/** Votes for own proposals and lets them leave with the next effects. The own vote counts only once it is on disk. */
export function queueProposals(core: Core, proposals: readonly Proposal[]): void {
  const { ballot } = core.proposer;
  const [first, last] = [proposals[0], proposals.at(-1)];
  if (ballot === null || first === undefined || last === undefined) return;
  let after = 0;
  for (const { slot, value } of proposals) {
    const outcome = core.acceptor.accept(ballot, slot, value);
    invariant(outcome.kind === "voted", "the own acceptor votes for what this leader proposes", () => ({ slot }));
    after = Math.max(after, outcome.after);
    core.outgoing.push({ slot, value });
  }
  const { chosenUpTo } = core.log;
  const slots = [[first.slot, last.slot]] as const;
  core.toSelf.push({
    message: { kind: "accepted", ballot, slots, chosenUpTo, durableUpTo: 0, applied: core.applied, creditBytes: 0 },
    after,
  });
}

export function onAccepted(core: Core, from: NodeId, message: Accepted): void {
  if (from !== core.me) {
    core.membership.reported(from, message);
    reported(core, from, message.chosenUpTo);
    core.peerDurable.set(from, message.durableUpTo);
  }
  if (!core.leads || !ballotsEqual(message.ballot, core.proposer.ballot)) {
    return countVotes(core, from, message.ballot, message.slots);
  }

  if (from === core.me) tellOwnVotes(core, message);
  else {
    core.flow.answered(from, message.slots.at(-1)?.[1] ?? 0);
    core.flow.credit(from, message.creditBytes, core.nowMs);
  }
  chosen(core, core.proposer.onAccepted(from, message.ballot, message.slots, core.nowMs));
}

function chosen(core: Core, values: readonly ChosenValue[]): void {
  if (values.length === 0) return;
  const { chosenUpTo } = core.log;
  for (const { slot, value } of values) core.log.learn(slot, value);
  if (core.log.chosenUpTo > chosenUpTo) core.announcementDue = true;
  queueProposals(core, core.proposer.recover(core.nowMs));
}

export function onReject(core: Core, from: NodeId, message: Reject): void {
  const { ballot, promised } = message;
  if (core.proposer.phase === "idle" || !ballotsEqual(ballot, core.proposer.ballot)) return;
  if (compareBallots(promised, ballot) <= 0) {
    if (message.leaseLeftMs <= 0) return core.ignore(from, "reject without a higher promise");
    awaitLease(core, message.leaseLeftMs);
    return;
  }

  const led = core.leads;
  stopProposing(core, `node ${from} promised a higher ballot`);
  // A rejecter that sees no working leader holds a stray promise: the present leader may as well go on in a higher ballot.
  const view = electionView(core);
  // What peers said before this may be old news, so they are asked once more.
  const free = core.grantor.leftMs(null, core.nowMs) === 0;
  if (led && free && !message.content && !contentAbove(view, ballot) && hearsQuorums(view)) core.election.hurry();
}

/** A member would promise, but for a lease. A new ballot would not be served sooner: the candidate waits, and goes on asking. */
function awaitLease(core: Core, leftMs: number): void {
  const { leaseTerms: terms } = core;
  if (terms === null || core.leads) return;
  core.election.campaignHeld(core.nowMs + Math.min(leftMs, boundMs(terms)));
}

/** Accepts for consecutive slots, cut where a frame would grow too large. */
function acceptsFor(core: Core, proposals: readonly Proposal[]): { accept: Accept; after: WriteId }[] {
  const { ballot } = core.proposer;
  const accepts: { accept: Accept; after: WriteId }[] = [];
  if (ballot === null) return accepts;
  const voted = voteBeforeSending(core, proposals);
  const after = voted ?? 0;
  const facts = { ballot, chosenUpTo: core.log.chosenUpTo, ...(voted === null ? {} : { leaderVoted: true as const }) };
  let values: Uint8Array[] = [];
  let bytes = 0;
  let firstSlot: Slot = 0;
  const cut = (): void => {
    const packed = packNoops(values);
    if (values.length > 0) {
      accepts.push({ accept: { kind: "accept", firstSlot, values: packed, ...facts }, after });
    }
    values = [];
    bytes = 0;
  };
  for (const { slot, value } of proposals) {
    const room = values.length < ITEMS_MAX && bytes + value.length <= core.settings.frameValueBytesMax;
    const fits = room && slot === firstSlot + values.length;
    if (!fits) cut();
    if (values.length === 0) firstSlot = slot;
    values.push(value);
    bytes += value.length;
  }
  cut();
  return accepts;
}

/** What a turn of a leader sends: proposals with the announcement in them, else the announcement alone. */
export function flushLeader(core: Core): void {
  const { ballot } = core.proposer;
  if (ballot === null || !core.leads) return;
  const { others, announcementDue } = core;
  const isNews = core.outgoing.length > 0 || announcementDue;
  const { able, spared } = sendOutgoing(core, others);
  const told = new Set(able);
  for (const peer of others) if (sendWithheld(core, peer)) told.add(peer);
  if (!isNews) return;
  core.announcementDue = false;
  // One that is left out of the votes hears only of what is chosen.
  const rest = others.filter((peer) => !told.has(peer) && (announcementDue || !spared.has(peer)));
  core.send(rest, { kind: "commit", ballot, chosenUpTo: core.log.chosenUpTo }, "control");
}

/**
 * New proposals, to all that have credit for them in the same messages; from a thrifty leader, to a quorum of these. Returns who got them,
 * and who did not need to.
 */
function sendOutgoing(
  core: Core,
  others: readonly NodeId[],
): { readonly able: readonly NodeId[]; readonly spared: ReadonlySet<NodeId> } {
  const { flow, outgoing, proposer } = core;
  const [first] = outgoing;
  const spared = new Set<NodeId>();
  if (first === undefined) return { able: [], spared };
  core.outgoing = [];
  const bytes = outgoing.reduce((sum, { value }) => sum + value.length, 0);
  const takes = (peer: NodeId): boolean =>
    flow.withheldFrom(peer) === null && flow.admits(peer, bytes, outgoing.length);
  const isSpared = (peer: NodeId): boolean => outgoing.every(({ slot }) => proposer.open.leavesOut(slot, peer));
  if (others.every((peer) => isSpared(peer) || takes(peer))) {
    for (const peer of others) if (isSpared(peer)) spared.add(peer);
  } else proposer.open.widen(outgoing);
  const able: NodeId[] = [];
  for (const peer of others) {
    if (spared.has(peer)) continue;
    if (takes(peer)) able.push(peer);
    else flow.withhold(peer, first.slot, bytes);
  }
  if (able.length === 0) return { able, spared };
  for (const { accept, after } of acceptsFor(core, outgoing)) core.send(able, accept, "bulk", after);
  for (const { slot, value } of outgoing) for (const peer of able) flow.sent(peer, slot, value.length);
  return { able, spared };
}

/** What a peer had no credit for, as far as it has some now. What is chosen by now it fetches. */
function sendWithheld(core: Core, peer: NodeId): boolean {
  const { flow, proposer } = core;
  const from = flow.withheldFrom(peer);
  if (from === null) return false;
  const proposals: Proposal[] = [];
  let slot = Math.max(from, proposer.lowestOpen());
  for (; slot < proposer.next; slot++) {
    const value = proposer.open.valueAt(slot);
    if (value === undefined) continue;
    if (!flow.admits(peer, value.length)) break;
    flow.sent(peer, slot, value.length);
    proposals.push({ slot, value });
  }
  flow.goOnFrom(peer, slot < proposer.next ? slot : null);
  for (const { accept, after } of acceptsFor(core, proposals)) core.send(peer, accept, "bulk", after);
  return proposals.length > 0;
}

/** Goes on with what phase 1 found, and sends overdue proposals again to those that have not voted. */
export function resendOverdue(core: Core): void {
  if (!core.leads) return;
  // The log may have come forward by an announcement of an earlier leader, after which no vote and no Learn brings news.
  queueProposals(core, core.proposer.recover(core.nowMs));
  const may = (id: NodeId): boolean => core.flow.mayProbe(id, core.nowMs);
  for (const { to, proposals, widened } of core.proposer.open.overdue(
    core.nowMs,
    core.settings.frameValueBytesMax,
    may,
  )) {
    if (widened !== null) core.notice({ kind: "widened", slot: widened });
    const others = to.filter((id) => id !== core.me);
    for (const { accept, after } of acceptsFor(core, proposals)) {
      // The first copy waits for the own vote as well, for as long as the write hangs: one is enough.
      if (widened === null && core.writes.wait(after) > 0) continue;
      core.send(others, accept, "bulk", after);
    }
  }
}
