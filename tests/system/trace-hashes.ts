import { messageCodec } from "@synod/codec-msgpack";
import { keyValueWorkload, simulate } from "@synod/simulator";
import { fileStorage } from "@synod/storage-file";

/** The trace hashes of a seed: in the profile that draws everything, and with a hostile disk. */
export async function traceHashes(seed: number): Promise<Record<string, string>> {
  const hashes: Record<string, string> = {};
  for (const profile of ["swarm", "disk"] as const) {
    const { traceHash } = await simulate({
      seed,
      profile,
      workload: keyValueWorkload(),
      storage: ({ directory, fileSystem, random, segmentBytes }) =>
        fileStorage({ directory, fileSystem, random, segmentBytes }),
      codec: messageCodec(),
    });
    hashes[profile] = traceHash;
  }
  return hashes;
}
