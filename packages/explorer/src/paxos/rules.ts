import type { Ballot, NodeId } from "@synod/interface";
import {
  type Accept,
  type Accepted,
  ballotsEqual,
  compareBallots,
  formatBallot,
  learnerState,
  learnerStep,
  type QuorumSystem,
  type Voted,
} from "@synod/paxos";
import type { PaxosMessage } from "./messages.js";
import type { PaxosView } from "./state.js";

/** What is checked in every state, in this order. */
export const PAXOS_RULES = [
  /** No role throws. */
  "no objection of the code itself",
  /** No two values are chosen, where chosen means: a phase-2 quorum voted for it in one ballot. */
  "agreement",
  /** A learner that hears every vote, each twice, in either order, learns what is chosen and nothing else. */
  "learners",
  /** A proposer that says "decided" is right. */
  "decided is chosen",
  "only proposed values",
  "one value per ballot",
  /** A proposal above a ballot in which a value is chosen has that value (P2c of Paxos Made Simple, and P2b). */
  "proposals above a chosen one have its value",
  "a promise never falls",
  "a vote never falls",
  "no vote above the promise",
] as const;

export type PaxosRule = (typeof PAXOS_RULES)[number];

function messagesOf<T extends "accept" | "accepted">(
  sent: readonly PaxosMessage[],
  type: T,
): (T extends "accept" ? Accept<string> : Accepted<string>)[] {
  return sent.flatMap((message) => (message.type === type ? [message as never] : []));
}

/** Every value that was ever voted for by a phase-2 quorum in one ballot, with that ballot. */
export function chosenIn(sent: readonly PaxosMessage[], quorums: QuorumSystem): Voted<string>[] {
  const votes = new Map<string, { ballot: Ballot; value: string; voters: Set<NodeId> }>();
  for (const { ballot, value, from } of messagesOf(sent, "accepted")) {
    const name = `${formatBallot(ballot)} ${value}`;
    const tally = votes.get(name) ?? { ballot, value, voters: new Set() };
    votes.set(name, tally);
    tally.voters.add(from);
  }
  return [...votes.values()].filter(({ voters }) => quorums.phase2(voters));
}

/** The first that contradicts what is chosen: another proposal above it, or another value that is chosen too. */
export function contradictionIn(sent: readonly PaxosMessage[], quorums: QuorumSystem): string | null {
  const chosen = chosenIn(sent, quorums);
  for (const { ballot, value } of chosen) {
    const here = `${value} is chosen in ${formatBallot(ballot)}`;
    const other = chosen.find((each) => each.value !== value);
    if (other !== undefined) return `${here}, and ${other.value} in ${formatBallot(other.ballot)}`;
    const above = messagesOf(sent, "accept").find(
      (each) => each.value !== value && compareBallots(each.ballot, ballot) > 0,
    );
    if (above !== undefined) return `${here}, but ${formatBallot(above.ballot)} proposes ${above.value}`;
  }
  return null;
}

function learnersAreRight(
  votes: readonly Accepted<string>[],
  chosen: readonly Voted<string>[],
  quorums: QuorumSystem,
): boolean {
  return [votes, [...votes].reverse()].every((order) => {
    let state = learnerState<string>();
    try {
      for (const vote of order) for (const again of [vote, vote]) state = learnerStep({ quorums }, state, again).state;
    } catch {
      return false;
    }
    return state.chosen === null ? chosen.length === 0 : chosen.some(({ value }) => value === state.chosen?.value);
  });
}

function sentRules(state: PaxosView, quorums: QuorumSystem, holds: Map<PaxosRule, boolean>): void {
  const { sent, proposers } = state;
  const chosen = chosenIn(sent, quorums);
  const proposals = messagesOf(sent, "accept");
  const values = [...proposals, ...messagesOf(sent, "accepted")];
  const wishes = proposers.map((proposer) => proposer.state.wish?.value);
  holds.set("agreement", new Set(chosen.map(({ value }) => value)).size <= 1);
  holds.set("learners", learnersAreRight(messagesOf(sent, "accepted"), chosen, quorums));
  holds.set(
    "only proposed values",
    proposals.every(({ value }) => wishes.includes(value)),
  );
  holds.set(
    "one value per ballot",
    values.every((a) => values.every((b) => !ballotsEqual(a.ballot, b.ballot) || a.value === b.value)),
  );
  holds.set(
    "proposals above a chosen one have its value",
    proposals.every((a) => chosen.every((c) => compareBallots(a.ballot, c.ballot) <= 0 || a.value === c.value)),
  );
}

function ownRules(
  state: PaxosView,
  before: PaxosView | null,
  quorums: QuorumSystem,
  holds: Map<PaxosRule, boolean>,
): void {
  holds.set("no objection of the code itself", state.objection === null);
  const decided = state.proposers.filter(({ state: { phase } }) => phase === "decided");
  if (decided.length > 0) {
    const chosen = chosenIn(state.sent, quorums);
    const isChosen = (value: string | undefined): boolean => chosen.some((c) => c.value === value);
    holds.set(
      "decided is chosen",
      decided.every(({ state: { proposal } }) => isChosen(proposal?.value)),
    );
  }
  holds.set(
    "no vote above the promise",
    state.acceptors.every(({ promised, vote }) => compareBallots(vote?.ballot ?? null, promised) <= 0),
  );
  // A disk that was lost takes its promise with it: that is the fault, not what it breaks.
  if (before === null || before.lostDisks !== state.lostDisks) return;
  const pairs = state.acceptors.map((now, index) => [before.acceptors[index], now] as const);
  holds.set(
    "a promise never falls",
    pairs.every(([old, now]) => compareBallots(now.promised, old?.promised ?? null) >= 0),
  );
  holds.set(
    "a vote never falls",
    pairs.every(([old, now]) => compareBallots(now.vote?.ballot ?? null, old?.vote?.ballot ?? null) >= 0),
  );
}

/**
 * The first of the rules that the state breaks, or null.
 * @param news whether anything was proposed or voted for since `before`: if not, what was said breaks nothing new
 */
export function brokenRule(
  state: PaxosView,
  before: PaxosView | null,
  news: boolean,
  quorums: QuorumSystem,
  rules: readonly PaxosRule[],
): PaxosRule | null {
  const holds = new Map<PaxosRule, boolean>();
  ownRules(state, before, quorums, holds);
  if (news) sentRules(state, quorums, holds);
  return rules.find((rule) => holds.get(rule) === false) ?? null;
}
