import { count } from "../counts.js";

/** Faults that can be built into the reference model, to see that the search finds them. */
export type ReferenceBug = "MU-01" | "MU-03" | "MU-06" | "MU-08" | "MU-10" | "MU-13";

/** What each fault is. */
export const REFERENCE_BUGS: Readonly<Record<ReferenceBug, string>> = {
  "MU-01": "an acceptor votes below its promise",
  "MU-03": "a proposer ignores the votes that were reported to it",
  "MU-06": "two proposers share a ballot number",
  "MU-08": "repeated votes from one sender are counted",
  "MU-10": "an acceptor restarts empty, once",
  "MU-13": "phase-2 quorums are so small that they miss phase-1 quorums",
};

export interface ReferenceOptions {
  /** 1 to 7. Default 3. */
  readonly acceptors?: number;
  /** 1 to 7. Default 2. */
  readonly values?: number;
  /** Ballots are 0 to `ballots` - 1. 1 to 7. Default 2. */
  readonly ballots?: number;
  /** Size of a phase-1 quorum; default a majority. */
  readonly q1?: number;
  /** Size of a phase-2 quorum; default a majority, with MU-13 all but a majority. Sizes that need not meet are explored as well. */
  readonly q2?: number;
  readonly bug?: ReferenceBug | null;
  /** Treats acceptors as alike, and values too: neither is ordered or part of a ballot. The numbers get smaller. */
  readonly symmetry?: boolean;
}

export interface ReferenceSizes {
  readonly acceptors: number;
  readonly values: number;
  readonly ballots: number;
  readonly q1: number;
  readonly q2: number;
}

/** With more the states would not fit into any memory. */
const LIMIT = 7;

/** Fills in the defaults and refuses what makes no sense. */
export function referenceSizes(options: ReferenceOptions): ReferenceSizes {
  const acceptors = count("acceptors", options.acceptors ?? 3, 1, LIMIT);
  const majority = Math.floor(acceptors / 2) + 1;
  return {
    acceptors,
    values: count("values", options.values ?? 2, 1, LIMIT),
    ballots: count("ballots", options.ballots ?? 2, 1, LIMIT),
    q1: count("q1", options.q1 ?? majority, 1, acceptors),
    q2: count(
      "q2",
      options.q2 ?? (options.bug === "MU-13" ? Math.max(1, acceptors - majority) : majority),
      1,
      acceptors,
    ),
  };
}
