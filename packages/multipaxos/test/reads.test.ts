import { describe, expect, test } from "vitest";
import type { Slot } from "@synod/interface";
import { ReadAsks, ReadRounds, type Reader } from "../src/reads.js";
import { led, TIMEOUT_MS } from "./story.js";
import { majorityOf } from "./support.js";

const members = majorityOf(1, 2, 3);
const local = (token: number): Reader => ({ kind: "local", token });
const remote = (from: number, nonce: number): Reader => ({ kind: "remote", from, bootId: `${from}:1`, nonce });

/** Whose reads a confirmation answers, and with which index; null for none. */
function confirm(rounds: ReadRounds, from: number, nonce: number): { readers: readonly Reader[]; index: Slot } | null {
  if (!rounds.onConfirm(from, nonce)) return null;
  const [{ readers, index } = { readers: [], index: -1 }] = rounds.settle(Infinity);
  return { readers, index };
}

describe("rounds at the leader", () => {
  const rounds = (): ReadRounds => new ReadRounds();

  test("no round without readers", () => {
    expect(rounds().start(5, members, 0)).toBeNull();
  });

  test("what arrives during a round shares the next, with its own index", () => {
    const r = rounds();
    r.add(local(1));
    expect(r.start(5, members, 0)?.nonce).toBe(1);
    r.add(local(2));
    r.add(remote(3, 1));
    expect(r.start(9, members, 0)).toBeNull();
    expect(confirm(r, 1, 1)).toBeNull();
    expect(confirm(r, 2, 1)).toEqual({ readers: [local(1)], index: 5 });
    expect(r.start(9, members, 0)?.nonce).toBe(2);
    confirm(r, 1, 2);
    expect(confirm(r, 3, 2)).toEqual({ readers: [local(2), remote(3, 1)], index: 9 });
  });

  test("a confirmation counts for its own round and once for each member", () => {
    const r = rounds();
    r.add(local(1));
    r.start(5, members, 0);
    confirm(r, 1, 1);
    confirm(r, 2, 1);
    r.add(local(2));
    r.start(6, members, 0);
    expect([confirm(r, 2, 1), confirm(r, 3, 1), confirm(r, 9, 2), confirm(r, 2, 2), confirm(r, 2, 2)]).toEqual([
      null,
      null,
      null,
      null,
      null,
    ]);
    expect(confirm(r, 3, 2)).toEqual({ readers: [local(2)], index: 6 });
  });

  test("a late round asks the silent again under the same number", () => {
    const r = rounds();
    r.add(local(1));
    r.start(5, members, 100);
    confirm(r, 1, 1);
    expect(r.overdue(149, 50)).toBeNull();
    expect(r.overdue(150, 50)).toEqual({ nonce: 1, to: [2, 3] });
    expect(r.overdue(199, 50)).toBeNull();
  });

  test("a newer question of a follower replaces the one that waits", () => {
    const r = rounds();
    r.add(remote(2, 1));
    r.add(local(7));
    r.add(remote(3, 1));
    r.add(remote(2, 2));
    r.start(5, members, 0);
    confirm(r, 1, 1);
    expect(confirm(r, 3, 1)?.readers).toEqual([local(7), remote(3, 1), remote(2, 2)]);
  });

  test("a copy of a question that the round under way answers starts no round more", () => {
    const r = rounds();
    r.add(remote(2, 1));
    r.start(5, members, 0);
    r.add(remote(2, 1));
    confirm(r, 1, 1);
    expect(confirm(r, 3, 1)?.readers).toEqual([remote(2, 1)]);
    expect(r.start(6, members, 0)).toBeNull();
  });

  test("a late copy of an older question does not displace a newer one, in the round under way or before it", () => {
    const r = rounds();
    r.add(local(7));
    r.start(5, members, 0);
    r.add(remote(2, 6));
    r.add(remote(2, 5));
    confirm(r, 1, 1);
    expect(confirm(r, 3, 1)?.readers).toEqual([local(7)]);
    r.start(6, members, 0);
    r.add(remote(2, 5));
    confirm(r, 1, 2);
    expect(confirm(r, 3, 2)?.readers).toEqual([remote(2, 6)]);
    expect(r.waits).toBe(false);
  });

  test("the end of a leadership gives everybody back, the round under way first", () => {
    const r = rounds();
    r.add(local(1));
    r.start(5, members, 0);
    r.add(local(2));
    expect(r.stop()).toEqual([local(1), local(2)]);
    expect(confirm(r, 2, 1)).toBeNull();
    expect(r.stop()).toEqual([]);
  });
});

test("a confirmed index above what is known as chosen waits for it, or for the end of the leadership", () => {
  const r = new ReadRounds();
  const five = { readers: [local(1)], index: 5, via: "leader" };
  for (const token of [1, 4]) r.add(local(token));
  r.start(5, members, 0);
  for (const from of [1, 2]) r.onConfirm(from, 1);
  r.settleLater(local(2), 6);
  r.settleLater(local(3), 7);
  r.cancel(4);
  expect([r.settle(4), r.settle(5), r.settle(5)]).toEqual([[], [five], []]);
  expect(r.settle(6)).toEqual([{ readers: [local(2)], index: 6, via: "lease" }]);
  expect(r.stop()).toEqual([local(3)]);
  expect(r.settle(7)).toEqual([]);
});

