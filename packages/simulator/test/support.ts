import { messageCodec } from "@synod/codec-msgpack";
import { fileStorage } from "@synod/storage-file";
import {
  type KeyValueCommand,
  type KeyValueQuery,
  type KeyValueResult,
  keyValueWorkload,
  type Profile,
  type Report,
  simulate,
  type SimulateOptions,
  type StoragePlace,
} from "../src/index.js";

export type KeyValueOptions = SimulateOptions<KeyValueCommand, KeyValueQuery, KeyValueResult>;

export const realStorage = ({ directory, fileSystem, random, segmentBytes }: StoragePlace) =>
  fileStorage({ directory, fileSystem, random, segmentBytes });

/** The real codec, the real write-ahead log, the built-in workload. */
export function run(seed: number, profile: Profile, other: Partial<KeyValueOptions> = {}): Promise<Report> {
  return simulate({
    seed,
    profile,
    workload: keyValueWorkload(),
    storage: realStorage,
    codec: messageCodec(),
    ...other,
  });
}

/** Runs seeds one after the other until one fails. */
export async function firstFailure(
  seeds: Iterable<number>,
  profile: Profile,
  other: Partial<KeyValueOptions> = {},
): Promise<Report | null> {
  for (const seed of seeds) {
    const report = await run(seed, profile, other);
    if (report.failure !== null) return report;
  }
  return null;
}

export function* range(first: number, count: number): Generator<number> {
  for (let i = 0; i < count; i++) yield first + i;
}
