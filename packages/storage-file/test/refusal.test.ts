import { crc32 } from "node:zlib";
import { type Recovered, type Storage, SynodError } from "@synod/interface";
import { describe, expect, test } from "vitest";
import { fileStorage } from "../src/index.js";
import { SimulatedDisk } from "./simulated-disk.js";
import { ballot, bytes, collect, format, vote, write } from "./support.js";

const DIRECTORY = "/data";
const storageOn = (disk: SimulatedDisk): Storage =>
  fileStorage({ directory: DIRECTORY, fileSystem: disk.mount(), segmentBytes: 1024 });
const path = (name: string): string => `${DIRECTORY}/${name}`;
const names = (disk: SimulatedDisk, part: string): string[] =>
  [...disk.files(DIRECTORY).keys()].filter((name) => name.includes(part));
const content = (disk: SimulatedDisk, name: string): Uint8Array => disk.files(DIRECTORY).get(name) ?? new Uint8Array();

async function using<T>(disk: SimulatedDisk, use: (storage: Storage) => Promise<T>): Promise<T> {
  const storage = storageOn(disk);
  try {
    return await use(storage);
  } finally {
    await storage.close();
  }
}

/** A store with one vote in each of so many slots, 200 bytes each. */
async function stored(slots: number, nodeId = 2): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  await using(disk, async (storage) => {
    await storage.open({ create: { ...format, nodeId } });
    for (let slot = 1; slot <= slots; slot++)
      await storage.write(write({ votes: [vote(slot, 1, `${slot}`.padEnd(200))] }));
  });
  return disk;
}

const opened = (disk: SimulatedDisk): Promise<Recovered> => using(disk, (storage) => storage.open());
const refusal = (disk: SimulatedDisk): Promise<string> =>
  opened(disk).then(
    () => "opened",
    (error: unknown) => (error instanceof SynodError ? error.code : `no SynodError: ${String(error)}`),
  );

/** One bit of each byte, a different one from byte to byte. */
async function eachFlip(
  disk: SimulatedDisk,
  name: string,
  end: number,
  check: (copy: SimulatedDisk, at: number) => Promise<void>,
): Promise<void> {
  for (let at = 0; at < end; at++) {
    const copy = disk.copy();
    copy.edit(path(name), (whole) => {
      whole[at] = (whole[at] ?? 0) ^ (1 << ((at * 3) % 8));
      return whole;
    });
    await check(copy, at);
  }
}

const REFUSED = ["StoreDamaged", "VersionUnsupported"];

describe("flipped bits", () => {
  test("in any batch but the last of the last segment are damage", async () => {
    const disk = await stored(2);
    const [name = ""] = names(disk, "wal");
    const whole = Buffer.from(content(disk, name));
    const lastFrame = whole.lastIndexOf("SYNW");
    expect(lastFrame).toBeGreaterThan(400);
    await eachFlip(disk, name, lastFrame, async (copy, at) => {
      expect((await opened(copy)).damage, `byte ${at}`).toBeDefined();
    });
    await eachFlip(disk, name, whole.length, async (copy, at) => {
      if (at >= lastFrame)
        expect((await opened(copy)).votes.length, `byte ${at}`).toBe(at < lastFrame + 112 + 29 + 200 ? 1 : 2);
    });
  });

  test("in the identity are damage", async () => {
    const disk = await stored(1);
    await eachFlip(disk, "identity", content(disk, "identity").length, async (copy, at) => {
      expect(REFUSED, `byte ${at}`).toContain(await refusal(copy));
    });
  });

  test("in a snapshot are damage when it is opened or read, and so is a missing end", async () => {
    const disk = await stored(2);
    await using(disk, async (storage) => {
      await storage.open();
      await storage.saveSnapshot(1, [bytes("the state of slot 1")]);
    });
    const [name = ""] = names(disk, "snapshot");
    const length = content(disk, name).length;
    const read = (copy: SimulatedDisk): Promise<string> =>
      using(copy, async (storage) => {
        await storage.open();
        return collect(storage.readSnapshot());
      }).catch((error: unknown) => (error as SynodError).code);
    expect(await read(disk.copy())).toBe("the state of slot 1");
    await eachFlip(disk, name, length, async (copy, at) => expect(REFUSED, `byte ${at}`).toContain(await read(copy)));
    for (let end = 0; end < length; end++) {
      const copy = disk.copy();
      copy.edit(path(name), (whole) => whole.slice(0, end));
      expect(await read(copy), `cut at ${end}`).toBe("StoreDamaged");
    }
  });
});

