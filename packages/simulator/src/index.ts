export { type Profile, PROFILES, type Reduction } from "./config.js";
export type { Failure, Invariant } from "./judge.js";
export {
  jsonCodec,
  type KeyValueCommand,
  KeyValueMachine,
  type KeyValueQuery,
  type KeyValueResult,
  keyValueWorkload,
} from "./key-value.js";
export { SeededRandom } from "./random.js";
export { shrink, type Shrunk } from "./shrink.js";
export { type Report, simulate, type SimulateOptions } from "./simulate.js";
export type { Drain } from "./timeline.js";
export { PARTITIONS } from "./topology.js";
export { diagram, type TraceEvent } from "./trace.js";
export type { Request, StorageFactory, StoragePlace, Workload } from "./workload.js";
export {
  CORE_PROFILES,
  type CoreFailure,
  type CoreInvariant,
  type CoreProfile,
  type CoreReport,
  simulateCore,
  type SimulateCoreOptions,
} from "./core/index.js";
