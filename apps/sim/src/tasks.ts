import { messageCodec } from "@synod/codec-msgpack";
import {
  CORE_PROFILES,
  type CoreProfile,
  type KeyValueCommand,
  type KeyValueQuery,
  type KeyValueResult,
  keyValueWorkload,
  type Profile,
  PROFILES,
  type Reduction,
  simulate,
  simulateCore,
  type SimulateOptions,
  type TraceEvent,
} from "@synod/simulator";
import { fileStorage } from "@synod/storage-file";

/** Names of what can be run: the profiles of whole nodes, and those of the bare core with `core-` in front. */
export type ProfileName = Profile | `core-${CoreProfile}`;

/** Names that stand for several. */
export const GROUPS: Readonly<Record<"nodes" | "core", readonly ProfileName[]>> = {
  nodes: PROFILES,
  core: CORE_PROFILES.map((profile) => `core-${profile}` as const),
};

export const PROFILE_NAMES: readonly ProfileName[] = [...GROUPS.nodes, ...GROUPS.core];

/** What runs of both kinds tell. */
export interface Outcome {
  readonly seed: number;
  readonly profile: ProfileName;
  readonly failure: { readonly invariant: string; readonly message: string; readonly atMs: number } | null;
  readonly traceHash: string;
  readonly nodes: readonly number[];
  readonly virtualMs: number;
  readonly slotsChosen: number;
  readonly sometimes: Readonly<Record<string, number>>;
}

export interface RunOptions {
  readonly trace?: (event: TraceEvent) => void;
  readonly reduce?: Reduction;
}

/** The bare core; or the production node, codec and write-ahead log, under the built-in workload. */
export async function runOne(seed: number, profile: ProfileName, options: RunOptions = {}): Promise<Outcome> {
  const core = CORE_PROFILES.find((each) => profile === `core-${each}`);
  if (core !== undefined) {
    const { trace } = options;
    return { ...simulateCore({ seed, profile: core, ...(trace === undefined ? {} : { trace }) }), profile };
  }
  return simulate({ seed, profile: profile as Profile, ...wholeNode(), ...options });
}

/** What `simulate` needs besides the seed. */
export function wholeNode(): Pick<
  SimulateOptions<KeyValueCommand, KeyValueQuery, KeyValueResult>,
  "workload" | "storage" | "codec"
> {
  return {
    workload: keyValueWorkload(),
    storage: ({ directory, fileSystem, random, segmentBytes }) =>
      fileStorage({ directory, fileSystem, random, segmentBytes }),
    codec: messageCodec(),
  };
}