describe("files that do not belong together", () => {
  test("a segment, a snapshot or an identity of another store", async () => {
    const [own, other] = [await stored(8), await stored(8)];
    for (const name of [...names(own, "wal"), "identity"]) {
      const copy = own.copy();
      copy.edit(path(name), () => content(other, name));
      expect(await refusal(copy), name).toBe("StoreDamaged");
    }
    for (const disk of [own, other]) {
      await using(disk, async (storage) => {
        await storage.open();
        await storage.saveSnapshot(3, [bytes("three")]);
      });
    }
    const [snapshot = ""] = names(own, "snapshot");
    own.edit(path(snapshot), () => content(other, snapshot));
    expect(await refusal(own)).toBe("StoreDamaged");
  });

  test("a segment in the place of another, and a hole between segments", async () => {
    const disk = await stored(12);
    const [first = "", second = "", third = ""] = names(disk, "wal");
    expect(third).not.toBe("");
    const copied = disk.copy();
    copied.edit(path(second), () => content(disk, first));
    expect(await refusal(copied)).toBe("StoreDamaged");
    const swapped = disk.copy();
    swapped.edit(path(second), () => content(disk, third));
    swapped.edit(path(third), () => content(disk, second));
    expect(await refusal(swapped)).toBe("StoreDamaged");
    for (const missing of [first, second]) {
      const holed = disk.copy();
      holed.delete(path(missing));
      expect(await refusal(holed)).toBe("StoreDamaged");
    }
  });

  test("a segment of a copy of this very store, which went on in another way", async () => {
    const disk = await stored(1);
    const fork = disk.copy();
    for (const [branch, mark] of [
      [disk, "a"],
      [fork, "b"],
    ] as const) {
      await using(branch, async (storage) => {
        await storage.open();
        for (let slot = 2; slot <= 16; slot++) await storage.write(write({ votes: [vote(slot, 1, mark.repeat(200))] }));
      });
    }
    const middle = names(disk, "wal")[2] ?? "";
    expect(content(fork, middle).length).toBe(content(disk, middle).length);
    disk.edit(path(middle), () => content(fork, middle));
    expect(await refusal(disk)).toBe("StoreDamaged");
  });

  test("an identity or a log that was put back", async () => {
    const disk = await stored(2);
    const older = disk.copy();
    await opened(disk);
    await opened(disk);
    const oldIdentity = disk.copy();
    oldIdentity.edit(path("identity"), () => content(older, "identity"));
    expect(await refusal(oldIdentity)).toBe("StoreDamaged");
    const oldLog = older.copy();
    oldLog.edit(path("identity"), () => content(disk, "identity"));
    expect(await refusal(oldLog)).toBe("StoreDamaged");
  });

  test("a log without identity: neither opened nor formatted over", async () => {
    const disk = await stored(1);
    disk.delete(path("identity"));
    expect(await refusal(disk)).toBe("StoreDamaged");
    await expect(using(disk, (storage) => storage.open({ create: format }))).rejects.toMatchObject({
      code: "AlreadyFormatted",
    });
  });
});

describe("drop", () => {
  async function dropped(): Promise<SimulatedDisk> {
    const disk = await stored(20);
    await using(disk, async (storage) => {
      await storage.open();
      await storage.write(write({ promised: ballot(9) }));
      await storage.saveSnapshot(15, [bytes("fifteen")]);
      await storage.drop(15);
    });
    return disk;
  }

  test("removes whole segments, and the promise and what is above stay", async () => {
    const before = names(await stored(20), "wal").length;
    const disk = await dropped();
    expect(names(disk, "wal").length).toBeLessThan(before - 2);
    const { promised, votes } = await opened(disk);
    expect({ promised, slots: votes.map(({ slot }) => slot) }).toEqual({
      promised: ballot(9),
      slots: [16, 17, 18, 19, 20],
    });
  });

  test("a snapshot that is lost afterwards is damage", async () => {
    const disk = await dropped();
    for (const name of names(disk, "snapshot")) disk.delete(path(name));
    expect(await refusal(disk)).toBe("StoreDamaged");
  });

  test("a dropped segment that comes back is not read", async () => {
    const whole = await stored(20);
    const disk = await dropped();
    const [first = ""] = names(whole, "wal");
    disk.put(path(first), content(whole, first));
    expect((await opened(disk)).votes.length).toBe(5);
    expect(names(disk, first)).toEqual([]);
  });
});

