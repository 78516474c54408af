import { SynodError } from "@synod/interface";

/** Equal on all replicas, for good: what is refused is part of what is replicated. */
export interface MachineLimits {
  /** Keys and names, in UTF-8. Default 1,024. */
  readonly keyBytesMax: number;
  /** One value. Default 512 KiB. */
  readonly valueBytesMax: number;
  /** Keys, values, counters and what requests carry, 128 bytes added for each. Default 256 MiB. */
  readonly stateBytesMax: number;
  /** Earlier states that are kept for watches and reads of the past. Default 16 MiB. */
  readonly historyBytesMax: number;
  /** Leases at a time. Default 100,000. */
  readonly leasesMax: number;
  /** Requests at a time that hold or wait, in all queues. Default 100,000. */
  readonly requestsMax: number;
  /** Requests at a time that wait in one queue. Default 10,000. */
  readonly queueMax: number;
}

const LIMITS_DEFAULT: MachineLimits = {
  keyBytesMax: 1024,
  valueBytesMax: 512 * 1024,
  stateBytesMax: 256 * 1024 * 1024,
  historyBytesMax: 16 * 1024 * 1024,
  leasesMax: 100_000,
  requestsMax: 100_000,
  queueMax: 10_000,
};

/** In the order of the snapshot's header. */
export const LIMIT_NAMES: readonly (keyof MachineLimits)[] = [
  "keyBytesMax",
  "valueBytesMax",
  "stateBytesMax",
  "historyBytesMax",
  "leasesMax",
  "requestsMax",
  "queueMax",
];

/** Operations of a transaction, conditions of it, identifiers in one command, keys that one command deletes. */
export const LIST_MAX = 1024;
/** Entries of one answer, and their bytes: at the limit an answer says `more`. */
export const RANGE_MAX = 10_000;
export const ANSWER_BYTES_MAX: number = 512 * 1024;
/** Identifiers of leases and of requests of counters, in UTF-8. */
export const ID_BYTES_MAX = 64;
/** A lease lasts at most so long without a keep-alive: one year. */
export const TTL_MAX_MS: number = 366 * 24 * 3_600_000;
/** A limit of holders that is none. */
export const HOLDERS_MAX = 1_000_000;

/** @throws SynodError `InvalidArgument` */
export function limitsOf(given: Partial<MachineLimits>): MachineLimits {
  const limits: Record<keyof MachineLimits, number> = { ...LIMITS_DEFAULT };
  for (const name of LIMIT_NAMES) {
    const value = given[name];
    if (value === undefined) continue;
    if (!Number.isSafeInteger(value) || value < 1) {
      throw new SynodError("InvalidArgument", `${name} is a positive integer, not ${String(value)}.`);
    }
    limits[name] = value;
  }
  return limits;
}

/** What a request for a lock carries. */
export const REQUEST_VALUE_BYTES_MAX: number = 16 * 1024;
