import type { MultipaxosScenario, ReferenceBug } from "@synod/explorer";
import type { Profile } from "@synod/simulator";
import type { CoreProfile } from "./children/core-runs.js";
import type { LinksLeft } from "./children/topology-runs.js";

/** A change of the source text of one file. `find` must occur in it exactly once. */
export interface Patch {
  /** From the root of the repository. */
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Random schedules of replicas of the bare core, one for each seed. */
export interface CoreFinder {
  readonly kind: "core";
  /** `short` if left out. */
  readonly profile?: CoreProfile;
  readonly schedules: number;
  /** First seed; 1 if left out. */
  readonly start?: number;
}

/** Whole production nodes over the real write-ahead log in virtual time, one run for each seed. */
export interface SimFinder {
  readonly kind: "sim";
  readonly profile: Profile;
  readonly seeds: number;
  /** First seed; 1 if left out. */
  readonly start?: number;
}

/** A named test of the repository, for what neither a schedule nor a search can see: formats, locks, real sockets. */
export interface UnitFinder {
  readonly kind: "unit";
  /** From the root of the repository. */
  readonly file: string;
  /** Its name, or the part of it that is the same in all cases of a table. */
  readonly test: string;
}

/**
 * Every state of a small group of acceptors and proposers of `@synod/paxos`, nearest first.
 * Numbers as the options of `paxosModel`.
 */
export interface PaxosFinder {
  readonly kind: "paxos";
  readonly proposers?: number;
  readonly starts?: number;
  readonly q1?: number;
  readonly q2?: number;
  /** Distinct states, at most. */
  readonly states: number;
}

/** Every state of a few replicas of the log with a network and disks, nearest first: one of the explorer's scenarios. */
export interface MultipaxosFinder {
  readonly kind: "multipaxos";
  readonly scenario: MultipaxosScenario;
  /** Distinct states, at most. */
  readonly states: number;
}

/** Every state of the explorer's textbook model of one decision. The mistake is built into it: there is no patch. */
export interface ReferenceFinder {
  readonly kind: "reference";
  readonly bug: ReferenceBug | null;
  /** Distinct states, at most. */
  readonly states: number;
}

/** Replicas of the bare core that lose all but some of their links while they work. */
export interface TopologyFinder {
  readonly kind: "topology";
  readonly links: LinksLeft;
  readonly runs: number;
}

/** Replicas of the bare core beside one that sends ballots which no working node has. */
export interface NoiseFinder {
  readonly kind: "noise";
  readonly runs: number;
}

/** Looks by itself at many schedules or states, and knows nothing of the mistake. */
export type SearchingFinder =
  | CoreFinder
  | SimFinder
  | TopologyFinder
  | NoiseFinder
  | PaxosFinder
  | MultipaxosFinder
  | ReferenceFinder;

export type Finder = SearchingFinder | UnitFinder;

/** What broke in the way of a program rather than of the protocol. Counts as found only where the mutant declares it. */
type Accident = "crash" | "timeout";

/** One plausible mistake. */
export interface Mutant {
  /** Lower case, words joined by hyphens. */
  readonly id: string;
  /** Bug classes of the list of faults by number, and seeded bugs by name; `unseen`: an operator is not told, or not told the truth. */
  readonly faults: readonly (number | `MU-${string}` | "unseen")[];
  /** What is wrong, in plain words. */
  readonly title: string;
  /** None where the mistake is built into a model. */
  readonly patches: readonly Patch[];
  readonly finder: Finder;
  readonly expected?: Accident;
}
