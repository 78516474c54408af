import { describe, expect, test } from "vitest";
import type { Vote } from "@synod/interface";
import { ChosenLog } from "../src/index.js";
import { textOf, valueOf } from "./disk.js";
import { ballot, vote } from "./support.js";

function logOf(start = 0, ...votes: Vote[]): ChosenLog {
  const bySlot = new Map(votes.map((v) => [v.slot, v]));
  const slots = (first: number, last: number): number[] =>
    [...bySlot.keys()].filter((slot) => slot >= first && slot <= last).sort((a, b) => a - b);
  return new ChosenLog(start, { vote: (slot) => bySlot.get(slot), slots });
}

const ready = (log: ChosenLog): string[] => log.takeReady().map(({ slot, value }) => `${slot}${textOf(value)}`);

test("values come out in slot order, once each, and wait for gaps", () => {
  const log = logOf(4);
  log.learn(6, valueOf("f"));
  log.learn(7, valueOf("g"));
  expect(ready(log)).toEqual([]);
  expect([log.chosenUpTo, log.isKnown(6), log.isKnown(5)]).toEqual([4, true, false]);
  log.learn(5, valueOf("e"));
  expect(ready(log)).toEqual(["5e", "6f", "7g"]);
  expect(ready(log)).toEqual([]);
});

test("a value learned again is no news; another value stops the node", () => {
  const log = logOf();
  expect(log.learn(1, valueOf("a"))).toBe(true);
  expect(log.learn(1, valueOf("a"))).toBe(false);
  expect(() => log.learn(1, valueOf("b"))).toThrow(expect.objectContaining({ code: "InvariantViolated" }));
  log.learn(3, valueOf("c"));
  expect(() => log.learn(3, valueOf("x"))).toThrow(expect.objectContaining({ code: "InvariantViolated" }));
});

describe("an announcement", () => {
  test("makes known only what was voted for in the same ballot", () => {
    const log = logOf(0, vote(1, "3.1", "a"), vote(2, "2.2", "b"), vote(3, "4.1", "c"), vote(4, "3.1", "d"));
    log.announce(ballot("3.1"), 4);
    expect(ready(log)).toEqual(["1a"]);
    expect([log.isKnown(2), log.isKnown(3), log.isKnown(4)]).toEqual([false, false, true]);
    expect(log.missing(10)).toEqual([[2, 3]]);
  });

  test("of an older ballot proves less than a vote of a newer one", () => {
    const log = logOf(0, vote(1, "3.1", "a"));
    log.announce(ballot("2.2"), 1);
    expect(log.isKnown(1)).toBe(false);
    expect(log.target).toBe(1);
  });

  test("may come before the vote", () => {
    const log = logOf();
    log.announce(ballot("3.1"), 2);
    log.voted(vote(1, "3.1", "a"));
    log.voted(vote(2, "2.2", "b"));
    log.voted(vote(3, "3.1", "c"));
    expect(ready(log)).toEqual(["1a"]);
    expect([log.isKnown(2), log.isKnown(3)]).toEqual([false, false]);
  });

  test("of a newer ballot replaces the one kept; a late one of the old ballot does not", () => {
    const log = logOf();
    log.announce(ballot("3.1"), 5);
    log.announce(ballot("4.2"), 1);
    log.announce(ballot("3.1"), 9);
    log.voted(vote(2, "4.2", "x"));
    log.voted(vote(2, "3.1", "x"));
    expect(log.isKnown(2)).toBe(false);
    log.announce(ballot("4.2"), 2);
    log.voted(vote(2, "4.2", "x"));
    expect(log.isKnown(2)).toBe(true);
  });

  test("that grows finds the votes in between", () => {
    const log = logOf(0, vote(1, "1.1", "a"), vote(2, "1.1", "b"), vote(3, "1.1", "c"));
    log.announce(ballot("1.1"), 1);
    log.announce(ballot("1.1"), 3);
    expect(ready(log)).toEqual(["1a", "2b", "3c"]);
  });
});

test("missing ranges end at the target and leave out what is known", () => {
  const log = logOf(2);
  expect(log.missing(10)).toEqual([]);
  log.learn(5, valueOf("e"));
  log.learn(8, valueOf("h"));
  log.reported(10);
  expect(log.missing(10)).toEqual([
    [3, 4],
    [6, 7],
    [9, 10],
  ]);
  expect(log.missing(1)).toEqual([[3, 4]]);
  log.reported(6);
  expect(log.target).toBe(10);
});

test("a wide gap is named in parts, each as large as one Learn can be", () => {
  const log = logOf();
  log.learn(10_000, valueOf("z"));
  log.reported(10_000);
  expect(log.missing(1)).toEqual([[1, 4096]]);
  expect(log.missing(9)).toEqual([
    [1, 4096],
    [4097, 8192],
    [8193, 9999],
  ]);
});

test("serves consecutive known values, one at least, to the byte limit", () => {
  const log = logOf();
  for (const [slot, text] of [
    [1, "a"],
    [2, "b"],
    [4, "d"],
  ] as const)
    log.learn(slot, valueOf(text));
  const served = (first: number, last: number, bytes: number): string[] => log.serve(first, last, bytes).map(textOf);
  expect(served(1, 9, 100)).toEqual(["a", "b"]);
  expect(served(1, 1, 100)).toEqual(["a"]);
  expect(served(1, 9, 3)).toEqual(["a"]);
  expect(served(1, 9, 1)).toEqual(["a"]);
  expect(served(4, 9, 100)).toEqual(["d"]);
  expect(served(3, 9, 100)).toEqual([]);
});

test("a snapshot covers a gap, and what is known above it follows", () => {
  const log = logOf(3);
  log.learn(12, valueOf("l"));
  log.learn(13, valueOf("m"));
  expect(log.install(11)).toBe(true);
  expect(ready(log)).toEqual(["12l", "13m"]);
  expect(log.install(5)).toBe(false);
  expect(log.chosenUpTo).toBe(13);
});
