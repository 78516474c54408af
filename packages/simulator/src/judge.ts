/** What a run must never break. Each check says which of these it found broken. */
export type Invariant =
  /** No two values are chosen in one slot, and no node takes another value for chosen. */
  | "agreement"
  /** The rules of Paxos Made Simple, section 2.2. P1a: an acceptor votes in no ballot below one that it has promised. */
  | "P1a"
  /** What is chosen above the ballot in which a value was chosen is that value. */
  | "P2"
  /** So is what any acceptor votes for above it. */
  | "P2a"
  /** So is what any proposer proposes above it. */
  | "P2b"
  /**
   * Of each proposal: some phase-1 quorum has promised its ballot, and the proposal has the value of the highest vote that any
   * of them cast below it, or none of them voted.
   */
  | "P2c"
  /** No slot is open above the window, no queue above its limit, no frame above what every transport takes. */
  | "bounds"
  /** Every node has the configurations that the chosen log says. */
  | "configuration continuity"
  /** A change counts as complete, and who was removed stops, only when a quorum of the new members has everything on disk. */
  | "completion rule"
  /** Who votes was a learner before. */
  | "learners before voters"
  /** What a caller was told is refused never changes the members. */
  | "refused changes never take effect"
  | "one value per slot and ballot"
  | "only proposed values"
  /** A node that may have forgotten votes promises nothing, votes for nothing and counts for nothing until that no longer matters. */
  | "a damaged node only learns"
  | "promise never falls"
  | "vote never falls"
  /** What a write or an opening acknowledged is there after every restart. */
  | "acknowledged writes survive"
  /** No message speaks of a promise, a vote or a mark that is not on disk. */
  | "durable before sent"
  /** Only what a snapshot on disk covers is dropped. */
  | "dropped log <= flushed snapshot"
  | "in-order apply"
  | "equal hashes at equal slots"
  /** The same command has the same result, and leaves the same state, on every replica. */
  | "deterministic apply"
  /** A witness neither leads nor campaigns, and forgets nothing before a full voter has it on disk as chosen. */
  | "a witness only votes"
  /** A node has those versions in force that the log up to its place says. */
  | "versions follow the log"
  /** No leader raises versions before every member ran a release that supports them. */
  | "versions raised when all support them"
  /** With every node there and on the newest release, it is in force. */
  | "versions raised after healing"
  | "exactly once"
  /** What was refused as not proposed is never executed. */
  | "refused means never executed"
  /** Logged time runs no faster than the clocks of the leaders. */
  | "logged time follows the clocks"
  /** Between two commands no more time is logged than the fastest clock has counted since the first was asked for. */
  | "logged time never leaps"
  /** An answer is given only for a command that a quorum of disks holds. */
  | "acknowledged means chosen"
  | "acknowledged never lost"
  | "linearizable"
  /** An answer that may be stale is not older than its bound, and never older than what the client saw before. */
  | "stale reads keep their bound"
  /** At most one node holds a lease at a time. */
  | "one lease at a time"
  | "every call settles"
  /** A node stops by itself only for a disk that failed. */
  | "no node stops itself"
  /** A closed node writes and sends nothing, whatever arrives late. */
  | "nothing after close"
  /** No power cut and no crash leaves a store that cannot be opened. */
  | "stores open again"
  | "a leader after healing"
  | "progress after healing"
  | "convergence after healing"
  | "message budget";

export interface Failure {
  readonly invariant: Invariant;
  readonly message: string;
  /** Virtual time. */
  readonly atMs: number;
}

/** Keeps the first failure; whatever comes after it may be its consequence. */
export class Judge {
  readonly nowMs: () => number;
  failure: Failure | null = null;
  /** How often what happened. */
  readonly counts: Map<string, number> = new Map();

  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
  }

  check(holds: boolean, invariant: Invariant, message: () => string): void {
    if (!holds) this.fail(invariant, message());
  }

  fail(invariant: Invariant, message: string): void {
    this.failure ??= { invariant, message, atMs: this.nowMs() };
  }

  /** Counts a rare path. */
  sometimes(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }
}
