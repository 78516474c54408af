import type { Ballot, Recovered, Slot, Storage, StorageWrite } from "@synod/interface";
import { describe, expect, test } from "vitest";
import { fileStorage } from "../src/index.js";
import { SeededRandom, SimulatedDisk } from "./simulated-disk.js";
import { ballot, bytes, format, vote, write } from "./support.js";

const DIRECTORY = "/data";
const storageOn = (disk: SimulatedDisk): Storage =>
  fileStorage({ directory: DIRECTORY, fileSystem: disk.mount(), segmentBytes: 1024 });
const path = (name: string): string => `${DIRECTORY}/${name}`;
const segmentsOf = (disk: SimulatedDisk): string[] =>
  [...disk.files(DIRECTORY).keys()].filter((name) => name.startsWith("wal")).sort();
const content = (disk: SimulatedDisk, name: string): Buffer =>
  Buffer.from(disk.files(DIRECTORY).get(name) ?? new Uint8Array());

const int = (random: SeededRandom, from: number, to: number): number => from + random.below(to - from + 1);
const pick = <T>(random: SeededRandom, of: readonly T[]): T => of[random.below(of.length)] as T;

async function using<T>(disk: SimulatedDisk, use: (storage: Storage, found: Recovered) => Promise<T>): Promise<T> {
  const storage = storageOn(disk);
  try {
    return await use(storage, await storage.open());
  } finally {
    await storage.close();
  }
}

const opened = (disk: SimulatedDisk): Promise<Recovered> => using(disk, async (_, found) => found);

async function formatted(writes: readonly StorageWrite[]): Promise<SimulatedDisk> {
  const disk = new SimulatedDisk();
  const storage = storageOn(disk);
  await storage.open({ create: format });
  for (const each of writes) await storage.write(each);
  await storage.close();
  return disk;
}

/** Offsets of the frames in a segment. */
function framesOf(whole: Buffer): number[] {
  const found: number[] = [];
  for (let at = whole.indexOf("SYNW"); at >= 0; at = whole.indexOf("SYNW", at + 1)) found.push(at);
  return found;
}

function flip(disk: SimulatedDisk, name: string, at: number, bit = 0): SimulatedDisk {
  const copy = disk.copy();
  copy.edit(path(name), (whole) => {
    whole[at] = (whole[at] ?? 0) ^ (1 << bit);
    return whole;
  });
  return copy;
}

/** What is chosen in a slot: the same in every story. */
const truth = (slot: Slot): string => `value of slot ${slot}`.padEnd(40);
const text = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString();

interface Story {
  readonly disk: SimulatedDisk;
  promised: Ballot | null;
  readonly votes: Map<Slot, string>;
  mark: Slot;
}

const voteText = (round: number, value: Uint8Array): string => `${round}: ${text(value)}`;

/** A log life in several openings: stale votes of slots that are chosen with another value later, learned values, promises, marks. */
async function story(random: SeededRandom, writes: number): Promise<Story> {
  const disk = await formatted([]);
  const told: Story = { disk, promised: null, votes: new Map(), mark: 0 };
  /** Slots whose value on disk is the chosen one. */
  const settled = new Set<Slot>();
  let round = 1;
  let left = writes;
  while (left > 0) {
    await using(disk, async (storage) => {
      for (let n = int(random, 1, 8); n > 0 && left > 0; n--, left--) {
        if (random.chance(0.2)) round++;
        const slots = Array.from({ length: int(random, 0, 2) }, () => told.mark + int(random, 1, 6));
        const votes = [...new Set(slots)]
          .filter((slot) => !settled.has(slot))
          .map((slot) => {
            const isTrue = random.chance(0.7);
            if (isTrue) settled.add(slot);
            return vote(slot, round, isTrue ? truth(slot) : `other value ${slot} of ${round}`);
          });
        const learned = told.mark + int(random, 1, 6);
        const chosen = random.chance(0.3) ? [{ slot: learned, value: bytes(truth(learned)) }] : [];
        for (const { slot } of chosen) settled.add(slot);
        let { mark } = told;
        while (settled.has(mark + 1)) mark++;
        await storage.write({
          ...(votes.length > 0 || random.chance(0.2) ? { promised: ballot(round) } : {}),
          votes,
          chosen,
          ...(mark > told.mark ? { chosenUpTo: mark } : {}),
        });
        if (votes.length > 0) told.promised = ballot(round);
        for (const { slot, value } of votes) told.votes.set(slot, voteText(round, value));
        told.mark = mark;
      }
    });
  }
  return told;
}