describe("other releases and leftovers", () => {
  test("a later format is refused as such: identity, batch, snapshot", async () => {
    const disk = await stored(1);
    await using(disk, async (storage) => {
      await storage.open();
      await storage.saveSnapshot(1, [bytes("one")]);
    });
    const later = (name: string, headerBytes: number): SimulatedDisk => {
      const copy = disk.copy();
      copy.edit(path(name), (whole) => {
        const view = Buffer.from(whole.buffer);
        view.writeUInt32LE(3, 4);
        view.writeUInt32LE(crc32(view.subarray(0, headerBytes - 4)), headerBytes - 4);
        return whole;
      });
      return copy;
    };
    expect(await refusal(later(names(disk, "wal").at(-1) ?? "", 112))).toBe("VersionUnsupported");
    expect(await refusal(later(names(disk, "snapshot")[0] ?? "", 36))).toBe("VersionUnsupported");
    disk.edit(path("identity"), (whole) =>
      bytes(Buffer.from(whole).toString().replace("synod-store 2", "synod-store 3")),
    );
    expect(await refusal(disk)).toBe("VersionUnsupported");
  });

  test("what was being made when the process ended is removed, unknown files are left alone", async () => {
    const disk = await stored(1);
    for (const name of ["identity.tmp", "segment.tmp", "snapshot.tmp", "lost+found", "notes.txt"])
      disk.put(path(name), bytes("?"));
    expect((await opened(disk)).votes.length).toBe(1);
    expect([...disk.files(DIRECTORY).keys()].filter((name) => !/^(identity|wal-\d+\.log)$/.test(name))).toEqual([
      "lost+found",
      "notes.txt",
    ]);
  });

  test("many starts in a row leave small files, not whole segments", async () => {
    const disk = await stored(1);
    for (let i = 0; i < 20; i++) await opened(disk);
    const sizes = names(disk, "wal").map((name) => content(disk, name).length);
    expect(sizes.slice(0, -1).every((size) => size < 700)).toBe(true);
    expect((await opened(disk)).votes).toEqual([vote(1, 1, "1".padEnd(200))]);
  });

  test("however often it starts, and writes a little, there are few segments, and all is there", async () => {
    const disk = await stored(1);
    for (let i = 2; i <= 40; i++) {
      await using(disk, async (storage) => {
        await storage.open();
        await storage.write(
          write({ promised: ballot(i), votes: [vote(i, i, "v")], chosen: [{ slot: i, value: bytes("c") }] }),
        );
        if (i === 20) await storage.saveSnapshot(10, [bytes("ten")]);
      });
      expect(names(disk, "wal").length).toBeLessThanOrEqual(9);
    }
    const { votes, chosen, promised, chosenUpTo } = await opened(disk);
    const slots = Array.from({ length: 30 }, (_, i) => 11 + i);
    expect(votes).toEqual(slots.map((slot) => vote(slot, slot, "v")));
    expect(chosen.map(({ slot }) => slot)).toEqual(slots);
    expect({ promised, chosenUpTo }).toEqual({ promised: ballot(40), chosenUpTo: 10 });
  });

  test("a log with a loss is not gathered: the loss is seen at each start", async () => {
    const disk = await stored(12);
    const [, second = ""] = names(disk, "wal");
    disk.edit(path(second), (whole) => whole.fill(7, 120, 140));
    for (let i = 0; i < 12; i++) expect((await opened(disk)).damage).toMatchObject({ upTo: expect.any(Number) });
    expect(names(disk, "wal")).toContain(second);
  });
});
