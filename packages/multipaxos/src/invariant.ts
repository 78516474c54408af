import { SynodError } from "@synod/interface";

/** Stops the node where a rule of the protocol does not hold: going on could spread a wrong value. */
export function invariant(holds: boolean, rule: string, facts: () => Record<string, unknown>): asserts holds {
  if (holds) return;
  throw new SynodError("InvariantViolated", `the node stops: ${rule}`, { details: facts() });
}