/** The rule: whatever was lost lies at or below `damage.upTo`, the promise is known, and nothing false is taken for chosen. */
function checkFound(told: Story, found: Recovered, where: string): void {
  const upTo = found.damage?.upTo ?? 0;
  if (told.promised !== null) expect(found.promised?.round ?? 0, where).toBeGreaterThanOrEqual(told.promised.round);
  const votes = new Map(found.votes.map(({ slot, ballot: { round }, value }) => [slot, voteText(round, value)]));
  for (const [slot, text] of told.votes) if (slot > upTo) expect(votes.get(slot), `${where}, slot ${slot}`).toBe(text);
  const chosen = new Map(found.chosen.map(({ slot, value }) => [slot, value]));
  for (const [slot, value] of chosen) expect(text(value), `${where}, slot ${slot}`).toBe(truth(slot));
  for (let slot = 1; slot <= found.chosenUpTo; slot++) {
    const value = chosen.get(slot) ?? found.votes.find((each) => each.slot === slot)?.value;
    expect(text(value), `${where}, slot ${slot}`).toBe(truth(slot));
  }
  if (found.damage === undefined) expect(found.chosenUpTo, where).toBe(told.mark);
}

/** Spoils bytes that are not in the last frame of the log. */
function spoil(disk: SimulatedDisk, random: SeededRandom): string {
  const names = segmentsOf(disk);
  const last = names.at(-1) ?? "";
  const name = pick(random, names);
  const whole = content(disk, name);
  const end = name === last ? (framesOf(whole).at(-1) ?? 0) : (framesOf(whole).at(-1) ?? 0) + 104;
  if (end === 0) return "nothing";
  const at = int(random, 0, end - 1);
  const bytesMax = name === last ? end - at : whole.length - at;
  const length = Math.min(bytesMax, pick(random, [1, 1, 1, 64, 300]));
  disk.edit(path(name), (all) => {
    if (length === 1) all[at] = (all[at] ?? 0) ^ (1 << int(random, 0, 7));
    else all.fill(0, at, at + length);
    return all;
  });
  return `${name}, byte ${at}, ${length} bytes`;
}

