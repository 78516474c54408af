import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { storageSuite } from "@synod/conformance";
import { describe, test } from "vitest";
import { fileStorage } from "../src/index.js";
import { SeededRandom, SimulatedDisk } from "./simulated-disk.js";

describe("contract of Storage: fileStorage on files", () => {
  storageSuite({
    test,
    create: async () => {
      const directory = await mkdtemp(join(tmpdir(), "synod-storage-"));
      return {
        storage: () => fileStorage({ directory, segmentBytes: 2 ** 16 }),
        dispose: () => rm(directory, { recursive: true }),
      };
    },
  });
});

describe("contract of Storage: fileStorage on the simulated disk, with segments of two writes", () => {
  storageSuite({
    test,
    create: () => {
      const disk = new SimulatedDisk();
      const storage = () => fileStorage({ directory: "/data", fileSystem: disk.mount(), segmentBytes: 1024 });
      return { disk, storage };
    },
    crash: ({ disk }) => disk.powerCut(new SeededRandom(1)),
    fail: ({ disk }) => {
      disk.before = (operation, path) => {
        if (operation === "datasync" || operation === "sync") {
          throw Object.assign(new Error(`EIO: ${path}`), { code: "EIO" });
        }
      };
    },
  });
});
