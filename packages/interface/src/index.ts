export type * from "./configuration.js";
export * from "./error.js";
export type * from "./filesystem.js";
export type * from "./ids.js";
export type * from "./ports.js";
export type * from "./service.js";
export type * from "./state-machine.js";
export type * from "./storage.js";
export type * from "./transport.js";
