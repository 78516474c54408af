import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storageContract } from "../../../tests/contracts/storage.ts";
import { fileStorage } from "../src/index.js";
import { SimulatedDisk } from "./simulated-disk.js";

storageContract("fileStorage on a simulated disk", () => {
  const disk = new SimulatedDisk();
  return {
    storage: () => fileStorage({ directory: "/disk/store", fileSystem: disk.fileSystem(), segmentBytes: 2048 }),
  };
});

storageContract("fileStorage on real files", async () => {
  const directory = await mkdtemp(join(tmpdir(), "synod-contract-"));
  return {
    storage: () => fileStorage({ directory: join(directory, "store"), segmentBytes: 64 * 1024 }),
    dispose: () => rm(directory, { recursive: true, force: true }),
  };
});
