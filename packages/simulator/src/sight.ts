import type { Member, NodeId, Slot } from "@synod/interface";
import type { NodeStatus } from "@synod/node";
import type { Config } from "./config.js";
import type { Judge } from "./judge.js";
import type { Oracle } from "./oracle.js";

/** A node opens its own session besides what callers ask for. */
const OWN_CALL_BYTES = 1024;

/** What nodes say of themselves, held against what the others said. */
export class Sight {
  readonly #judge: Judge;
  readonly #config: Config;
  readonly #oracle: Oracle;
  readonly #checked = new WeakSet<NodeStatus["configuration"]>();
  readonly #hashAt = new Map<Slot, string>();
  readonly #digestAt = new Map<Slot, string>();

  constructor(parts: { readonly judge: Judge; readonly config: Config; readonly oracle: Oracle }) {
    this.#judge = parts.judge;
    this.#config = parts.config;
    this.#oracle = parts.oracle;
  }

  /** Checks a status. Tells whether another node was already seen at the same slot. */
  check(id: NodeId, status: NodeStatus, isWitness: boolean): boolean {
    this.#checkBounds(id, status);
    // It has no machine, and counts slots.
    if (isWitness) return false;
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

  #checkBounds(id: NodeId, { openSlots, queues, configuration }: NodeStatus): void {
    const { epochs } = this.#oracle;
    const { queueBytesMax = Number.POSITIVE_INFINITY } = this.#config.limits;
    const within = openSlots <= epochs.alphaMax && queues.own.bytes <= queueBytesMax + OWN_CALL_BYTES;
    this.#judge.check(
      within,
      "bounds",
      () => `node ${id}: ${openSlots} open slots, ${queues.own.bytes} bytes in its queue`,
    );
    // The same object says the same as before.
    if (this.#checked.has(configuration)) return;
    this.#checked.add(configuration);
    const true_ = epochs.from(1).find(({ epoch }) => epoch === configuration.epoch)?.configuration;
    this.#judge.check(
      true_ !== undefined && true_.alpha === configuration.alpha && textOf(true_) === textOf(configuration),
      "configuration continuity",
      () =>
        `node ${id} has epoch ${configuration.epoch} as ${textOf(configuration)}; the log says ${true_ && textOf(true_)}`,
    );
  }
}

const memberText = ({ id, role = "voter", address = "", replaces = 0 }: Member): string =>
  `${id} ${role} ${address} ${replaces}`;
const textOf = ({ members }: NodeStatus["configuration"]): string => members.map(memberText).join(", ");
