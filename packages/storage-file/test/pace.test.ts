import { expect, test } from "vitest";
import { fileStorage } from "../src/index.js";
import { Pace } from "../src/pace.js";
import { SeededRandom, SimulatedDisk } from "./simulated-disk.js";
import { format, vote, write } from "./support.js";

const DIRECTORY = "/store";
/** Long enough for the disk to have shown that it is fast. */
const WRITES = 80;

const storageOn = (disk: SimulatedDisk, seed: number): ReturnType<typeof fileStorage> =>
  fileStorage({ directory: DIRECTORY, fileSystem: disk.mount(), random: new SeededRandom(seed), segmentBytes: 4096 });

/** So many flushes that took so long; says whether the next one is waited for. */
function after(pace: Pace, count: number, ms: number): boolean {
  for (let i = 0; i < count; i++) pace.took(ms);
  return pace.mayWait;
}

test("flushes are waited for once the disk has shown that it is fast", () => {
  const pace = new Pace();
  expect(pace.mayWait).toBe(false);
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
  for (let i = 0; i < 1000; i++) {
    pace.took(2);
    expect(pace.mayWait).toBe(false);
  }
});

test("a disk that stalls is waited for once, one that becomes slow not for long", () => {
  const stalls = new Pace();
  after(stalls, 32, 0.1);
  expect(after(stalls, 1, 50)).toBe(false);
  // It has to show anew that it is fast.
  expect(after(stalls, 31, 0.1)).toBe(false);
  expect(after(stalls, 1, 0.1)).toBe(true);

  const slows = new Pace();
  after(slows, 32, 0.1);
  expect(after(slows, 4, 2)).toBe(true);
  expect(after(slows, 20, 2)).toBe(false);
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
