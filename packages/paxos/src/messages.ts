import type { Ballot, NodeId } from "@synod/interface";

/** A value that an acceptor has voted for, and the ballot in which it did. Voted for is not chosen. */
export interface Voted<V> {
  readonly ballot: Ballot;
  readonly value: V;
}

/** Phase 1a, proposer to every acceptor: "vote in nothing below `ballot`, and tell me your last vote". Names no value. */
export interface Prepare {
  readonly type: "prepare";
  readonly ballot: Ballot;
}

/** Phase 1b, acceptor to the owner of `ballot`: "I will not vote below `ballot`; this is my last vote". */
export interface Promised<V> {
  readonly type: "promise";
  readonly from: NodeId;
  readonly ballot: Ballot;
  readonly vote: Voted<V> | null;
}

/** Phase 2a, proposer to every acceptor: "vote for `value` in `ballot`". */
export interface Accept<V> {
  readonly type: "accept";
  readonly ballot: Ballot;
  readonly value: V;
}

/** Phase 2b, acceptor to the owner of `ballot` and to every learner: "I voted for `value` in `ballot`". */
export interface Accepted<V> {
  readonly type: "accepted";
  readonly from: NodeId;
  readonly ballot: Ballot;
  readonly value: V;
}

/** Acceptor to the owner of `ballot`: "too late, I promised `promised`". Only spares time: silence would be as safe. */
export interface Reject {
  readonly type: "reject";
  readonly from: NodeId;
  /** The ballot that is refused. */
  readonly ballot: Ballot;
  /** The higher ballot that was promised. */
  readonly promised: Ballot;
}

/**
 * A message that must leave. It may be lost, repeated, delayed or overtaken; no step relies on its arrival.
 */
export interface Send<M> {
  readonly type: "send";
  readonly message: M;
  /**
   * If true, the message must not leave before the durable part of the state that came with it is on disk. A message that
   * leaves earlier is a word that a crash can break, and then two values can be chosen.
   */
  readonly afterWrite: boolean;
}

/** The decision, as a learner or proposer comes to know it: `value` was chosen in `ballot`, for ever. */
export interface Chosen<V> extends Voted<V> {
  readonly type: "chosen";
}

/** What a step of a role gives: the new state, and what to do because of it. The old state is never changed. */
export interface Step<S, O> {
  readonly state: S;
  /** In the order in which they are to be done. */
  readonly outputs: readonly O[];
}

/**
 * Whether two values are the same: identical, or both bytes of equal content. Other kinds of values that can be equal without
 * being identical need an `equals` of their own, which every role takes as an option.
 */
export function sameValue(a: unknown, b: unknown): boolean {
  if (!(a instanceof Uint8Array && b instanceof Uint8Array)) return Object.is(a, b);
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
