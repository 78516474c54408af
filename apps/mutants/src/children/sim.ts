import { messageCodec } from "@synod/codec-msgpack";
import { keyValueWorkload, simulate } from "@synod/simulator";
import { fileStorage } from "@synod/storage-file";
import type { SimFinder } from "../mutant.js";
import { type Finding, runChild, firstLine } from "./child.js";

async function look({ profile, seeds, start = 1 }: SimFinder): Promise<Finding> {
  for (let looked = 1; looked <= seeds; looked++) {
    const { failure } = await simulate({
      seed: start + looked - 1,
      profile,
      workload: keyValueWorkload(),
      storage: ({ directory, fileSystem, random, segmentBytes }) =>
        fileStorage({ directory, fileSystem, random, segmentBytes }),
      codec: messageCodec(),
    });
    if (failure === null) continue;
    return { found: true, looked, unit: "seeds", saw: `${failure.invariant}: ${firstLine(failure.message)}` };
  }
  return { found: false, looked: seeds, unit: "seeds", saw: "" };
}

runChild(look);
