import { ballotsEqual, compareBallots } from "@synod/paxos";
import type { Ballot, NodeId } from "@synod/interface";
import type { Core } from "./core.js";
import { invariant } from "./invariant.js";
import { readIndex } from "./learning-handlers.js";
import { boundMs, heldMs } from "./leases.js";
import type { LeaseAsk, LeaseGrant, LeaseRelease } from "./messages.js";
import { reject } from "./reject.js";
import { ignoreAsLearner } from "./repair.js";
import { isHandingOver } from "./transfer.js";

/** A lease is renewed after this part of its time. */
const RENEWALS_PER_TERM = 4;

/** When the lease of this leader ends, or null if it has none that counts now. */
export function leaseUntilMs(core: Core): number | null {
  const { leaseTerms: terms, lease, nowMs } = core;
  if (terms === null || !core.leads || core.proposer.recovering || core.applied < core.proposer.barrier) return null;
  const termMs = heldMs(terms);
  const index = readIndex(core);
  if (index >= core.history.knownUpTo(core.log.chosenUpTo)) return null;
  // Of every configuration that decides up to the slot after the index: one, unless members learn for themselves.
  const deciding = core.history.from(core.log.chosenUpTo + 1).filter(({ from }, i) => i === 0 || from <= index + 1);
  const untilMs = Math.min(...deciding.map(({ quorums }) => lease.untilMs(quorums, termMs)));
  if (untilMs <= nowMs) return null;
  invariant(untilMs <= lease.lastSentAtMs + termMs, "a lease is counted from when it was asked for", () => ({
    untilMs,
    sentAtMs: lease.lastSentAtMs,
  }));
  return untilMs;
}

/** Once per round of the election clock a leader sees to its lease. */
export function leaseTick(core: Core): void {
  const { ballot } = core.proposer;
  const { leaseTerms: terms, lease, nowMs } = core;
  if (terms === null || !core.leads || ballot === null || isHandingOver(core)) return;
  if (nowMs - lease.lastSentAtMs < terms.durationMs / RENEWALS_PER_TERM) return;
  const nonce = lease.ask(nowMs, heldMs(terms));
  const ask: LeaseAsk = { kind: "leaseAsk", ballot, nonce, durationMs: terms.durationMs };
  core.send(core.others, ask, "control");
  grant(core, core.me, ask);
}

/**
 * Time went on by more than half a lease since the last tick, or backwards: this process stood still, or its clock is not to be
 * trusted. What it was granted may have run out unseen.
 */
export function watchClock(core: Core, nowMs: number): void {
  const { leaseTerms: terms, lease } = core;
  if (terms === null || !lease.granted) return;
  const passedMs = nowMs - core.nowMs;
  if (passedMs >= 0 && passedMs <= terms.durationMs / 2) return;
  lease.drop();
  core.notice({ kind: "leaseDropped", reason: passedMs < 0 ? "the clock went backwards" : "the process stood still" });
}

/** First this leader uses its lease no more, then it says so. */
export function releaseLease(core: Core, ballot: Ballot, reason: string): void {
  const { lease } = core;
  if (lease.lastNonce === 0) return;
  lease.drop();
  core.grantor.release(ballot, lease.lastNonce);
  repeatRelease(core, ballot);
  core.notice({ kind: "leaseDropped", reason });
}

/** A copy may be lost, and whoever does not hear of it promises nothing to the next leader for long. */
export function repeatRelease(core: Core, ballot: Ballot): void {
  const nonce = core.lease.lastNonce;
  if (nonce > 0) core.send(core.others, { kind: "leaseRelease", ballot, nonce }, "control");
}

export function onLeaseAsk(core: Core, from: NodeId, message: LeaseAsk): void {
  const { ballot } = message;
  if (ballot.node !== from) return core.ignore(from, "lease asked in a ballot of another node");
  // What it promised before the damage it may have forgotten.
  if (ignoreAsLearner(core, from)) return;
  if (compareBallots(core.acceptor.promised, ballot) > 0) return reject(core, from, ballot);

  grant(core, from, message);
}

function grant(core: Core, from: NodeId, { ballot, nonce, durationMs }: LeaseAsk): void {
  const { leaseTerms: terms, nowMs } = core;
  // Whoever knows another configuration asks again when both know the same.
  if (terms === null || durationMs !== terms.durationMs) return core.ignore(from, "lease of another duration");
  if (!core.grantor.free(ballot, nonce, core.acceptor.promised, nowMs)) return;
  const forMs = boundMs(terms);
  // A restart forgets to whom, not for how long at most.
  if (forMs > core.boundMsMax) {
    core.boundMsMax = forMs;
    core.boundWrite = core.writes.addLease(forMs);
  }
  core.grantor.grant(ballot, nonce, nowMs + forMs);
  const message: LeaseGrant = { kind: "leaseGrant", ballot, nonce, durationMs };
  const after = core.writes.wait(core.boundWrite);
  if (from !== core.me) core.send(from, message, "control", after);
  else if (after > 0)
    core.toSelf = [...core.toSelf.filter((old) => old.message.kind !== "leaseGrant"), { message, after }];
  else onLeaseGrant(core, from, message);
}

export function onLeaseGrant(core: Core, from: NodeId, message: LeaseGrant): void {
  if (!core.leads || !ballotsEqual(message.ballot, core.proposer.ballot)) return;
  if (message.durationMs !== core.leaseTerms?.durationMs) return core.ignore(from, "lease of another duration");

  core.lease.onGrant(from, message.nonce);
}

export function onLeaseRelease(core: Core, from: NodeId, message: LeaseRelease): void {
  if (message.ballot.node !== from) return core.ignore(from, "lease released in a ballot of another node");

  core.grantor.release(message.ballot, message.nonce);
}
