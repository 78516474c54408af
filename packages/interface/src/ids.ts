/** Number of a replica: a positive safe integer, given out once and never used again for another disk. */
export type NodeId = number;

/** Position in the replicated log: a positive safe integer. Slot 0 stands for "nothing yet". */
export type Slot = number;

/**
 * Ballot number, ordered by `round`, then by `node`. Only `node` may propose in it.
 * Paxos Made Simple, section 2.2 ("proposal numbers"); the pair makes numbers of different proposers disjoint.
 */
export interface Ballot {
  /** Safe integer from 0 (the lecture's integer rounds are another coding of the same order). */
  readonly round: number;
  readonly node: NodeId;
}

/** One accepted value of one slot: what a promise must report. */
export interface Vote {
  readonly slot: Slot;
  readonly ballot: Ballot;
  /** Kind byte and body; treated as immutable from the moment it is proposed. */
  readonly value: Uint8Array;
}

/** A value that is known to be chosen. It carries no ballot and is never a vote. */
export interface ChosenValue {
  readonly slot: Slot;
  readonly value: Uint8Array;
}

/** A client session: the place in the log where it was opened, which no other session can share. */
export interface SessionId {
  readonly slot: Slot;
  /** Index of the OPEN in the batch of that slot, from 0. */
  readonly index: number;
}

/** One request of a session. Using the same ticket again asks for the same execution, never for a second one. */
export interface SessionTicket {
  readonly session: SessionId;
  /** From 1, given out once per request. */
  readonly sequence: number;
  /** Every reply up to this sequence has been received and may be forgotten. */
  readonly floor: number;
}
