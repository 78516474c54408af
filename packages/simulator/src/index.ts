export { type Profile, PROFILES } from "./config.js";
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
export { type Report, simulate, type SimulateOptions } from "./simulate.js";
export type { Drain } from "./timeline.js";
export { PARTITIONS } from "./topology.js";
export { diagram, type TraceEvent } from "./trace.js";
export type { Request, StorageFactory, StoragePlace, Workload } from "./workload.js";
