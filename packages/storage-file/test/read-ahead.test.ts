// What follows is read while what is there is looked at: nobody may notice.
import type { FileHandle, FileSystem } from "@synod/interface";
import { SynodError } from "@synod/interface";
import { expect, test } from "vitest";
import { fileStorage } from "../src/index.js";
import { SimulatedDisk } from "./simulated-disk.js";
import { ballot, format, write } from "./support.js";

const DIRECTORY = "/data";
const MIB = 2 ** 20;
const code = (error: unknown): string => (error instanceof SynodError ? error.code : String(error));

/** Watches the reads of a file system. */
class Watched {
  /** Uses the memory that it is given. */
  reuses = false;
  /** Called for each read. */
  onRead: (path: string, position: number) => void = () => {};
  underWay = 0;
  mostUnderWay = 0;
  closedMeanwhile = 0;

  over(disk: SimulatedDisk): FileSystem {
    const inner = disk.mount();
    return {
      ...bound(inner),
      open: async (path, mode) => this.#handle(await inner.open(path, mode), path),
    };
  }

  #handle(inner: FileHandle, path: string): FileHandle {
    let reading = 0;
    return {
      ...bound(inner),
      read: async (position, length, into) => {
        reading++;
        this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
        try {
          this.onRead(path, position);
          const read = await inner.read(position, length);
          // As a disk that takes its time.
          await new Promise((resolve) => setImmediate(resolve));
          if (!this.reuses || into === undefined) return read;
          into.set(read);
          return into.subarray(0, read.length);
        } finally {
          reading--;
          this.underWay--;
        }
      },
      close: async () => {
        if (reading > 0) this.closedMeanwhile++;
        await inner.close();
      },
    };
  }
}

/** The methods of an object of a class, to be spread. */
function bound<T extends object>(target: T): T {
  const names = Object.getOwnPropertyNames(Object.getPrototypeOf(target)).filter((name) => name !== "constructor");
  const methods = names.map((name) => [name, Reflect.get(target, name)] as const);
  return Object.fromEntries(
    methods.flatMap(([name, method]) => (typeof method === "function" ? [[name, method.bind(target)]] : [])),
  ) as T;
}

function valueOf(slot: number, length: number): Uint8Array {
  const value = new Uint8Array(length);
  for (let at = 0; at < length; at++) value[at] = at * 31 + slot * 7;
  return value;
}

/** Short frames, frames that end where a read ends, and some that are longer than what is read at once. */
const LENGTHS = [10, 700_000, 600_000, MIB, 3, 2 * MIB + 5, 900_000, 5 * MIB, 100, MIB - 200, 400_000];

async function written(): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const storage = fileStorage({ directory: DIRECTORY, fileSystem: disk.mount(), segmentBytes: 8 * MIB });
  await storage.open({ create: format });
  for (const [i, length] of LENGTHS.entries()) {
    await storage.write(write({ votes: [{ slot: i + 1, ballot: ballot(1), value: valueOf(i + 1, length) }] }));
  }
  await storage.close();
  return disk;
}

test.each([true, false])("a long log is read as it was written (memory reused: %s)", async (reuses) => {
  const disk = await written();
  const watched = new Watched();
  watched.reuses = reuses;
  const storage = fileStorage({ directory: DIRECTORY, fileSystem: watched.over(disk) });
  const { votes } = await storage.open();
  expect(votes.map(({ slot }) => slot)).toEqual(LENGTHS.map((_, i) => i + 1));
  // Values have memory of their own: what was read later is not in them.
  for (const { slot, value } of votes) {
    expect(Buffer.compare(value, valueOf(slot, LENGTHS[slot - 1] ?? 0))).toBe(0);
  }
  expect(watched.closedMeanwhile).toBe(0);
  // Memory is bounded: one read at a time.
  expect(watched.mostUnderWay).toBe(1);
  await storage.close();
});

test("a read ahead that fails is told, and the file is not closed before it has ended", async () => {
  const disk = await written();
  const watched = new Watched();
  let reads = 0;
  watched.onRead = (path) => {
    if (path.includes("wal-") && ++reads === 4) throw Object.assign(new Error("EIO"), { code: "EIO" });
  };
  const storage = fileStorage({ directory: DIRECTORY, fileSystem: watched.over(disk) });
  expect(await storage.open().catch(code)).toBe("StoreFailed");
  expect([watched.closedMeanwhile, watched.underWay]).toEqual([0, 0]);
  await storage.close();
});

test("a segment that turns out to be another one is closed when nothing is read of it any more", async () => {
  const disk = await written();
  const [first, second] = [...disk.files(DIRECTORY)].filter(([name]) => name.startsWith("wal-"));
  disk.put(`${DIRECTORY}/${first?.[0]}`, Uint8Array.from(second?.[1] ?? []));
  const watched = new Watched();
  const storage = fileStorage({ directory: DIRECTORY, fileSystem: watched.over(disk) });
  expect(await storage.open().catch(code)).toBe("StoreDamaged");
  expect([watched.closedMeanwhile, watched.underWay]).toEqual([0, 0]);
  await storage.close();
});

test("a snapshot is read one piece ahead, and whoever leaves early leaves nothing under way", async () => {
  const disk = new SimulatedDisk();
  const watched = new Watched();
  const storage = fileStorage({ directory: DIRECTORY, fileSystem: watched.over(disk) });
  await storage.open({ create: format });
  const whole = valueOf(1, 5 * 2 ** 18 + 77);
  await storage.saveSnapshot(1, [whole]);
  watched.mostUnderWay = 0;
  const chunks: Uint8Array[] = [];
  for await (const chunk of storage.readSnapshot()) {
    // All have been asked for that may be: this one, which is here, and the next.
    expect(watched.underWay).toBeLessThanOrEqual(1);
    chunks.push(chunk);
  }
  // Each chunk stays as it is while others are read.
  expect(Buffer.compare(Buffer.concat(chunks), whole)).toBe(0);
  expect(watched.mostUnderWay).toBe(1);
  for await (const chunk of storage.readSnapshot()) {
    expect(chunk.length).toBe(2 ** 18);
    expect(watched.underWay).toBe(1);
    break;
  }
  expect([watched.closedMeanwhile, watched.underWay]).toEqual([0, 0]);
  await storage.close();
});
