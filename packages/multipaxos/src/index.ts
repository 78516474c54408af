export { Acceptor, type AcceptOutcome, type PrepareOutcome, type PromisePage } from "./acceptor.js";
export * from "./effects.js";
export {
  Election,
  hearsQuorums,
  isContent,
  judge,
  type ElectionView,
  type PeerFacts,
  type Verdict,
} from "./election.js";
export { boundMs, heldMs } from "./leases.js";
export { ChosenLog, type VoteView } from "./log.js";
export type * from "./messages.js";
export { Proposer, type Proposal, type ProposerOptions, type ProposerPhase, type Resend } from "./proposer.js";
export { Replica, type ReplicaOptions, type ReplicaPeerStatus, type ReplicaStatus } from "./replica.js";
export { DEFAULT_SETTINGS, type ReplicaSettings } from "./settings.js";
export { NOOP, VALUE_BATCH, VALUE_CONFIGURATION, VALUE_NOOP, VALUE_NOOP_RANGE } from "./values.js";
export { WIRE_VERSION } from "./wire-version.js";
export { WriteBuffer, type WriteId } from "./writes.js";
