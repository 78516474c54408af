import { describe, expect, test } from "vitest";
import { type Send, WriteBuffer } from "../src/index.js";
import { Outbox } from "../src/effects.js";
import { valueOf } from "./disk.js";
import { ballot, promise, vote } from "./support.js";

describe("the write buffer", () => {
  test("gathers while a write is under way: one write takes all", () => {
    const writes = new WriteBuffer(0);
    expect(writes.take(0)).toBeNull();
    expect(writes.addPromise(ballot("1.1"))).toBe(1);
    expect(writes.take(0)).toEqual({ id: 1, write: { promised: ballot("1.1"), votes: [], chosen: [] } });
    expect(writes.addVote(vote(1, "1.1", "a"))).toBe(2);
    expect(writes.addVote(vote(2, "2.2", "b"))).toBe(2);
    expect(writes.addChosen({ slot: 3, value: valueOf("c") })).toBe(2);
    writes.done(1);
    expect(writes.take(0)).toEqual({
      id: 2,
      write: {
        promised: ballot("2.2"),
        votes: [vote(1, "1.1", "a"), vote(2, "2.2", "b")],
        chosen: [{ slot: 3, value: valueOf("c") }],
      },
    });
  });

  test("says what waits and is under way, until it is durable", () => {
    const writes = new WriteBuffer(0, 200);
    const held = (): number[] => [writes.count, writes.bytes];
    expect(held()).toEqual([0, 0]);
    writes.addVote(vote(1, "1.1", "a".repeat(99)));
    writes.addPromise(ballot("1.1"));
    const one = writes.bytes;
    expect(held()).toEqual([1, one]);
    writes.addVote(vote(2, "1.1", "a".repeat(99)));
    writes.addChosen({ slot: 3, value: valueOf("a".repeat(99)) });
    expect(held()).toEqual([3, 3 * one]);
    writes.take(0);
    expect(held()).toEqual([3, 3 * one]);
    writes.done(1);
    expect(held()).toEqual([2, 2 * one]);
    writes.take(0);
    writes.addVote(vote(4, "1.1", "a".repeat(99)));
    writes.done(2);
    expect(held()).toEqual([2, 2 * one]);
  });

  test("the chosen mark rides along and counts once it is flushed", () => {
    const writes = new WriteBuffer(4);
    expect(writes.take(9)).toBeNull();
    writes.addPromise(ballot("1.1"));
    expect(writes.take(6)?.write.chosenUpTo).toBe(6);
    expect(writes.durableUpTo).toBe(4);
    writes.done(1);
    expect(writes.durableUpTo).toBe(6);
    writes.addPromise(ballot("2.1"));
    expect(writes.take(6)?.write).not.toHaveProperty("chosenUpTo");
    writes.done(2);
    expect(writes.durableUpTo).toBe(6);
  });

  test("nothing waits for what is durable", () => {
    const writes = new WriteBuffer(0);
    writes.addPromise(ballot("1.1"));
    expect(writes.wait(1)).toBe(1);
    writes.take(0);
    expect(writes.wait(1)).toBe(1);
    writes.done(1);
    expect([writes.wait(0), writes.wait(1), writes.wait(2)]).toEqual([0, 0, 2]);
  });

  test("a full write is followed by another, and each mark speaks only for what is on disk with it", () => {
    // Room for two small votes.
    const writes = new WriteBuffer(0, 140);
    const slots = (taken: ReturnType<WriteBuffer["take"]>): unknown => [
      taken?.id,
      taken?.write.votes.map(({ slot }) => slot),
      taken?.write.chosen.map(({ slot }) => slot),
      taken?.write.chosenUpTo,
    ];
    expect([1, 2, 3].map((slot) => writes.addVote(vote(slot, "1.1", "a")))).toEqual([1, 1, 2]);
    expect(writes.addPromise(ballot("2.2"))).toBe(2);
    expect(writes.addChosen({ slot: 4, value: valueOf("d") })).toBe(2);
    expect(writes.addVote(vote(5, "2.2", "x".repeat(500)))).toBe(3);
    expect(slots(writes.take(5))).toEqual([1, [1, 2], [], 2]);
    // What comes while it is under way joins the last.
    expect(writes.addVote(vote(1, "2.2", "a"))).toBe(4);
    writes.done(1);
    expect(writes.durableUpTo).toBe(2);
    // Slot 1 is voted for again later on; that the mark does not grow is all that it costs.
    expect(slots(writes.take(5))).toEqual([2, [3], [4], undefined]);
    writes.done(2);
    expect(slots(writes.take(5))).toEqual([3, [5], [], undefined]);
    writes.done(3);
    expect(slots(writes.take(5))).toEqual([4, [1], [], 5]);
    writes.done(4);
    expect([writes.durableUpTo, writes.take(5), writes.addPromise(ballot("3.1"))]).toEqual([5, null, 5]);
  });

  test("two writes at a time, or one that ends out of order, stop the node", () => {
    const writes = new WriteBuffer(0);
    writes.addPromise(ballot("1.1"));
    expect(() => writes.done(1)).toThrow(expect.objectContaining({ code: "InvariantViolated" }));
    writes.take(0);
    writes.addPromise(ballot("2.1"));
    expect(() => writes.take(0)).toThrow(expect.objectContaining({ code: "InvariantViolated" }));
    expect(() => writes.done(2)).toThrow(expect.objectContaining({ code: "InvariantViolated" }));
  });
});

