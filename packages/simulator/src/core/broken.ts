/** What a run of the bare core must never break. "PMS" is Paxos Made Simple; what each check looks at stands with it. */
export type CoreInvariant =
  /** Whoever takes a slot for chosen, on disk, in a message or in what it hands out, has the value that is really chosen. */
  | "agreement"
  /** All proposals and votes of one slot in one ballot are of one value. */
  | "one value per slot and ballot"
  /** PMS P1: an Accept at or above the own promise is voted for, unless another value is known as chosen there. */
  | "P1"
  /** PMS P1a: no vote is answered in a ballot below the promise, and none reaches the disk after a higher Prepare was answered. */
  | "P1a"
  /** PMS P2: two chosen proposals of a slot have one value. */
  | "P2"
  /** PMS P2a: no acceptor votes for another value above a chosen proposal. */
  | "P2a"
  /** PMS P2b: nobody proposes another value above a chosen proposal. */
  | "P2b"
  /**
   * PMS P2c, for every proposal as it is made: a phase-1 quorum has promised its ballot, and of the votes of that quorum below
   * the ballot the highest is for this value, or there is none.
   */
  | "P2c"
  /** A value is the no-op or was given to a replica; others vote only for what its proposer has sent. */
  | "only proposed values"
  /** A replica that may have forgotten votes sends nothing that counts towards a quorum. */
  | "a damaged node only learns"
  /** A witness never leads, serves no snapshot, and forgets and skips only what its rule allows, by what the others told it. */
  | "a witness only votes"
  /** The promise never falls, in memory, on disk or over a restart, and no lower Prepare is promised. */
  | "promise never falls"
  /** The vote of a slot never goes to a lower ballot, and no vote is above the promise. */
  | "vote never falls"
  /** A replica starts with all that its disk holds. */
  | "acknowledged writes survive"
  /** No message speaks of a promise, a vote or a mark that is not on disk, and no mark covers a value that is not. */
  | "durable before sent"
  /** Only what a snapshot on disk covers is dropped, in memory and on disk. */
  | "dropped log <= flushed snapshot"
  /** The bytes of a snapshot come in order, and all of the same one, whoever sends them. */
  | "snapshots in one piece"
  /** What a replica has executed, knows as chosen or promised never gets less in one life. */
  | "nothing goes back"
  | "in-order apply"
  /** Every replica works out the same configurations, from the log or from the head of a snapshot. */
  | "configuration continuity"
  /** A change is taken for complete only when a phase-2 quorum of the new configuration holds all before it on disk. */
  | "completion rule"
  /** No proposal lies more than `alpha` above the chosen prefix. */
  | "window"
  /** A read gets an index at or above everything that any replica had handed out when it began, and at its own node. */
  | "linearizable reads"
  /** At most one node holds a lease at a time, nothing that another one proposed is newly chosen meanwhile, and none answers from one that is over. */
  | "one lease at a time"
  /** One life takes a forwarded body once, and never after it answered that it does not. */
  | "forward taken once"
  /** Frames, writes, open slots, bytes in flight and messages held back stay within their limits; a witness forgets what it may when it has no room. */
  | "memory bounds"
  /** No assertion of the core fires, and nothing else is thrown. */
  | "no node stops itself"
  | "a leader after healing"
  | "progress after healing"
  | "convergence after healing"
  | "every call settles"
  /** A quiet cluster talks for its elections alone; a command costs at most one round trip and one announcement. */
  | "message budget";

/** Ends a run: an invariant is broken. */
export class Broken extends Error {
  readonly invariant: CoreInvariant;

  constructor(invariant: CoreInvariant, message: string) {
    super(message);
    this.invariant = invariant;
  }
}

/** Cheap where it holds: the message is made only where it does not. */
export function check(holds: boolean, invariant: CoreInvariant, message: () => string): void {
  if (!holds) throw new Broken(invariant, message());
}
