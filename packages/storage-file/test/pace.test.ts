import type { FileHandle, FileSystem } from "@synod/interface";
import { expect, test } from "vitest";
import { fileStorage } from "../src/index.js";
import { Pace } from "../src/pace.js";
import { SeededRandom, SimulatedDisk } from "./simulated-disk.js";
import { format, vote, write } from "./support.js";

const DIRECTORY = "/store";
/** Long enough for the disk to have shown that it is fast. */
const WRITES = 80;

/** A clock that stands still: a disk that is fast. */
const storageOn = (disk: SimulatedDisk, seed: number, now = (): number => 0): ReturnType<typeof fileStorage> =>
  fileStorage({
    directory: DIRECTORY,
    fileSystem: disk.mount(),
    random: new SeededRandom(seed),
    segmentBytes: 4096,
    now,
  });

/** So many writes that took so long; says whether the next one is waited for. */
function after(pace: Pace, count: number, ms: number, nowMs = 0): boolean {
  for (let i = 0; i < count; i++) {
    if (pace.mayWait(nowMs)) pace.waited(ms, nowMs);
    else pace.tried(ms, nowMs);
  }
  return pace.mayWait(nowMs);
}

test("writes are waited for once the disk has shown that it is fast", () => {
  const pace = new Pace();
  expect(pace.mayWait(0)).toBe(false);
  expect(after(pace, 31, 0.1)).toBe(false);
  expect(after(pace, 1, 0.1)).toBe(true);
  expect(after(pace, 1000, 0.9)).toBe(true);
});

test("a busy machine, on which most hand-overs take long, still shows a fast disk", () => {
  const pace = new Pace();
  expect(after(pace, 24, 5)).toBe(false);
  expect(after(pace, 8, 0.3)).toBe(true);
});

test("a slow disk is never waited for", () => {
  const pace = new Pace();
  for (let i = 0; i < 1000; i++) expect(after(pace, 1, 2)).toBe(false);
});

test("a disk that becomes slow is not waited for for long, and has to show anew that it is fast", () => {
  const pace = new Pace();
  after(pace, 32, 0.1);
  expect(after(pace, 4, 2)).toBe(true);
  expect(after(pace, 20, 2)).toBe(false);
  expect(after(pace, 32, 0.1)).toBe(true);
});

test("after a short stall the disk is waited for again after a second, however often that comes", () => {
  const pace = new Pace();
  after(pace, 32, 0.1);
  for (let nowMs = 0; nowMs < 100_000; nowMs += 1_000) {
    expect(after(pace, 1, 50, nowMs)).toBe(false);
    expect(after(pace, 1000, 0.1, nowMs + 999)).toBe(false);
    expect(after(pace, 32, 0.1, nowMs + 1_000)).toBe(true);
  }
});

test("a disk that stalls for long is waited for again after a second, then after two, and so on up to an hour", () => {
  const pace = new Pace();
  let nowMs = 0;
  after(pace, 32, 0.1);
  for (let restMs = 1_000; restMs <= 3_600_000; restMs *= 2) {
    expect(after(pace, 1, 150, nowMs)).toBe(false);
    nowMs += restMs;
    expect(after(pace, 1000, 0.1, nowMs - 1)).toBe(false);
    expect(after(pace, 32, 0.1, nowMs)).toBe(true);
  }
  expect(after(pace, 1, 150, nowMs)).toBe(false);
  expect(after(pace, 32, 0.1, nowMs + 3_599_999)).toBe(false);
  nowMs += 3_600_001;
  expect(after(pace, 32, 0.1, nowMs)).toBe(true);
  // None for an hour: it is taken for a new one.
  expect(after(pace, 1, 150, nowMs)).toBe(false);
  expect(after(pace, 32, 0.1, nowMs + 1_000)).toBe(true);
});

/** What is done on the spot in a run of writes, by the number of the write. */
async function doneNow(disk: SimulatedDisk, now: () => number): Promise<string[]> {
  const mounted = disk.mount();
  const done: string[] = [];
  let slot = 0;
  const spy = (handle: FileHandle): FileHandle => {
    const real = handle.now;
    if (real === undefined) return handle;
    const write: typeof real.write = (...given) => (done.push(`write ${slot}`), real.write(...given));
    const datasync: typeof real.datasync = () => (done.push(`datasync ${slot}`), real.datasync());
    return Object.assign(handle, { now: { write, datasync } });
  };
  const open: FileSystem["open"] = async (...given) => spy(await mounted.open(...given));
  const fileSystem = new Proxy(mounted, {
    get: (target, name) => (name === "open" ? open : (target[name as keyof FileSystem] as () => unknown).bind(target)),
  });
  const storage = fileStorage({ directory: DIRECTORY, fileSystem, random: new SeededRandom(1), now });
  await storage.open({ create: format });
  for (slot = 1; slot <= 40; slot++) await storage.write(write({ votes: [vote(slot, 1, "value")] }));
  await storage.close();
  return done;
}

test("nothing is done on the spot before the disk has shown that it is fast: not even a write", async () => {
  const done = await doneNow(new SimulatedDisk(), () => 0);
  expect(done.slice(0, 2)).toEqual(["write 32", "datasync 32"]);
  let nowMs = 0;
  expect(await doneNow(new SimulatedDisk(), () => (nowMs += 2))).toEqual([]);
});

test("a power cut takes nothing back that was acknowledged after a flush that was waited for", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const disk = new SimulatedDisk();
    const before = storageOn(disk, seed);
    await before.open({ create: format });
    for (let slot = 1; slot <= WRITES; slot++) await before.write(write({ votes: [vote(slot, 1, `value ${slot}`)] }));
    disk.powerCut(new SeededRandom(seed));
    const { votes } = await storageOn(disk, seed).open();
    expect(votes.length).toBe(WRITES);
  }
});

test("a flush that was waited for and failed is the last one", async () => {
  const disk = new SimulatedDisk();
  const storage = storageOn(disk, 1);
  await storage.open({ create: format });
  for (let slot = 1; slot <= WRITES; slot++) await storage.write(write({ votes: [vote(slot, 1, "before")] }));
  disk.before = (operation) => {
    if (operation === "datasync") throw Object.assign(new Error("EIO"), { code: "EIO" });
  };
  const failing = storage.write(write({ votes: [vote(WRITES + 1, 1, "lost")] }));
  await expect(failing).rejects.toMatchObject({ code: "StoreFailed" });
  disk.before = () => undefined;
  await expect(storage.write(write({ votes: [vote(WRITES + 2, 1, "after")] }))).rejects.toMatchObject({
    code: "StoreFailed",
  });
});
