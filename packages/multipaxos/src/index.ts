export { Acceptor, type AcceptOutcome, type PrepareOutcome, type PromisePage } from "./acceptor.js";
export {
  type Applied as AppliedConfiguration,
  ConfigurationHistory,
  type Governing,
  type VoidReason,
} from "./configuration-history.js";
export {
  ALPHA_MAX,
  checkConfiguration,
  type ConfigurationValue,
  decodeConfigurationValue,
  encodeConfigurationValue,
  isWitness,
  MEMBERS_MAX,
  votersOf,
} from "./configuration-value.js";
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
export { ballotsEqual, compareBallots } from "@synod/paxos";
export { boundMs, heldMs } from "./leases.js";
export { ChosenLog, type VoteView } from "./log.js";
export type * from "./messages.js";
export { packNoops, unpackNoops } from "./noop-range.js";
export type { Proposal, Resend } from "./open-slots.js";
export type { Configurations } from "./phase1.js";
export { Proposer, type ProposerOptions, type ProposerPhase } from "./proposer.js";
export { Replica, type ReplicaOptions } from "./replica.js";
export type { MembershipStatus, ReplicaPeerStatus, ReplicaStatus } from "./status.js";
export { DEFAULT_SETTINGS, type ReplicaSettings } from "./settings.js";
export { NOOP, sameValue, VALUE_BATCH, VALUE_CONFIGURATION, VALUE_NOOP, VALUE_NOOP_RANGE } from "./values.js";
export { WIRE_VERSION } from "./wire-version.js";
export { WriteBuffer, type WriteId } from "./writes.js";
