export type { CoreInvariant } from "./broken.js";
export { CORE_PROFILES, type CoreProfile } from "./config.js";
export { type CoreFailure, type CoreReport, simulateCore, type SimulateCoreOptions } from "./simulate.js";
