import type { Target } from "../target.js";
import { stateTargets } from "./state.js";
import { storeTargets } from "./store.js";
import { textTargets } from "./text.js";
import { wireTargets } from "./wire.js";

export interface Targets {
  readonly targets: readonly Target[];
  readonly close: () => Promise<void>;
}

/** Everything that reads bytes of others. */
export async function allTargets(): Promise<Targets> {
  const text = await textTargets();
  return {
    targets: [...wireTargets, ...stateTargets, ...(await storeTargets()), ...text.targets],
    close: () => text.close(),
  };
}
