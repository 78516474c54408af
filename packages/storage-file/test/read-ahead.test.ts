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

test("frames that lie across two reads, and a flipped byte in any of them", async () => {
  const disk = new SimulatedDisk();
  const lengths = Array.from({ length: 26 }, (_, i) => 90_000 + i * 501);
  const storage = fileStorage({ directory: DIRECTORY, fileSystem: disk.mount() });
  await storage.open({ create: format });
  for (const [i, length] of lengths.entries()) {
    await storage.write(write({ votes: [{ slot: i + 1, ballot: ballot(1), value: valueOf(i + 1, length) }] }));
  }
  await storage.close();
  const [name = ""] = [...disk.files(DIRECTORY).keys()].filter((file) => file.startsWith("wal-"));
  const opened = async (flipped: number | null) => {
    const copy = disk.copy();
    if (flipped !== null) {
      copy.edit(`${DIRECTORY}/${name}`, (bytes) => {
        bytes[flipped] = (bytes[flipped] as number) ^ 1;
        return bytes;
      });
    }
    const again = fileStorage({ directory: DIRECTORY, fileSystem: copy.mount() });
    const recovered = await again.open();
    await again.close();
    return recovered;
  };
  const { votes, damage } = await opened(null);
  expect(damage).toBeUndefined();
  expect(votes.map(({ value }) => value.length)).toEqual(lengths);
  for (const { slot, value } of votes) expect(Buffer.compare(value, valueOf(slot, value.length))).toBe(0);
  // A value keeps no more in memory than what was read with it.
  expect(Math.max(...votes.map(({ value }) => value.buffer.byteLength))).toBeLessThan(3 * MIB);
  for (const place of [5_000, 2 * MIB - 50_000, 2 * MIB - 1, 2 * MIB, 2 * MIB + 50_000]) {
    expect((await opened(place)).damage?.places.length, `byte ${place}`).toBe(1);
  }
});

test("a snapshot of several reads, from any offset, and a flipped byte in any of them", async () => {
  const disk = new SimulatedDisk();
  const chunk = 2 ** 18;
  const whole = valueOf(1, 9 * chunk - 7);
  const storage = fileStorage({ directory: DIRECTORY, fileSystem: disk.mount() });
  await storage.open({ create: format });
  await storage.saveSnapshot(1, [whole]);
  const readFrom = async (offset: number): Promise<Buffer> => {
    const chunks: Uint8Array[] = [];
    for await (const part of storage.readSnapshot({ index: 1, offset })) chunks.push(part);
    return Buffer.concat(chunks);
  };
  for (const offset of [0, 1, chunk - 1, chunk, 4 * chunk - 1, 4 * chunk, 4 * chunk + 1, 8 * chunk, whole.length]) {
    expect(Buffer.compare(await readFrom(offset), whole.subarray(offset)), `from ${offset}`).toBe(0);
  }
  const [name, bytes] = [...disk.files(DIRECTORY)].find(([file]) => file.startsWith("snapshot-")) ?? [
    "",
    new Uint8Array(),
  ];
  const good = Uint8Array.from(bytes);
  // Each chunk with its length, its checksum and its bytes, where reads meet, and all of the footer.
  const heads = Array.from({ length: 9 }, (_, i) => 36 + i * (8 + chunk));
  const places = heads.flatMap((head) => [head - 1, head, head + 3, head + 4, head + 7, head + 8, head + 1_000]);
  for (const place of [...places, ...Array.from({ length: 28 }, (_, i) => good.length - 28 + i)]) {
    const copy = Uint8Array.from(good);
    copy[place] = (copy[place] as number) ^ 1;
    disk.put(`${DIRECTORY}/${name}`, copy);
    expect(await readFrom(0).catch(code), `byte ${place}`).toBe("StoreDamaged");
  }
  for (const length of [good.length - 1, good.length - 28, good.length - 29, ...heads]) {
    disk.put(`${DIRECTORY}/${name}`, good.slice(0, length));
    expect(await readFrom(0).catch(code), `${length} bytes`).toBe("StoreDamaged");
  }
  disk.put(`${DIRECTORY}/${name}`, good);
  expect(Buffer.compare(await readFrom(0), whole)).toBe(0);
  await storage.close();
});
