import { messageCodec } from "@synod/codec-msgpack";
import type { FileHandle, FileSystem } from "@synod/interface";
import { keyValueWorkload, simulate } from "@synod/simulator";
import { fileStorage } from "@synod/storage-file";
import { type Finding, runChild, firstLine } from "./child.js";
import { lookAtRegister } from "./register.js";

const SEEDS = 20;

/** Says that it flushed and did not. */
function lyingFileSystem(inner: FileSystem): FileSystem {
  const lie = async (): Promise<void> => undefined;
  return {
    open: async (path, mode): Promise<FileHandle> => {
      const handle = await inner.open(path, mode);
      return {
        write: (chunks, position) => handle.write(chunks, position),
        read: (position, length) => handle.read(position, length),
        size: () => handle.size(),
        truncate: (length) => handle.truncate(length),
        datasync: lie,
        sync: lie,
        close: () => handle.close(),
      };
    },
    list: (path) => inner.list(path),
    makeDirectory: (path) => inner.makeDirectory(path),
    rename: (from, to) => inner.rename(from, to),
    remove: (path) => inner.remove(path),
    syncDirectory: (path) => inner.syncDirectory(path),
    lock: (path) => inner.lock(path),
  };
}

async function lookAtLyingDisk(): Promise<Finding> {
  for (let looked = 1; looked <= SEEDS; looked++) {
    const { failure } = await simulate({
      seed: looked,
      profile: "disk",
      workload: keyValueWorkload(),
      storage: ({ directory, fileSystem, random, segmentBytes }) =>
        fileStorage({ directory, fileSystem: lyingFileSystem(fileSystem), random, segmentBytes }),
      codec: messageCodec(),
    });
    // Any other rule that it breaks would be red for another reason than the one that is controlled.
    const lost = failure?.invariant === "acknowledged writes survive" || failure?.invariant === "stores open again";
    if (failure !== null && lost) {
      return { found: true, looked, unit: "seeds", saw: `${failure.invariant}: ${firstLine(failure.message)}` };
    }
  }
  return { found: false, looked: SEEDS, unit: "seeds", saw: "" };
}

runChild(({ target }: { target: "register" | "lying disk" }) =>
  target === "register" ? lookAtRegister() : lookAtLyingDisk(),
);
