import type { Operation } from "./history.js";

/** Stands for an output that nobody saw: whatever the model would answer is right. */
export const anyOutput: unique symbol = Symbol.for("@synod/linearizability.anyOutput");
export type AnyOutput = typeof anyOutput;

/** `state` is the state afterwards. */
export type Step<State> = { readonly ok: true; readonly state: State } | { readonly ok: false };

/**
 * What the object does when one client at a time uses it: the sequential specification of Herlihy and Wing 1990.
 * Three members say it all: `init`, `step` and, for an object made of independent parts, `partition`. The others only
 * make the search faster; they must not change what is linearizable.
 */
export interface Model<State, Input, Output> {
  /** The state before the first operation. Called at least once for each check. */
  init(): State;
  /**
   * Whether the operation may have this output in this state, and the state that it leaves behind. For an operation of
   * unknown outcome the output is `anyOutput`. Must not change `state`.
   */
  step(state: State, input: Input, output: Output | AnyOutput): Step<State>;
  /**
   * Which independent part of the object an operation belongs to (the key of a map, say). Each part is checked by
   * itself, from its own `init`: linearizability is local (Herlihy and Wing 1990, section 3.1).
   */
  partition?(input: Input): unknown;
  /** States with the same key, as a `Map` compares it, are the same. By default a state is compared by its content. */
  key?(state: State): unknown;
  /** True if this operation leaves every state as it is in which it may have this output. */
  readOnly?(input: Input, output: Output | AnyOutput): boolean;
  /** For people: `write 3`, `read -> 3`. */
  describe?(input: Input, output: Output | AnyOutput): string;
  /** True if to leave out an operation of unknown outcome is always as good as to let it happen. */
  pointless?(input: Input): boolean;
  /** True if this completed operation by itself shows that no order is legal. */
  refutes?(operation: Operation<Input, Output>): boolean;
  /** True if nothing that may happen leads from this state to one in which this operation may have this output. */
  hopeless?(state: State, input: Input, output: Output): boolean;
  /**
   * A second interval. An operation whose interval ends before that of another begins comes first in every order that is
   * legal; it must take effect in all of them, even if its outcome is unknown.
   */
  window?(input: Input): readonly [from: number, to: number];
  /** A faster model with the same verdict for these operations (all of one partition), and for no others. */
  forHistory?(operations: readonly Operation<Input, Output>[]): Model<unknown, Input, Output>;
}
