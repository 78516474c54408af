import { Replica } from "@synod/multipaxos";
import type { LeaseTerms, NodeId } from "@synod/interface";
import { type Driver, feedOf, type Given, gives } from "../driver.js";
import { type Case, NotationError } from "../notation.js";

const ELECTION_TIMEOUT_MS = 100;
const FIRST_CANDIDATE = { round: 1, node: 2 } as const;
const RIVAL = { round: 9, node: 3 } as const;

/** Replicas of @synod/multipaxos that ask for a lease, grant one, or start after having granted one. */
export const leases: Driver = {
  subject: "@synod/multipaxos",
  start(one: Case) {
    const terms = termsOf(one);
    return feedOf("a lease row", [
      [/^SENT at (\d+)$/i, (at = "") => gives(`leader may use until ${sent(terms, Number(at))}`)],
      [/^GRANTED at (\d+)$/i, (at = "") => gives(`grantor refuses other ballots until ${granted(terms, Number(at))}`)],
      [/^GRANTOR RESTART at (\d+)$/i, (at = "") => restarted(terms, Number(at))],
    ]);
  },
};

function termsOf({ start }: Case): LeaseTerms {
  const number = (key: string): number => {
    const value = Number(start.get(key) ?? Number.NaN);
    if (!Number.isFinite(value)) throw new NotationError(`the start state needs ${key}= as a number`);
    return value;
  };
  return { durationMs: number("d"), driftPercent: number("rho") };
}

/** Three replicas, of which this is one. */
function replicaOf(id: NodeId, lease: LeaseTerms, leaseMs = 0): Replica {
  return new Replica({
    nodeId: id,
    bootId: `${id}`,
    configuration: {
      epoch: 1,
      members: [1, 2, 3].map((member) => ({ id: member })),
      alpha: 8,
      quorum: { kind: "majority" },
      lease,
    },
    recovered: { promised: null, votes: [], chosen: [], chosenUpTo: 0, leaseMs, snapshot: null },
    settings: { electionTimeoutMs: ELECTION_TIMEOUT_MS },
  });
}

function flush(replica: Replica): void {
  for (let next = replica.takeWrite(); next !== null; next = replica.takeWrite()) replica.writeDone(next.id);
}

/** A leader that is made just before, asks at this moment, and is granted everything. */
function sent(terms: LeaseTerms, atMs: number): number {
  const replica = replicaOf(1, terms);
  const beat = {
    candidacy: null,
    promised: null,
    leaderBallot: null,
    content: false,
    chosenUpTo: 0,
    durableUpTo: 0,
    impaired: false,
    priority: 0,
  };
  const nothing = { firstSlot: 1, lastSlot: null, votes: [], chosenUpTo: 0, snapshotIndex: 0 } as const;
  // The rounds of the election clock end at the moment that the row names.
  for (let round = 1, nowMs = atMs - 50 * (ELECTION_TIMEOUT_MS / 8); nowMs <= atMs; nowMs += ELECTION_TIMEOUT_MS / 8) {
    replica.tick(nowMs, 0);
    for (const { message, to } of replica.takeEffects().sends) {
      if (message.kind === "leaseAsk" && nowMs === atMs) {
        for (const id of to) replica.receive(id, { ...message, kind: "leaseGrant" });
        flush(replica);
        return replica.leaseUntilMs ?? Number.NaN;
      }
      if (message.kind === "beat") replica.receive(2, { kind: "beatReply", ...beat, round: message.round });
    }
    flush(replica);
    const { phase, ballot } = replica.status();
    if (phase === "prepare" && ballot !== null && round++ > 0) {
      // Elected at the very end, so that the first question is the one of the row.
      if (nowMs + ELECTION_TIMEOUT_MS / 8 >= atMs) replica.receive(2, { kind: "promise", ballot, ...nothing });
    }
  }
  throw new NotationError("the leader asks for no lease");
}

function granted(terms: LeaseTerms, atMs: number): number {
  const replica = replicaOf(1, terms);
  replica.tick(atMs, 0);
  replica.receive(2, { kind: "leaseAsk", ballot: FIRST_CANDIDATE, nonce: 1, durationMs: terms.durationMs });
  return atMs + leftMs(replica);
}

/** The disk is the one that the grant before it left behind. */
function restarted(terms: LeaseTerms, atMs: number): Given {
  const before = replicaOf(1, terms);
  before.tick(0, 0);
  before.receive(2, { kind: "leaseAsk", ballot: FIRST_CANDIDATE, nonce: 1, durationMs: terms.durationMs });
  const replica = replicaOf(1, terms, before.takeWrite()?.write.leaseMs ?? 0);
  replica.tick(atMs, 0);
  return gives(`no promise to another ballot until ${atMs + leftMs(replica)}`);
}

/** What the answer to a rival says. */
function leftMs(replica: Replica): number {
  replica.takeEffects();
  replica.receive(RIVAL.node, { kind: "prepare", ballot: RIVAL, fromSlot: 1 });
  for (const { message } of replica.takeEffects().sends) if (message.kind === "reject") return message.leaseLeftMs;
  return 0;
}
