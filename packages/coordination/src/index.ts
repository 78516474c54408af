export { type CoordinationCodecs, coordinationCodecs } from "./codecs.js";
export type { MachineLimits } from "./limits.js";
export { type CoordinationMachine, type CoordinationMachineOptions, coordinationMachine } from "./machine.js";
export type * from "./types.js";
