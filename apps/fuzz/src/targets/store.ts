// What stands on a disk: identity, log and snapshot of a store, each spoiled while the others are whole; and records behind right checksums.
import type { Storage } from "@synod/interface";
import { fileStorage } from "@synod/storage-file";
import { decodeHeader } from "../../../../packages/storage-file/src/frame.js";
import { decodeBody, encodeBody } from "../../../../packages/storage-file/src/records.js";
import { MemoryDisk } from "../memory-disk.js";
import { outcomeOf, refusalOf, type Target } from "../target.js";

const DIRECTORY = "/store";
const value = (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill);
const format = {
  clusterId: "shop",
  nodeId: 2,
  founders: { epoch: 1, members: [{ id: 1 }, { id: 2 }, { id: 3 }], alpha: 16, quorum: { kind: "majority" } },
} as const;

const random = { uint32: (): number => 0x01020304 };
const storageOn = (disk: MemoryDisk): Storage =>
  fileStorage({ directory: DIRECTORY, fileSystem: disk, random, segmentBytes: 1024 });

/** Two openings, some votes, a snapshot, a log behind it. */
async function sampleStore(): Promise<MemoryDisk> {
  const disk = new MemoryDisk();
  for (let opening = 0; opening < 2; opening++) {
    const storage = storageOn(disk);
    await storage.open(opening === 0 ? { create: format } : {});
    for (let slot = opening * 10 + 1; slot <= opening * 10 + 10; slot++) {
      const ballot = { round: slot, node: 1 };
      await storage.write({
        promised: ballot,
        votes: [{ slot, ballot, value: value(20 + slot, slot) }],
        chosen: [],
        chosenUpTo: slot - 1,
      });
    }
    if (opening === 0) await storage.saveSnapshot(5, [value(300, 7), value(200, 8)]);
    await storage.close();
  }
  return disk;
}

function fileTarget(path: string, files: ReadonlyMap<string, Uint8Array>): Target {
  return {
    name: `store, ${path.slice(DIRECTORY.length + 1)} spoiled`,
    samples: [files.get(path) ?? new Uint8Array(0)],
    async run(input) {
      const disk = new MemoryDisk(new Map([...files, [path, input]]));
      const storage = storageOn(disk);
      try {
        const { votes, chosen, chosenUpTo, snapshot, damage } = await storage.open();
        let bytes = 0;
        if (snapshot !== null) {
          for await (const chunk of storage.readSnapshot({ index: snapshot.index, offset: 0 })) bytes += chunk.length;
        }
        return `${votes.length} ${chosen.length} ${chosenUpTo} ${bytes} ${damage === undefined ? "whole" : damage.places.length}`;
      } catch (error) {
        return refusalOf(error);
      } finally {
        await storage.close();
      }
    },
  };
}

const bodies = [
  encodeBody({ votes: [{ slot: 7, ballot: { round: 3, node: 1 }, value: value(9, 4) }], chosen: [] }),
  encodeBody({
    votes: [],
    chosen: [
      { slot: 8, value: value(0, 0) },
      { slot: 9, value: value(40, 1) },
    ],
  }),
].map((encoded) => new Uint8Array(Buffer.concat(encoded.chunks)));

export async function storeTargets(): Promise<readonly Target[]> {
  const { files } = await sampleStore();
  const paths = [...files.keys()].sort();
  // The first and the last segment are enough of them.
  const segments = paths.filter((path) => path.includes("/wal-"));
  const kept = paths.filter((path) => !segments.slice(1, -1).includes(path));
  return [
    ...kept.map((path) => fileTarget(path, files)),
    { name: "records", samples: bodies, run: (input) => outcomeOf(() => decodeBody(Buffer.from(input), 3)) },
    {
      name: "header of a batch",
      samples: segments.map((path) => files.get(path) ?? new Uint8Array(0)),
      run: (input) => outcomeOf(() => decodeHeader(Buffer.from(input), 0)),
    },
  ];
}
