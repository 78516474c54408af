export {
  BATCH_KIND,
  type Batch,
  type BatchEntry,
  type CloseEntry,
  type CommandEntry,
  decodeBatch,
  encodeBatch,
  entrySize,
  isBatch,
  type OpenEntry,
  type RaiseEntry,
  SESSION_LIMIT_DEFAULT,
  SESSION_LIMIT_MAX,
} from "./batch.js";
export { checksumOf, ContentHash } from "./content-hash.js";
export { type CowMap, type CowMapOptions, type CowSnapshot, cowMap } from "./cow-map.js";
export { replicatedMachine } from "./machine.js";
export type * from "./machine-types.js";
export type * from "./outcome.js";
export { FIRST_VERSIONS, higherVersions, LOG_VERSION, versionsAbove } from "./versions.js";
