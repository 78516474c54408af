import { describe, expect, test } from "vitest";
import { ChosenLog } from "../src/index.js";
import { CatchUp } from "../src/catch-up.js";
import { valueOf } from "./disk.js";

function catchUpOf(): { catchUp: CatchUp; log: ChosenLog } {
  const log = new ChosenLog(0, { vote: () => undefined, slots: () => [] });
  return { catchUp: new CatchUp(log, 100), log };
}

const fetch = (to: number, firstSlot: number, lastSlot: number): unknown => ({
  to,
  fetch: { kind: "fetch", firstSlot, lastSlot },
});

test("asks nobody while nothing is missing", () => {
  const { catchUp, log } = catchUpOf();
  expect(catchUp.next(0)).toBeNull();
  log.learn(1, valueOf("a"));
  catchUp.reported(2, 1);
  expect(catchUp.next(0)).toBeNull();
});

test("asks the peer with the longest prefix for the first gap, one question at a time", () => {
  const { catchUp, log } = catchUpOf();
  log.learn(4, valueOf("d"));
  catchUp.reported(2, 3);
  catchUp.reported(3, 9);
  expect(catchUp.next(0)).toEqual(fetch(3, 1, 3));
  expect(catchUp.next(99)).toBeNull();
});

test("an answer with news leads to the next question at once", () => {
  const { catchUp, log } = catchUpOf();
  catchUp.reported(3, 9);
  catchUp.next(0);
  log.learn(1, valueOf("a"));
  catchUp.answered(3, 1, true, 5);
  expect(catchUp.lastProgressMs).toBe(5);
  expect(catchUp.next(5)).toEqual(fetch(3, 2, 9));
});

test("an empty answer does not lead to a question in a circle", () => {
  const { catchUp } = catchUpOf();
  catchUp.reported(3, 9);
  catchUp.next(0);
  catchUp.answered(3, 1, false, 5);
  expect(catchUp.next(5)).toBeNull();
  expect(catchUp.next(104)).toBeNull();
  expect(catchUp.next(105)).toEqual(fetch(3, 1, 9));
});

test("peers that do not help take turns, each once", () => {
  const { catchUp } = catchUpOf();
  catchUp.reported(2, 7);
  catchUp.reported(3, 9);
  catchUp.reported(4, 8);
  const asked = [0, 100, 200, 300, 400].map((now) => catchUp.next(now)?.to);
  expect(asked).toEqual([3, 4, 2, 3, 4]);
});

test("a peer that cannot hear is not asked again after every answer of another", () => {
  const { catchUp, log } = catchUpOf();
  catchUp.reported(3, 9);
  catchUp.reported(4, 8);
  catchUp.next(0);
  for (let slot = 1; slot <= 8; slot++) {
    expect(catchUp.next(100)?.to).toBe(4);
    log.learn(slot, valueOf(`${slot}`));
    catchUp.answered(4, slot, true, 100);
  }
  // Only it has the last slot.
  expect(catchUp.next(100)?.to).toBe(3);
});

test("the last word of a peer counts: after a restart it may know less", () => {
  const { catchUp } = catchUpOf();
  catchUp.reported(3, 9);
  catchUp.reported(2, 4);
  catchUp.reported(3, 0);
  expect(catchUp.next(0)).toEqual(fetch(2, 1, 9));
});

describe("how long it waits", () => {
  /** When the only source is asked, while no answer comes. */
  const asked = (catchUp: CatchUp, fromMs: number, toMs: number): number[] => {
    const times: number[] = [];
    for (let now = fromMs; now <= toMs; now += 10) if (catchUp.next(now) !== null) times.push(now);
    return times;
  };

  const range = (first: number, step: number, count: number): number[] =>
    Array.from({ length: count }, (_, i) => first + i * step);

  test("a silent peer is asked less and less often, and at once where its connection broke or a new leader depends on it", () => {
    const { catchUp } = catchUpOf();
    catchUp.reported(3, 9);
    expect(asked(catchUp, 0, 1500)).toEqual([0, 100, 300, 700, 1500]);
    catchUp.lost(3);
    expect(asked(catchUp, 1510, 1700)).toEqual([1510, 1610]);
    catchUp.askAnew();
    expect(asked(catchUp, 1710, 1900)).toEqual([1710, 1810]);
    expect(asked(catchUp, 1910, 20_000)).toEqual([2010, 2410, 3210, 4810, ...range(6410, 1600, 9)]);
  });

  test("follows what the last answer took, and begins anew with each answer", () => {
    const { catchUp, log } = catchUpOf();
    catchUp.reported(3, 9);
    expect(asked(catchUp, 0, 250)).toEqual([0, 100]);
    log.learn(1, valueOf("a"));
    catchUp.answered(3, 1, true, 250);
    // The next question is open: the answer to the second copy of the first one does not end it.
    expect(asked(catchUp, 250, 300)).toEqual([250]);
    catchUp.answered(3, 1, false, 310);
    expect(asked(catchUp, 310, 750)).toEqual([430, 670]);
  });

  test("an answer without news that the log has got meanwhile is an answer", () => {
    const { catchUp, log } = catchUpOf();
    catchUp.reported(3, 9);
    catchUp.next(0);
    log.learn(1, valueOf("a"));
    catchUp.answered(3, 1, false, 5);
    expect(catchUp.next(5)).toEqual(fetch(3, 2, 9));
  });
});
