export * from "./check.js";
export * from "./collection-models.js";
export type { Explanation } from "./explanation.js";
export * from "./history.js";
export * from "./model.js";
export * from "./register-models.js";
