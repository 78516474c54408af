import { type NodeId, SynodError } from "@synod/interface";
import { checkBallot, compareBallots, formatBallot } from "./ballots.js";
import { type Accepted, type Chosen, type Step, sameValue, type Voted } from "./messages.js";
import type { QuorumSystem } from "./quorums.js";

export interface LearnerOptions<V> {
  readonly quorums: QuorumSystem;
  /** Default: `sameValue`. */
  readonly equals?: (a: V, b: V) => boolean;
}

/** The votes heard of in one ballot. */
export interface Tally<V> extends Voted<V> {
  /** Distinct, ascending. */
  readonly voters: readonly NodeId[];
}

/** Nothing of it needs a disk: a learner that restarts asks again. */
export interface LearnerState<V> {
  /** By ballot, ascending. Votes of different ballots never add up, even for the same value. */
  readonly tallies: readonly Tally<V>[];
  /** What was chosen, and the first ballot in which this learner saw it. Never changes. */
  readonly chosen: Voted<V> | null;
}

/** The state of a learner that has heard nothing. */
export function learnerState<V>(): LearnerState<V> {
  return { tallies: [], chosen: null };
}

/**
 * Counts one vote. A value is chosen once a phase-2 quorum voted for it in one and the same ballot. Paxos Made Simple,
 * section 2.3. Goes on counting afterwards, since that is what finds a broken cluster.
 *
 * @throws SynodError `InvalidArgument` if the ballot is malformed.
 * @throws SynodError `InvariantViolated` if one ballot carries two values, or two different values are chosen: stop.
 */
export function learnerStep<V>(
  { quorums, equals = sameValue }: LearnerOptions<V>,
  state: LearnerState<V>,
  { from, ballot, value }: Accepted<V>,
): Step<LearnerState<V>, Chosen<V>> {
  // The vote's own ballot as reference: a wild jump cannot hurt here, since a learner never names a higher ballot.
  checkBallot(ballot, ballot);
  if (!quorums.members.includes(from)) return { state, outputs: [] };

  const known = state.tallies.find((tally) => compareBallots(tally.ballot, ballot) === 0);
  if (known !== undefined && !equals(known.value, value)) {
    throw violation(`ballot ${formatBallot(ballot)} carries two values`, { ballot, values: [known.value, value] });
  }
  if (known?.voters.includes(from)) return { state, outputs: [] };

  const tally: Tally<V> = { ballot, value, voters: [...(known?.voters ?? []), from].sort((a, b) => a - b) };
  const tallies = [...state.tallies.filter((other) => other !== known), tally].sort((a, b) =>
    compareBallots(a.ballot, b.ballot),
  );
  const isChosen = quorums.phase2(new Set(tally.voters));
  if (isChosen && state.chosen === null) {
    return { state: { tallies, chosen: { ballot, value } }, outputs: [{ type: "chosen", ballot, value }] };
  }
  if (isChosen && state.chosen !== null && !equals(state.chosen.value, value)) {
    throw violation(
      `one value is chosen in ballot ${formatBallot(state.chosen.ballot)} and another in ballot ${formatBallot(ballot)}`,
      { chosen: state.chosen, also: { ballot, value } },
    );
  }
  return { state: { tallies, chosen: state.chosen }, outputs: [] };
}

function violation(what: string, details: Readonly<Record<string, unknown>>): SynodError {
  return new SynodError("InvariantViolated", `Agreement is broken: ${what}. Stop and keep all disks for analysis.`, {
    details,
  });
}
