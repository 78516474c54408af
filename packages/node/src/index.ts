export { createNode } from "./create-node.js";
export { createWitness } from "./create-witness.js";
export { systemClock, systemRandom } from "./clock.js";
export type * from "./types.js";
