import { type MultipaxosScenario, REFERENCE_BUGS, type ReferenceBug } from "@synod/explorer";
import type { Mutant } from "../mutant.js";
import { acceptorMutants } from "./acceptor.js";
import { learningMutants } from "./learning.js";
import { logMutants } from "./log.js";
import { membershipMutants } from "./membership.js";
import { proposerMutants } from "./proposer.js";
import { wireMutants } from "./wire.js";

const STATES_MAX = 50_000;
/** More than the textbook model has. */
const REFERENCE_STATES_MAX = 500_000;

/** Mistakes in the shipped replica of the log that a scenario of the explorer shows, too, in a handful of steps. */
const IN_SCENARIOS: readonly (readonly [id: string, scenario: MultipaxosScenario])[] = [
  ["accept-ignores-promise", "late"],
  ["votes-forgotten-by-restart", "restart"],
  ["own-value-over-votes", "gaps"],
  ["gap-filled-over-last-vote", "gaps"],
  ["announcement-believed-without-ballot", "rival"],
  ["votes-counted-by-newest-configuration", "members"],
  ["change-governs-at-once", "members"],
  ["shortcut-before-the-leader-voted", "pair"],
  ["own-vote-counted-before-its-flush", "pair"],
];

function inScenario([id, scenario]: (typeof IN_SCENARIOS)[number]): Mutant {
  const all = [acceptorMutants, proposerMutants, logMutants, wireMutants, membershipMutants, learningMutants].flat();
  const known = all.find((each) => each.id === id);
  if (known === undefined) throw new Error(`there is no mutant ${id}`);
  return { ...known, id: `explored-${id}`, finder: { kind: "multipaxos", scenario, states: STATES_MAX } };
}

function inReference([bug, what]: [bug: string, what: string]): Mutant {
  return {
    id: `reference-${bug.toLowerCase()}`,
    faults: [bug as ReferenceBug],
    title: `The textbook model: ${what}`,
    patches: [],
    finder: { kind: "reference", bug: bug as ReferenceBug, states: REFERENCE_STATES_MAX },
  };
}

/** What the explorer shows of the log and of its own model of one decision, whose mistakes are built in. */
export const exploredMutants: readonly Mutant[] = [
  ...IN_SCENARIOS.map(inScenario),
  ...Object.entries(REFERENCE_BUGS).map(inReference),
];
