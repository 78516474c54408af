import type { Ballot, Slot, Vote } from "@synod/interface";
import { compareBallots, formatBallot, type QuorumSystem } from "@synod/paxos";
import type { Seen } from "./lives.js";
import type { MultipaxosView } from "./model.js";
import { valueText } from "./text.js";

/** What is checked in every state, in this order. */
export const MULTIPAXOS_RULES = [
  /** No replica throws. */
  "no objection of the code itself",
  /** No two nodes execute different values, and no quorum of disks votes for another value than an earlier one did. */
  "agreement",
  /** A quorum of disks has voted for what is executed. */
  "executed is chosen",
  "one value per slot and ballot",
  /** A vote above the ballot in which a value was chosen has that value (P2c of Paxos Made Simple, through P2a). */
  "votes above a chosen one have its value",
  "a promise never falls",
  "a vote never falls",
  "no vote above the promise",
] as const;

export type MultipaxosRule = (typeof MULTIPAXOS_RULES)[number];

const votesOf = ({ nodes }: MultipaxosView): Vote[] => nodes.flatMap(({ disk }) => disk.votes);

/** Who decides on a slot; null while that is not settled. */
type QuorumsAt = (slot: Slot) => QuorumSystem | null;

function agreement(state: MultipaxosView, quorumsAt: QuorumsAt): boolean {
  const { nodes, decided } = state;
  const sameExecuted = nodes.every(({ executed }) =>
    executed.every((value, index) => {
      const decision = decided[index] ?? null;
      return decision === null || decision.value === valueText(value);
    }),
  );
  const voters = new Map<string, Set<number>>();
  const others = nodes.flatMap(({ disk }, index) => disk.votes.map((vote) => ({ vote, node: index + 1 })));
  return (
    sameExecuted &&
    others.every(({ vote, node }) => {
      const decision = decided[vote.slot - 1] ?? null;
      if (decision === null || decision.value === valueText(vote.value)) return true;
      const name = `${vote.slot} ${formatBallot(vote.ballot)}`;
      const set = voters.get(name) ?? new Set();
      voters.set(name, set.add(node));
      return quorumsAt(vote.slot)?.phase2(set) !== true;
    })
  );
}

function oneValue(votes: readonly Vote[]): boolean {
  const values = new Map<string, string>();
  return votes.every(({ slot, ballot, value }) => {
    const name = `${slot} ${formatBallot(ballot)}`;
    const known = values.get(name) ?? valueText(value);
    values.set(name, known);
    return known === valueText(value);
  });
}

const above = (a: Ballot | null, b: Ballot | null): boolean => compareBallots(a, b) > 0;

function votesFell(old: Seen, now: Seen): boolean {
  const ballots = new Map(now.disk.votes.map(({ slot, ballot }) => [slot, ballot]));
  return old.disk.votes.some(({ slot, ballot }) => above(ballot, ballots.get(slot) ?? null));
}

/** The first of the rules that the state breaks, or null. */
export function brokenRule(
  state: MultipaxosView,
  before: MultipaxosView | null,
  quorumsAt: QuorumsAt,
  rules: readonly MultipaxosRule[],
): MultipaxosRule | null {
  const { nodes, decided } = state;
  const votes = votesOf(state);
  // A disk that was lost takes its promise with it: that is the fault, not what it breaks.
  const pairs =
    before === null || before.lostDisks !== state.lostDisks
      ? []
      : nodes.map((now, index) => [before.nodes[index] as Seen, now] as const);
  const checks: Readonly<Record<MultipaxosRule, () => boolean>> = {
    "no objection of the code itself": () => state.objection === null,
    agreement: () => agreement(state, quorumsAt),
    "executed is chosen": () => nodes.every(({ executed }) => executed.every((_, index) => decided[index] !== null)),
    "one value per slot and ballot": () => oneValue(votes),
    "votes above a chosen one have its value": () =>
      votes.every(({ slot, ballot, value }) => {
        const decision = decided[slot - 1] ?? null;
        return decision === null || !above(ballot, decision.ballot) || decision.value === valueText(value);
      }),
    "a promise never falls": () => pairs.every(([old, now]) => !above(old.disk.promised, now.disk.promised)),
    "a vote never falls": () => pairs.every(([old, now]) => !votesFell(old, now)),
    "no vote above the promise": () =>
      nodes.every(({ disk }) => disk.votes.every(({ ballot }) => !above(ballot, disk.promised))),
  };
  return rules.find((rule) => !checks[rule]()) ?? null;
}
