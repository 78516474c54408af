import type { Configuration, Slot } from "@synod/interface";
import { checkConfiguration, decodeConfigurationValue, VALUE_CONFIGURATION } from "@synod/multipaxos";
import type { QuorumSystem } from "@synod/paxos";
import type { Decision } from "./book.js";

interface Governing {
  readonly epoch: number;
  readonly from: Slot;
  readonly alpha: number;
  readonly quorums: QuorumSystem;
}

const governing = (from: Slot, configuration: Configuration): Governing => {
  const { epoch, alpha } = configuration;
  return { epoch, from, alpha, quorums: checkConfiguration(configuration) };
};

/** Who decides on which slot: the window rule once more, from what is decided, and as plain as can be. */
export class Deciding {
  readonly #founders: Governing;
  readonly #known = new Map<string, Governing>();

  constructor(founders: Configuration) {
    this.#founders = governing(1, founders);
  }

  get founders(): QuorumSystem {
    return this.#founders.quorums;
  }

  /** Null as long as a slot is not decided whose value may say who decides on this one. */
  quorumsAt(decided: readonly (Decision | null)[], slot: Slot): QuorumSystem | null {
    const all = [this.#founders];
    const at = (of: Slot): Governing => all.filter(({ from }) => from <= of).at(-1) as Governing;
    for (let below = 1; below < slot; below++) {
      const decision = decided[below - 1] ?? null;
      if (decision === null) {
        // A command here would govern from so far on at the earliest.
        if (below + at(below).alpha <= slot) return null;
        break;
      }
      if (decision.bytes[0] !== VALUE_CONFIGURATION) continue;
      const { stamp, configuration } = decodeConfigurationValue(decision.bytes);
      const last = all.at(-1) as Governing;
      if (stamp === last.epoch && below >= last.from) all.push(this.#made(below + at(below).alpha, configuration));
    }
    return at(slot).quorums;
  }

  #made(from: Slot, configuration: Configuration): Governing {
    const name = `${from} ${configuration.epoch} ${configuration.members.map(({ id }) => id).join()}`;
    const known = this.#known.get(name) ?? governing(from, configuration);
    this.#known.set(name, known);
    return known;
  }
}