describe("a damaged log", () => {
  test("is opened after a flipped bit in any byte but those of the last frame, with everything that was lost below the bound", async () => {
    const told = await story(new SeededRandom(7), 24);
    const names = segmentsOf(told.disk);
    expect(names.length).toBeGreaterThan(3);
    const seen = { damaged: 0, repairedAlready: 0, whole: 0 };
    for (const [n, name] of names.entries()) {
      const whole = content(told.disk, name);
      const frames = framesOf(whole);
      let used = whole.length;
      while (used > 0 && whole[used - 1] === 0) used--;
      const end = n === names.length - 1 ? (frames.at(-1) ?? 0) : used;
      for (let at = 0; at < end; at += 3) {
        const copy = flip(told.disk, name, at, at % 8);
        const before = content(copy, name);
        const found = await opened(copy);
        checkFound(told, found, `byte ${at} of ${name}`);
        if (found.damage === undefined) seen.whole++;
        else if (found.chosenUpTo >= found.damage.upTo) seen.repairedAlready++;
        else seen.damaged++;
        if (found.damage === undefined) continue;
        expect(found.damage.places[0]?.file).toContain("wal");
        const after = content(copy, name);
        expect(after.equals(before.subarray(0, after.length)), "nothing is overwritten").toBe(true);
        expect(after.length, "nothing is cut but unused space").toBeGreaterThanOrEqual(used);
      }
    }
    expect(seen.damaged).toBeGreaterThan(100);
    // The frame that an opening repeats at the head of its own segment may rot where it was first.
    expect(seen.whole).toBeGreaterThan(0);
  });

  test("says the same at every opening until it is repaired, and is whole again after that", {
    timeout: 60_000,
  }, async () => {
    const seen = { damaged: 0, repaired: 0, refused: 0, damagedTwice: 0 };
    for (let seed = 1; seed <= 400; seed++) {
      const random = new SeededRandom(seed);
      const told = await story(random, int(random, 4, 30));
      const { disk } = told;
      const where = Array.from({ length: int(random, 1, 2) }, () => spoil(disk, random)).join("; ");
      const text = `seed ${seed}: ${where}`;
      const found = await opened(disk).catch((error: unknown) => {
        // Two holes may reach to the very end of the log, of which nobody can tell.
        expect(where, `${text}: ${String(error)}`).toContain(";");
        seen.refused++;
      });
      if (found === undefined) continue;
      checkFound(told, found, text);
      if (found.damage === undefined) continue;
      seen.damaged++;
      const { upTo } = found.damage;
      const again = await opened(disk);
      checkFound(told, again, `${text}, second opening`);
      expect(again.damage?.upTo ?? 0, text).toBeGreaterThanOrEqual(upTo);
      expect(again.chosenUpTo, text).toBe(found.chosenUpTo);
      await using(disk, async (storage, before) => {
        const known = new Set(before.chosen.map(({ slot }) => slot));
        for (let slot = before.chosenUpTo + 1; slot <= upTo; slot++) {
          if (known.has(slot)) continue;
          await storage.write(write({ chosen: [{ slot, value: bytes(truth(slot)) }] }));
        }
        await storage.write(write({ chosenUpTo: Math.max(upTo, before.chosenUpTo) }));
      });
      const repaired = await opened(disk);
      expect(repaired.chosenUpTo, text).toBeGreaterThanOrEqual(upTo);
      checkFound({ ...told, mark: repaired.chosenUpTo }, repaired, `${text}, repaired`);
      seen.repaired++;
      spoil(disk, random);
      const more = await opened(disk).catch(() => undefined);
      if (more !== undefined) checkFound({ ...told, mark: repaired.chosenUpTo }, more, `${text}, damaged again`);
      seen.damagedTwice++;
    }
    expect(seen.repaired).toBeGreaterThan(150);
    expect(seen.damagedTwice).toBeGreaterThan(150);
  });

  const votes = (slots: number): StorageWrite[] =>
    Array.from({ length: slots }, (_, i) =>
      write({ promised: ballot(i + 1), votes: [vote(i + 1, i + 1, `${i + 1}`.padEnd(100))] }),
    );

  test("knows its promise although the batch that made it is gone", async () => {
    const disk = await formatted([...votes(1), write({ promised: ballot(9) }), write({ chosenUpTo: 1 })]);
    const [name = ""] = segmentsOf(disk);
    const third = framesOf(content(disk, name))[2] ?? 0;
    for (const at of [third + 10, third + 50]) {
      const found = await opened(flip(disk, name, at));
      expect(found.promised).toEqual(ballot(9));
      // Marked as chosen after the loss: what was lost may have been a newer vote of slot 1.
      expect(found).toMatchObject({
        chosenUpTo: 0,
        damage: { upTo: 1, places: [{ file: path(name), offset: third }] },
      });
    }
  });

  test("never takes an older vote for the chosen value where the last one may be lost", async () => {
    const disk = await formatted([
      write({ promised: ballot(1), votes: [vote(1, 1, "old")] }),
      write({ promised: ballot(2), votes: [vote(1, 2, "new")] }),
      write({ chosenUpTo: 1 }),
      write({ promised: ballot(3), votes: [vote(2, 3, "two")], chosenUpTo: 1 }),
    ]);
    const [name = ""] = segmentsOf(disk);
    const found = await opened(flip(disk, name, (framesOf(content(disk, name))[2] ?? 0) + 104 + 30));
    expect(found).toMatchObject({ chosenUpTo: 0, chosen: [], damage: { upTo: 1 } });
    expect(found.votes.map(({ slot, value }) => [slot, text(value)])).toEqual([
      [1, "old"],
      [2, "two"],
    ]);
  });

  test("keeps on disk the proof of a loss before a last batch that was never finished", async () => {
    const disk = await formatted(votes(4));
    const name = segmentsOf(disk)[0] ?? "";
    const frames = framesOf(content(disk, name));
    expect(frames.length).toBe(4);
    const second = segmentsOf(disk)[1] ?? "";
    // The last frame is bad, too, but its header tells that the one before had been flushed.
    for (const spoiled of [
      flip(flip(disk, second, 120), name, (frames[3] ?? 0) + 120),
      flip(flip(disk, second, 120), name, (frames[3] ?? 0) + 20),
    ]) {
      const before = [content(spoiled, name), content(spoiled, second)];
      for (let opening = 0; opening < 3; opening++) {
        const found = await opened(spoiled);
        expect(found).toMatchObject({ promised: ballot(4), damage: { upTo: 4 } });
        expect(found.votes.map(({ slot }) => slot)).toEqual([1, 2]);
      }
      expect([content(spoiled, name), content(spoiled, second)]).toEqual(before);
    }
  });

  test("is not dropped before a snapshot covers what it lost", async () => {
    const disk = await formatted(votes(20));
    const [first = ""] = segmentsOf(disk);
    const damaged = flip(disk, first, (framesOf(content(disk, first)).at(-1) ?? 0) + 110);
    const upTo = (await opened(damaged)).damage?.upTo ?? 0;
    expect(upTo).toBeGreaterThan(1);
    await using(damaged, async (storage) => {
      await storage.saveSnapshot(upTo - 1, [bytes("a state")]);
      await storage.drop(upTo - 1);
    });
    expect(segmentsOf(damaged)).toContain(first);
    expect(await opened(damaged)).toMatchObject({ chosenUpTo: upTo - 1, damage: { upTo } });
    await using(damaged, async (storage) => {
      await storage.saveSnapshot(upTo, [bytes("a later state")]);
      await storage.drop(upTo);
    });
    expect(segmentsOf(damaged)).not.toContain(first);
    const found = await opened(damaged);
    expect(found.chosenUpTo).toBe(upTo);
    expect(found.damage).toBeUndefined();
  });
});
