// What an opening finds may stand in the page cache alone: a process that ended between the change of a name and its flush leaves that.
import type { Storage } from "@synod/interface";
import { expect, test } from "vitest";
import { fileStorage } from "../src/index.js";
import { SeededRandom, SimulatedDisk } from "./simulated-disk.js";
import { bytes, collect, format, vote, write } from "./support.js";

const DIRECTORY = "/data";
const storageOn = (disk: SimulatedDisk): Storage =>
  fileStorage({ directory: DIRECTORY, fileSystem: disk.mount(), segmentBytes: 1024 });

/** A power cut after which the disk has all that was under way. */
class Everything extends SeededRandom {
  constructor() {
    super(0);
  }

  override chance(): boolean {
    return true;
  }

  override below(limit: number): number {
    return limit - 1;
  }
}

/** A store with a snapshot of slot 4, whose log begins behind it. */
async function stored(disk: SimulatedDisk): Promise<Storage> {
  const storage = storageOn(disk);
  await storage.open({ create: format });
  for (let slot = 1; slot <= 12; slot++) {
    await storage.write(write({ votes: [vote(slot, 1, `${slot}`.padEnd(300))], chosenUpTo: slot }));
  }
  await storage.saveSnapshot(4, [bytes("state at 4")]);
  await storage.drop(4);
  return storage;
}

/** The process ends when the new name of a file is about to be flushed. */
async function endAtFlushOfName(disk: SimulatedDisk, temporary: string, run: () => Promise<unknown>): Promise<void> {
  let isRenamed = false;
  disk.before = (operation, path) => {
    if (operation === "rename" && path.endsWith(temporary)) isRenamed = true;
    else if (isRenamed && operation === "syncDirectory") disk.kill();
  };
  await expect(run()).rejects.toMatchObject({ code: "StoreFailed" });
  disk.before = () => {};
  expect(isRenamed).toBe(true);
}

/** The next start ends in a power cut when it has removed what it needs no more; of the names the disk has those changed last. */
async function cutInNextOpening(disk: SimulatedDisk): Promise<void> {
  const directory = disk.directory(DIRECTORY);
  const unflushed = new Set(directory.changes);
  expect(unflushed.size).toBeGreaterThan(0);
  let hasRemoved = false;
  let isCut = false;
  disk.before = (operation) => {
    if (operation === "remove") hasRemoved = true;
    else if (hasRemoved && !isCut) {
      isCut = true;
      directory.changes = directory.changes.filter((change) => !unflushed.has(change));
      disk.powerCut(new Everything());
    }
  };
  await expect(storageOn(disk).open()).rejects.toMatchObject({ code: "StoreFailed" });
  disk.before = () => {};
  expect(isCut).toBe(true);
}

test("the snapshot before goes only when the name of the new one lasts", async () => {
  const disk = new SimulatedDisk();
  const storage = await stored(disk);
  await endAtFlushOfName(disk, "snapshot.tmp", () => storage.saveSnapshot(8, [bytes("state at 8")]));
  await cutInNextOpening(disk);
  const again = storageOn(disk);
  const { snapshot, chosenUpTo } = await again.open();
  expect(chosenUpTo).toBe(12);
  expect(await collect(again.readSnapshot())).toBe(`state at ${snapshot?.index}`);
  await again.close();
});

test("segments go only when the identity that does without them lasts", async () => {
  const disk = new SimulatedDisk();
  const storage = await stored(disk);
  await storage.saveSnapshot(8, [bytes("state at 8")]);
  await endAtFlushOfName(disk, "identity.tmp", () => storage.drop(8));
  await cutInNextOpening(disk);
  const again = storageOn(disk);
  const { votes, chosenUpTo } = await again.open();
  expect(chosenUpTo).toBe(12);
  expect(votes.map(({ slot }) => slot)).toEqual([9, 10, 11, 12]);
  await again.close();
});

test("nor do those that a start has gathered", async () => {
  const disk = new SimulatedDisk();
  await (await stored(disk)).close();
  for (let start = 0; [...disk.files(DIRECTORY).keys()].filter((file) => file.startsWith("wal-")).length < 8; start++) {
    expect(start).toBeLessThan(8);
    const storage = storageOn(disk);
    await storage.open();
    await storage.close();
  }
  const gathering = storageOn(disk);
  await endAtFlushOfName(disk, "identity.tmp", () => gathering.open());
  await cutInNextOpening(disk);
  const again = storageOn(disk);
  expect((await again.open()).chosenUpTo).toBe(12);
  await again.close();
});
