import { describe, expect, test } from "vitest";
import { Disk } from "../src/disk.js";
import { SimulatedFileSystem } from "../src/file-system.js";
import { Process } from "../src/process.js";
import { SeededRandom } from "../src/random.js";
import { hostDrain, Timeline } from "../src/timeline.js";

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytes = (value: string): Uint8Array => new TextEncoder().encode(value);

/** A machine whose disk answers at once. */
function machine(seed = 1) {
  const timeline = new Timeline(hostDrain());
  const random = new SeededRandom(seed);
  const disk = new Disk(random);
  disk.flushMs = [0, 0];
  const process = new Process(1, { disk, timeline, random, onPortFault: () => undefined });
  const crashes: string[] = [];
  const start = (): SimulatedFileSystem =>
    new SimulatedFileSystem({ disk, life: process.begin(), timeline, onCrash: (how) => crashes.push(how) });
  const powerCut = (): SimulatedFileSystem => {
    process.crash();
    disk.powerCut(() => undefined);
    return start();
  };
  return { timeline, disk, process, crashes, start, powerCut };
}

async function readAll(files: SimulatedFileSystem, path: string): Promise<string> {
  const handle = await files.open(path, "read");
  return text(await handle.read(0, await handle.size()));
}

/** What a file holds after a power cut, over many seeds. */
async function outcomes(prepare: (files: SimulatedFileSystem) => Promise<void>): Promise<Set<string>> {
  const found = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    const { start, powerCut } = machine(seed);
    await prepare(start());
    const files = powerCut();
    found.add(await readAll(files, "/d/file").catch((error: { code: string }) => error.code));
  }
  return found;
}

async function synced(files: SimulatedFileSystem): Promise<void> {
  await files.makeDirectory("/d");
  await files.syncDirectory("/");
  const handle = await files.open("/d/file", "create");
  await handle.write([bytes("old")], 0);
  await handle.sync();
  await files.syncDirectory("/d");
}

describe("a power cut", () => {
  test("leaves what was flushed", async () => {
    expect(await outcomes(synced)).toEqual(new Set(["old"]));
  });

  test("keeps or loses a write that was not flushed", async () => {
    const write = async (files: SimulatedFileSystem): Promise<void> => {
      await synced(files);
      await (await files.open("/d/file", "write")).write([bytes("new")], 0);
    };
    expect(await outcomes(write)).toEqual(new Set(["old", "new"]));
  });

  test("tears a long write: any of its sectors may be there", async () => {
    const write = async (files: SimulatedFileSystem): Promise<void> => {
      await synced(files);
      await (await files.open("/d/file", "write")).write([bytes("x".repeat(1500))], 0);
    };
    const holes = [...(await outcomes(write))].filter((content) => content.includes("\0") && content.includes("x"));
    expect(holes.length).toBeGreaterThan(3);
  });

  test("keeps or undoes a rename whose directory was not flushed, as a whole", async () => {
    const rename = async (files: SimulatedFileSystem): Promise<void> => {
      await synced(files);
      const handle = await files.open("/d/next", "create");
      await handle.write([bytes("next")], 0);
      await handle.sync();
      await files.syncDirectory("/d");
      await files.rename("/d/next", "/d/file");
    };
    expect(await outcomes(rename)).toEqual(new Set(["old", "next"]));
  });

  test("may lose a new file whose name was not flushed", async () => {
    const create = async (files: SimulatedFileSystem): Promise<void> => {
      await files.makeDirectory("/d");
      await files.syncDirectory("/");
      await (await files.open("/d/file", "create")).sync();
    };
    expect(await outcomes(create)).toEqual(new Set(["", "ENOENT"]));
  });

  test("takes back what was read from the cache only", async () => {
    let lost = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const { start, powerCut, process, disk } = machine(seed);
      const files = start();
      await synced(files);
      await (await files.open("/d/file", "write")).write([bytes("new")], 0);
      process.crash();
      disk.processEnded();
      expect(await readAll(start(), "/d/file")).toBe("new");
      if ((await readAll(powerCut(), "/d/file")) === "old") lost++;
    }
    expect(lost).toBeGreaterThan(5);
  });
});

describe("faults", () => {
  test("a failed flush is not made up for by the next one", async () => {
    let lost = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const { start, powerCut, disk } = machine(seed);
      const files = start();
      await synced(files);
      const handle = await files.open("/d/file", "write");
      await handle.write([bytes("new")], 0);
      disk.armed = { operations: 0, fault: "EIO" };
      await expect(handle.datasync()).rejects.toMatchObject({ code: "EIO" });
      await handle.datasync();
      if ((await readAll(powerCut(), "/d/file")) === "old") lost++;
    }
    expect(lost).toBeGreaterThan(5);
  });

  test("on a full disk files do not grow, and what fits may be written", async () => {
    const { start, disk } = machine();
    const files = start();
    await synced(files);
    disk.full = true;
    const handle = await files.open("/d/file", "write");
    await handle.write([bytes("new")], 0);
    await expect(handle.write([bytes("longer")], 1)).rejects.toMatchObject({ code: "ENOSPC" });
    await expect(files.open("/d/other", "create")).rejects.toMatchObject({ code: "ENOSPC" });
    expect("longer").toContain((await readAll(files, "/d/file")).slice(1).replace("ew", ""));
  });

  test("a process may end at its next operation, which then never settles", async () => {
    const { start, disk, crashes, timeline } = machine();
    const files = start();
    disk.armed = { operations: 1, fault: "kill" };
    await files.makeDirectory("/d");
    let settled = false;
    const settle = (): void => {
      settled = true;
    };
    files.syncDirectory("/d").then(settle, settle);
    await timeline.run(10, () => false);
    expect({ settled, crashes }).toEqual({ settled: false, crashes: ["kill"] });
  });

  test("a lock holds until its process ends", async () => {
    const { start, process, disk } = machine();
    const files = start();
    await files.makeDirectory("/d");
    const release = await files.lock("/d");
    await expect(files.lock("/d")).rejects.toMatchObject({ code: "StoreLocked" });
    await release();
    await files.lock("/d");
    process.crash();
    disk.processEnded();
    await start().lock("/d");
  });

  test("two flushes at a time flush nothing that was written after them", async () => {
    let lost = 0;
    for (let seed = 1; seed <= 40; seed++) {
      const { start, powerCut, disk, timeline } = machine(seed);
      const files = start();
      await synced(files);
      const handle = await files.open("/d/file", "write");
      await handle.write([bytes("one")], 0);
      disk.flushMs = [5, 5];
      const flushes = [handle.datasync(), handle.datasync()];
      await handle.write([bytes("two")], 0);
      await timeline.run(10, () => false);
      await Promise.all(flushes);
      disk.flushMs = [0, 0];
      const content = await readAll(powerCut(), "/d/file");
      expect(["one", "two"]).toContain(content);
      if (content === "one") lost++;
    }
    expect(lost).toBeGreaterThan(5);
  });
});
