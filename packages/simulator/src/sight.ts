import type { Configuration, NodeId, Slot } from "@synod/interface";
import type { NodeStatus } from "@synod/node";
import type { Config } from "./config.js";
import type { Judge } from "./judge.js";

/** What nodes say of themselves, held against what the others said. */
export class Sight {
  readonly #judge: Judge;
  readonly #config: Config;
  readonly #configuration: Configuration;
  readonly #hashAt = new Map<Slot, string>();
  readonly #digestAt = new Map<Slot, string>();

  constructor(parts: { readonly judge: Judge; readonly config: Config; readonly configuration: Configuration }) {
    this.#judge = parts.judge;
    this.#config = parts.config;
    this.#configuration = parts.configuration;
  }

  /** Checks a status. Tells whether another node was already seen at the same slot. */
  check(id: NodeId, status: NodeStatus): boolean {
    this.#checkBounds(id, status);
    const { applied, chainHash } = status;
    const known = this.#hashAt.get(applied);
    if (known === undefined) this.#hashAt.set(applied, chainHash);
    const equal = known === undefined || known === chainHash;
    this.#judge.check(equal, "equal hashes at equal slots", () => `node ${id}, slot ${applied}`);
    return known !== undefined;
  }

  /** The state of a node is that of every other at the same slot. */
  compare(id: NodeId, { applied, digest }: { readonly applied: Slot; readonly digest: string }): void {
    const known = this.#digestAt.get(applied);
    if (known === undefined) this.#digestAt.set(applied, digest);
    else {
      const text = (): string => `after slot ${applied} node ${id} has digest ${digest}, another had ${known}`;
      this.#judge.check(known === digest, "deterministic apply", text);
    }
  }

  #checkBounds(id: NodeId, { openSlots, queuedBytes, configuration }: NodeStatus): void {
    const { alpha, epoch, members } = this.#configuration;
    const { queueBytesMax = Number.POSITIVE_INFINITY } = this.#config.limits;
    const within = openSlots <= alpha && queuedBytes <= queueBytesMax;
    this.#judge.check(within, "bounds", () => `node ${id}: ${openSlots} open slots, ${queuedBytes} bytes in its queue`);
    this.#judge.check(
      configuration.epoch === epoch && configuration.members.length === members.length,
      "configuration continuity",
      () => `node ${id} is in epoch ${configuration.epoch} of ${configuration.members.length} members`,
    );
  }
}
