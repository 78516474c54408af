/** What identifies a state: text, or 32-bit integers. Equal keys mean the same state. */
export type Key = string | readonly number[] | Int32Array;

/** One row of a space-time diagram. */
export interface Event {
  /** Where it happens: an index into `processes`. */
  readonly at: number;
  /** Where the message that arrives came from. Left out for what a process does by itself. */
  readonly from?: number;
  readonly text: string;
  /** What the event made true, if it is worth a mark: a promise was given, a vote was cast, a value is chosen now. */
  readonly mark?: "promised" | "voted" | "chosen";
}

/**
 * A system of states and actions. Everything in it must be a pure function of its arguments, and must never mutate a
 * state it was given, parts of it included: the search keeps states, and replays the way to a violation. The first few
 * thousand states are watched for that.
 *
 * Needed are `initial`, `actions`, `next` and `key`; the others may be left out.
 */
export interface Model<State, Action> {
  /** Names of the processes, as columns of a diagram. Needed for diagrams alone. */
  readonly processes?: readonly string[];
  initial(): readonly State[];
  /** What may happen next, always in the same order for the same state. */
  actions(state: State): readonly Action[];
  /**
   * The state afterwards, a new one: never mutate `state`. May be the same one as before if nothing in it changes; null if
   * nothing happens (the action is then not counted).
   */
  next(state: State, action: Action): State | null;
  /** Text (`JSON.stringify(state)` will do) or 32-bit integers. Whatever makes two states differ must be part of it. */
  key(state: State): Key;
  /**
   * The name of a rule that this state breaks, or null.
   * @param before the state that the step came from, for rules like "never falls"; null for an initial state
   */
  check?(state: State, before: State | null): string | null;
  /** States outside of this boundary are neither counted nor followed. Default: everything is inside. */
  within?(state: State): boolean;
  /**
   * Symmetry: states that differ from this one only in names which no rule and no action tells apart, such as a
   * permutation of acceptors. The search then keeps one of each such set. Unsound where a name carries meaning: nodes
   * whose ids are part of ballots are ordered by them, so they must not be permuted.
   */
  alike?(state: State): Iterable<State>;
  /** The row of the diagram for one step. Needed for diagrams alone. */
  describe?(action: Action, before: State, after: State): Event;
}

/** A way from an initial state. `states` has one element more than `actions`. */
export interface Path<State, Action> {
  readonly actions: readonly Action[];
  readonly states: readonly State[];
}