test("readers of one index that a lease vouches for wait together, however many", () => {
  const r = new ReadRounds();
  for (let token = 1; token <= 3; token++) r.settleLater(local(token), 6);
  r.settleLater(local(4), 7);
  r.cancel(2);
  r.cancel(4);
  expect(r.settle(9)).toEqual([{ readers: [local(1), local(3)], index: 6, via: "lease" }]);
  expect(r.stop()).toEqual([]);
});

test("a cancelled reader at the leader is gone, its round under way or not", () => {
  const r = new ReadRounds();
  for (const token of [1, 2]) r.add(local(token));
  r.start(5, members, 0);
  for (const token of [3, 4]) r.add(local(token));
  r.cancel(1);
  r.cancel(3);
  confirm(r, 1, 1);
  expect(confirm(r, 2, 1)?.readers).toEqual([local(2)]);
  expect(r.stop()).toEqual([local(4)]);
});

describe("questions of a follower", () => {
  test("one is open at a time", () => {
    const asks = new ReadAsks();
    expect(asks.start(1, 0)).toBeNull();
    asks.add(1);
    expect(asks.start(1, 0)).toEqual({ nonce: 1, to: 1 });
    asks.add(2);
    expect(asks.start(1, 0)).toBeNull();
    expect(asks.onReply(1, 1)).toEqual([1]);
    expect(asks.start(1, 0)).toEqual({ nonce: 2, to: 1 });
  });

  test("only the answer of the one asked, to this question, counts", () => {
    const asks = new ReadAsks();
    asks.add(1);
    asks.start(1, 0);
    expect([asks.onReply(2, 1), asks.onReply(1, 0), asks.onReply(1, 1), asks.onReply(1, 1)]).toEqual([
      null,
      null,
      [1],
      null,
    ]);
  });

  test("a late question is sent again under its number, and the answer to any copy serves it", () => {
    const asks = new ReadAsks();
    asks.add(1);
    asks.start(1, 0);
    asks.add(2);
    expect([asks.overdue(1, 49, 50), asks.overdue(1, 50, 50), asks.overdue(1, 99, 50)]).toEqual([
      null,
      { nonce: 1, to: 1 },
      null,
    ]);
    expect(asks.start(1, 99)).toBeNull();
    expect([asks.onReply(1, 1), asks.onReply(1, 1)]).toEqual([[1], null]);
    expect(asks.start(1, 99)).toEqual({ nonce: 2, to: 1 });
  });

  test.each([
    ["another leader", 2],
    ["no leader", null],
  ])("with %s the question is asked anew under a new number", (_what, leader) => {
    const asks = new ReadAsks();
    asks.add(1);
    asks.start(1, 0);
    asks.add(2);
    expect(asks.overdue(leader, 1, 50)).toBeNull();
    expect(asks.start(3, 1)).toEqual({ nonce: 2, to: 3 });
    expect([asks.onReply(1, 1), asks.onReply(3, 2)]).toEqual([null, [1, 2]]);
  });

  test("a cancelled reader is gone, asked for or not", () => {
    const asks = new ReadAsks();
    asks.add(1);
    asks.add(2);
    asks.start(1, 0);
    asks.add(3);
    asks.add(4);
    asks.cancel(1);
    asks.cancel(3);
    asks.overdue(null, 1, 50);
    expect(asks.takeAll()).toEqual([2, 4]);
    expect(asks.takeAll()).toEqual([]);
  });
});

test.each([
  ["at the leader", 1],
  ["at a follower", 2],
])("a reader that gave up is forgotten %s", (_where, id) => {
  const story = led();
  story.only();
  for (const token of [1, 2, 3]) story.do(id, (replica) => replica.read(token));
  for (const token of [1, 3]) story.do(id, (replica) => replica.cancelRead(token));
  story.heal();
  story.pass(2 * TIMEOUT_MS);
  expect(story.actor(id).reads.map(({ token }) => token)).toEqual([2]);
});

describe("rounds whose index is slow to be chosen", () => {
  /** One round for each reader, all of them with the same index. */
  function waitAt(index: Slot, readers: readonly Reader[]): ReadRounds {
    const r = new ReadRounds();
    for (const reader of readers) {
      r.add(reader);
      const nonce = r.start(index, members, 0)?.nonce ?? 0;
      r.onConfirm(1, nonce);
      r.onConfirm(2, nonce);
    }
    return r;
  }

  test("all with the same index wait together, however many rounds there were", () => {
    const r = waitAt(6, [local(1), local(2), remote(3, 1), local(3)]);
    r.cancel(2);
    expect(r.settle(5)).toEqual([]);
    expect(r.settle(6)).toEqual([{ readers: [local(1), remote(3, 1), local(3)], index: 6, via: "leader" }]);
  });

  test("of a follower the newest question waits, in whatever order they came", () => {
    for (const questions of [
      [remote(3, 1), remote(3, 2)],
      [remote(3, 2), remote(3, 1)],
    ]) {
      expect(waitAt(6, questions).settle(6)).toEqual([{ readers: [remote(3, 2)], index: 6, via: "leader" }]);
    }
  });
});
