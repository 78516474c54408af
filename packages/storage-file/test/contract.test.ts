import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storageContract } from "../../../tests/contracts/storage.js";
import { fileStorage } from "../src/index.js";
import { SimulatedDisk } from "./simulated-disk.js";

storageContract("fileStorage on files", async () => {
  const directory = await mkdtemp(join(tmpdir(), "synod-storage-"));
  return {
    storage: () => fileStorage({ directory, segmentBytes: 2 ** 16 }),
    dispose: () => rm(directory, { recursive: true }),
  };
});

storageContract("fileStorage on the simulated disk, with segments of two writes", () => {
  const disk = new SimulatedDisk();
  return { storage: () => fileStorage({ directory: "/data", fileSystem: disk.mount(), segmentBytes: 1024 }) };
});
