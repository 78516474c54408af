export { createNode } from "./create-node.js";
export { type LostQuorumOptions, type LostQuorumReport, unsafeRecoverLostQuorum } from "./lost-quorum.js";
export { systemClock, systemRandom } from "./clock.js";
export type * from "./types.js";
