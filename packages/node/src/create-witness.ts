import { SynodError, type StateMachine } from "@synod/interface";
import { start } from "./create-node.js";
import { checkWitnessNames } from "./option-names.js";
import type { NodeOptions, WitnessNode, WitnessOptions } from "./types.js";
import { WitnessMachine } from "./witness-machine.js";
import { supportedVersions } from "./versions.js";

const unused = (): never => {
  throw new SynodError("InvalidArgument", "a witness takes no commands and answers no reads: ask another node");
};

const STATE_MACHINE: StateMachine<never, never, never> = {
  apply: unused,
  query: unused,
  snapshot: unused,
  restore: unused,
};

/**
 * Opens the store and starts a witness: a voter without a state machine, which never leads and keeps values only until full members have
 * them. The configuration has to list it as one: `role: "witness"` among the founders, or `changeMembership({ kind: "add", as: "witness" })`.
 * @throws SynodError as `createNode`; `InvalidConfiguration` for an id that is a full member
 */
export async function createWitness(options: WitnessOptions): Promise<WitnessNode> {
  checkWitnessNames(options);
  const full: NodeOptions<never, never, never> = {
    ...options,
    stateMachine: STATE_MACHINE,
    commandCodec: { encode: unused, decode: unused },
  };
  // No state machine: every version of it is fine.
  const supports = { ...supportedVersions(full), machine: Number.MAX_SAFE_INTEGER, ...options.supports };
  const node = await start({ ...full, supports }, () => new WitnessMachine(supports));
  return {
    id: node.id,
    status: () => node.status(),
    changeMembership: async (change, rest) => node.changeMembership(change, rest),
    events: (rest) => node.events(rest),
    close: async () => node.close(),
    [Symbol.asyncDispose]: async () => node.close(),
  };
}
