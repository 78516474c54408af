import { describe, expect, test } from "vitest";
import { storageSuite, type TestFunction } from "../src/index.js";
import { MiniDisk, type StorageBug } from "./mini-storage.js";
import { trials } from "./run.js";

const suite = (bug?: StorageBug) => (register: TestFunction) =>
  storageSuite({
    test: register,
    create: () => new MiniDisk(bug),
    crash: (disk) => disk.crash(),
    fail: (disk) => {
      disk.failing = true;
    },
    guardMs: bug === undefined ? 5_000 : 100,
  });

describe("a storage that keeps the contract", () => {
  suite()(test);
});

const broken: [StorageBug, string][] = [
  ["formats at any open", "a blank store is refused, and stays blank"],
  ["formats again", "a second format is refused and changes nothing"],
  [
    "formats an unused store anew",
    "a store that nothing was written to may be formatted again in the same way, which changes nothing",
  ],
  ["formats before it looks at expect", "formatting against the own expectation leaves a blank store"],
  ["takes any identity", "node 1.5 is no identity"],
  ["counts boots late", "a boot counts as soon as open() settles"],
  ["counts refused opens", "a foreign store is refused and left as it is"],
  ["gives one boot id twice", "every open counts as a boot with an id of its own"],
  ["opens twice", "a second open is refused and does no harm"],
  ["opens twice at once", "of two opens at once one is refused"],
  ["gives short ids", "a formatted store is empty and knows whose it is"],
  ["ignores expect", "a foreign store is refused and left as it is"],
  ["lets the promise fall", "neither the promise nor the chosen mark falls"],
  ["compares rounds alone", "the promise rises by round, then by node"],
  ["keeps the highest vote", "a later vote of a slot replaces the earlier one, a lower ballot too"],
  ["gives votes unsorted", "everything written is recovered, the last vote of each slot, by slot"],
  ["keeps numbers in 32 bits", "the largest numbers come back as they were"],
  ["keeps the caller's objects", "the caller's arrays and objects stay the caller's"],
  ["gives out its own objects", "the caller's arrays and objects stay the caller's"],
  ["checks while it writes", "slot 0 is refused, and nothing of that write stays"],
  ["writes the last call first", "calls that overlap take effect in their order"],
  ["settles an empty write at once", "an empty write settles after those before it"],
  ["settles before it is durable", "what was written is there after a power cut"],
  ["writes in two steps", "a write that a power cut interrupts is found whole or not at all"],
  ["forgets a failure", "after a failed write every later call but close is refused"],
  ["keeps chunks", "chunks may come late and out of one reused buffer, and there may be none"],
  ["asks for two chunks", "chunks are pulled one at a time"],
  ["goes back to older snapshots", "only a newer snapshot replaces one"],
  ["saves half a snapshot", "a source that fails leaves the snapshot before and a working store"],
  ["makes writes wait for snapshots", "writes go on while a snapshot is being saved"],
  ["gives an empty snapshot for none", "without a snapshot there is nothing to read"],
  ["mixes two snapshots", "a reader overtaken by a newer snapshot gets one of them whole, or an error"],
  ["forgets the mark of a snapshot", "a snapshot is read back whole, after a restart too"],
  ["serves parts of any snapshot", "any part of a snapshot is read, and none of one that was replaced"],
  ["has one reader", "readers do not disturb each other, nor writes, nor does one that stops early"],
  ["recovers what a snapshot covers", "votes and values that a snapshot covers are not recovered, the others are"],
  ["drops the promise", "drop keeps the promise, the mark and everything above"],
  ["drops what is not covered", "drop is refused above the snapshot"],
  ["cuts long values", "values of several megabytes come back as they were"],
  ["writes before open", "write is refused before open and after close"],
  ["writes after close", "write is refused before open and after close"],
  ["leaves calls open at close", "close waits for the writes that were called, and may be called twice"],
  ["does not wait at close", "close waits for the writes that were called, and may be called twice"],
  ["closes once", "close waits for the writes that were called, and may be called twice"],
  ["closes what is open alone", "a store that was never opened can be closed, twice"],
  ["waits for chunks at close", "close ends a snapshot whose next chunk never comes"],
];

const trial = trials<StorageBug>(suite);

test.each(broken)("a storage that %s fails: %s", async (bug, name) => {
  const { failed, names } = await trial.of(bug);
  expect([...failed.keys()]).toContain(name);
  // A bug is one rule broken, not a storage that does nothing at all.
  expect(failed.size).toBeLessThan(names.length);
});

test("every case of the suite can fail", async () => {
  expect(await trial.toothless(broken.map(([bug]) => bug))).toEqual([]);
});