test("the outbox keeps a message until its write is durable", () => {
  const send = (to: number, after: number): Send => ({
    to: [to],
    message: { kind: "fetch", firstSlot: 1, lastSlot: 1 },
    lane: "control",
    after,
  });
  const outbox = new Outbox();
  const who = (sends: readonly Send[]): number[] => sends.flatMap(({ to }) => to);
  expect(who(outbox.add([send(1, 0), send(2, 1), send(3, 2), send(4, 1)]))).toEqual([1]);
  expect(outbox.heldCount).toBe(3);
  expect(who(outbox.durable(1))).toEqual([2, 4]);
  expect(who(outbox.add([send(5, 1), send(6, 2)]))).toEqual([5]);
  expect(who(outbox.durable(2))).toEqual([3, 6]);
  expect(outbox.heldCount).toBe(0);
});

test("of the leases granted to a leader the last alone waits for a write", () => {
  const outbox = new Outbox();
  const grant = (to: number, b: string, nonce: number): Send => ({
    to: [to],
    message: { kind: "leaseGrant", ballot: ballot(b), nonce, durationMs: 100 },
    lane: "control",
    after: 1,
  });
  for (let nonce = 1; nonce <= 9; nonce++) outbox.add([grant(2, "1.2", nonce)]);
  outbox.add([grant(3, "2.3", 1)]);
  const left = outbox.durable(1).map(({ to, message }) => [to[0], message.kind === "leaseGrant" ? message.nonce : 0]);
  expect(left).toEqual([
    [2, 9],
    [3, 1],
  ]);
});

test("two promises to a candidate wait for a write: not each repetition, and none in a ballot that it gave up", () => {
  const outbox = new Outbox();
  const held = (to: number, b: string, firstSlot: number, after: number): number => {
    expect(outbox.add([{ to: [to], message: promise(b, { firstSlot }), lane: "bulk", after }])).toEqual([]);
    return outbox.heldCount;
  };
  expect([held(2, "1.2", 1, 1), held(2, "1.2", 1, 1), held(2, "1.2", 1, 2)]).toEqual([1, 2, 2]);
  expect([held(2, "1.2", 9, 2), held(3, "1.3", 1, 2)]).toEqual([3, 4]);
  expect(held(2, "4.2", 1, 2)).toBe(2);
  // The answers that were there first are the first that may leave.
  expect([held(2, "4.2", 1, 3), held(2, "4.2", 1, 3), outbox.durable(2).length]).toEqual([3, 3, 2]);
});
