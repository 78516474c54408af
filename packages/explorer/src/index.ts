export { diagram } from "./diagram.js";
export type { Event, Key, Model, Path } from "./model.js";
export { paxosModel, type PaxosModel } from "./paxos/model.js";
export type { PaxosAction, PaxosModelOptions } from "./paxos/options.js";
export type { PaxosMessage } from "./paxos/messages.js";
export { PAXOS_RULES, type PaxosRule } from "./paxos/rules.js";
export type { PaxosProposer, PaxosState, PaxosView } from "./paxos/state.js";
export * from "./reference/options.js";
export { referenceModel, type ReferenceAction, type ReferenceState } from "./reference/message-set.js";
export * from "./search.js";
export type { Decision } from "./multipaxos/book.js";
export type { Disk, Packet, Seen } from "./multipaxos/lives.js";
export {
  multipaxosModel,
  type MultipaxosAction,
  type MultipaxosModel,
  type MultipaxosState,
  type MultipaxosView,
} from "./multipaxos/model.js";
export { LOG_KINDS, type MultipaxosModelOptions } from "./multipaxos/options.js";
export { MULTIPAXOS_RULES, type MultipaxosRule } from "./multipaxos/rules.js";
export { MULTIPAXOS_SCENARIOS, type MultipaxosScenario } from "./multipaxos/scenarios.js";
