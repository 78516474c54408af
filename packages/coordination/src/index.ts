export type { BarrierOptions, Barriers } from "./barriers.js";
export { type CoordinationCodecs, coordinationCodecs } from "./codecs.js";
export { type Coordination, coordination } from "./coordination.js";
export type { CallOptions, CoordinationOptions, CoordinationService } from "./core.js";
export type { CampaignOptions, Elections, Leader, Leadership } from "./elections.js";
export { type FencedResource, type FencedStore, fencedResource, type TokenStore } from "./fencing.js";
export type { Jobs, RunCoordinator, RunOnceOptions, RunOnceResult } from "./jobs.js";
export type {
  Changes,
  KeyValue,
  Page,
  PutOptions,
  RangeOptions,
  Step,
  Transaction,
  TransactionResult,
  WatchOptions,
  Written,
} from "./kv.js";
export type { GrantOptions, LeaseHandle, LeaseInfo, Leases } from "./leases-client.js";
export type { MachineLimits } from "./limits.js";
export type { Lock, Locks, Protected, SemaphoreOptions } from "./locks.js";
export { type CoordinationMachine, type CoordinationMachineOptions, coordinationMachine } from "./machine.js";
export type { Counters, IdAllocator, NextOptions, Sequences } from "./numbers.js";
export type { AcquireOptions } from "./requests.js";
export type * from "./types.js";
export { jsonValues, textValues } from "./values.js";
