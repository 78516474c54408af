export { type ClockSuiteOptions, type ClockWorld, clockSuite } from "./clock.js";
export { type CodecSuiteOptions, codecSuite } from "./codec.js";
export { watched as impurities } from "./impurities.js";
export { type StateMachineSuiteOptions, stateMachineSuite } from "./state-machine.js";
export { type StorageMedium, type StorageSuiteOptions, storageSuite } from "./storage.js";
export type { SuiteOptions, TestFunction } from "./suite.js";
export { TestNode, type TestNodeOptions } from "./test-node.js";
export { type TransportSuiteOptions, type TransportWorld, transportSuite } from "./transport.js";
