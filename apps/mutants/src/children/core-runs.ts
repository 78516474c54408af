import { type CoreProfile, simulateCore } from "../../../../packages/simulator/src/core/index.js";

export type { CoreProfile } from "../../../../packages/simulator/src/core/index.js";

/** One random run of the bare core: the rule that it broke, in one line, or null. */
export function runCore(seed: number, profile: CoreProfile): string | null {
  const { failure } = simulateCore({ seed, profile });
  return failure === null ? null : `${failure.invariant}: ${failure.message}`;
}
