import type { Message, Send } from "@synod/multipaxos";
import { expect, test } from "vitest";
import { Announcements } from "../src/announcements.js";

const ballot = { round: 1, node: 1 };
const send = (to: readonly number[], message: Message): Send => ({ to, message, lane: "control", after: 0 });
const commit = (chosenUpTo: number, to = [2, 3]): Send => send(to, { kind: "commit", ballot, chosenUpTo });
const accept = (chosenUpTo: number, to = [2, 3]): Send =>
  send(to, { kind: "accept", ballot, firstSlot: chosenUpTo + 1, values: [], chosenUpTo });

function announcements({ isChanging = false } = {}) {
  const timers: (() => void)[] = [];
  const late: Send[] = [];
  const it = new Announcements({
    after: (_ms, run) => void timers.push(run),
    send: (sends) => void late.push(...sends),
    isChanging: () => isChanging,
  });
  return { it, late, timers, fire: () => timers.shift()?.() };
}

test("what is chosen waits, and the last word of it leaves when the time is over", () => {
  const { it, late, timers, fire } = announcements();
  expect([...it.pass([commit(1)]), ...it.pass([commit(2)])]).toEqual([]);
  expect(timers).toHaveLength(1);
  fire();
  expect(late).toEqual([commit(2)]);
  fire();
  expect(late).toHaveLength(1);
});

test("an Accept carries it: to whom it goes, nothing else leaves", () => {
  const { it, late, fire } = announcements();
  it.pass([commit(4)]);
  expect(it.pass([accept(4, [2])])).toEqual([accept(4, [2])]);
  fire();
  expect(late).toEqual([commit(4, [3])]);
});

test("a member whose callers wait for a slot hears of it at once, until it has", () => {
  const { it, late, fire } = announcements();
  it.awaits(3, 7);
  it.awaits(3, 6);
  expect(it.pass([commit(5)])).toEqual([commit(5, [3])]);
  expect(it.pass([commit(7)])).toEqual([commit(7, [3])]);
  expect(it.pass([commit(8)])).toEqual([]);
  fire();
  expect(late).toEqual(
    [commit(8, [2, 3])].map((each) => ({ ...each, to: expect.arrayContaining([2, 3]) as number[] })),
  );
});

test("it goes before anything else that may build on it", () => {
  const { it } = announcements();
  const reply = send([2], { kind: "readIndexReply", bootId: "b", nonce: 1, index: 9 });
  it.pass([commit(9)]);
  expect(it.pass([reply])).toEqual([commit(9, [2]), reply]);
  expect(it.pass([reply])).toEqual([reply]);
  const removed = send([3], { kind: "removed", epoch: 2, mayStop: true });
  expect(it.pass([removed])).toEqual([commit(9, [3]), removed]);
});

test("while the members change everybody hears of it at once", () => {
  const { it, timers } = announcements({ isChanging: true });
  expect(it.pass([commit(3)])).toEqual([commit(3)]);
  expect(timers).toHaveLength(0);
});
