export { createNode } from "./create-node.js";
export { systemClock, systemRandom } from "./clock.js";
export type * from "./types.js";
