// What goes wrong on the side and must not cost the store, or the time of whoever closes it.
import { SynodError } from "@synod/interface";
import { expect, test } from "vitest";
import { fileStorage } from "../src/index.js";
import { SimulatedDisk } from "./simulated-disk.js";
import { bytes, format, vote, write } from "./support.js";

const DIRECTORY = "/data";
const storageOn = (disk: SimulatedDisk) =>
  fileStorage({ directory: DIRECTORY, fileSystem: disk.mount(), segmentBytes: 1024 });
const code = (error: unknown): string => (error instanceof SynodError ? error.code : String(error));

test.each(["open", "sync"] as const)(
  "a spare segment that fails (%s) is tried again when it is needed",
  async (operation) => {
    const disk = new SimulatedDisk();
    const storage = storageOn(disk);
    await storage.open({ create: format });
    let failures = 0;
    disk.before = (each, path) => {
      if (each !== operation || !path.endsWith("segment.tmp") || failures > 0) return;
      failures++;
      throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
    };
    for (let slot = 1; slot <= 20; slot++) {
      await storage.write(write({ votes: [vote(slot, 1, `${slot}`.padEnd(300))] }));
    }
    expect(failures).toBe(1);
    await storage.close();
    const recovered = await storageOn(disk).open();
    expect(recovered.votes.map(({ slot }) => slot)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  },
);

test("nothing is left of a spare segment that failed: where room is short it would take it", async () => {
  const disk = new SimulatedDisk();
  const storage = storageOn(disk);
  await storage.open({ create: format });
  disk.before = (each, path) => {
    if (each === "sync" && path.endsWith("segment.tmp")) throw Object.assign(new Error("ENOSPC"), { code: "ENOSPC" });
  };
  for (const slot of [1, 2]) await storage.write(write({ votes: [vote(slot, 1, "x".padEnd(300))] }));
  // Now the segment is needed.
  for (const slot of [3, 4]) await storage.write(write({ votes: [vote(slot, 1, "x".padEnd(300))] })).catch(() => {});
  await expect(storage.write(write({ votes: [vote(5, 1, "x")] }))).rejects.toMatchObject({ code: "StoreFull" });
  expect([...disk.files(DIRECTORY).keys()]).not.toContain("segment.tmp");
  await storage.close();
});

test("close does not wait until a snapshot is read back", async () => {
  const disk = new SimulatedDisk();
  const storage = storageOn(disk);
  await storage.open({ create: format });
  const closing: Promise<void>[] = [];
  let readsAfter = 0;
  disk.before = (each, path) => {
    if (each !== "read" || !path.endsWith("snapshot.tmp")) return;
    if (closing.length === 0) closing.push(storage.close());
    else readsAfter++;
  };
  const chunks = Array.from({ length: 64 }, () => bytes("x".repeat(2 ** 17)));
  const saving = storage.saveSnapshot(1, chunks).catch(code);
  expect(await saving).toBe("Closed");
  await Promise.all(closing);
  // 32 chunks of 256 KiB, each with its header.
  expect(readsAfter).toBeLessThan(8);
  expect([...disk.files(DIRECTORY).keys()].filter((name) => name.startsWith("snapshot"))).toEqual([]);
  expect((await storageOn(disk).open()).snapshot).toBeNull();
});
