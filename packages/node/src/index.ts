export { createNode } from "./create-node.js";
export { type LostQuorumOptions, type LostQuorumReport, unsafeRecoverLostQuorum } from "./lost-quorum.js";
export { createWitness } from "./create-witness.js";
export { systemClock, systemRandom } from "@synod/interface/host";
export type * from "./types.js";
/** For tools that read and make snapshots while no node runs, such as a restore of a backup. */
export { SnapshotInstall, snapshotFront } from "./snapshot-layout.js";
