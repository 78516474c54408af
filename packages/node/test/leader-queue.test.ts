import { describe, expect, it } from "vitest";
import { LeaderQueue, type Queued } from "../src/leader-queue.js";

const queued = (name: string, log: string[] = []): Queued => ({
  entry: { kind: "open", nonce: name },
  bytes: 10,
  proposed: () => undefined,
  dropped: () => void log.push(name),
});
const names = (batch: readonly Queued[]): string[] =>
  batch.map(({ entry }) => (entry.kind === "open" ? entry.nonce : "?"));

describe("the leader's queue", () => {
  it("takes from the origins in turn, in their order, without what was withdrawn", () => {
    const queue = new LeaderQueue();
    const withdraw = ["a1", "a2", "a3", "a4"].map((name) => queue.add(1, queued(name)));
    queue.add(2, queued("b1"));
    withdraw[1]?.withdraw();
    withdraw[1]?.withdraw();
    expect(queue.count).toBe(4);
    expect(names(queue.take(20))).toEqual(["a1", "b1"]);
    // Taken already: there is nothing to withdraw.
    withdraw[0]?.withdraw();
    withdraw[2]?.withdraw();
    expect(names(queue.take(100))).toEqual(["a4"]);
    expect([queue.count, queue.bytes]).toEqual([0, 0]);
  });

  it("holds nothing of what was withdrawn, in whatever order", () => {
    const queue = new LeaderQueue();
    let withdraw = Array.from({ length: 10_000 }, (_, i) => queue.add(1, queued(String(i))));
    const kept = [17, 5_000, 9_999];
    withdraw = withdraw.filter((_, i) => !kept.includes(i)).reverse();
    for (const one of withdraw) one.withdraw();
    expect(queue.count).toBe(3);
    expect(queue.bytes).toBeGreaterThan(30);
    queue.add(1, queued("last"));
    expect(names(queue.take(1_000))).toEqual(["17", "5000", "9999", "last"]);
  });

  it("gives back what waits when a leadership ends, and counts nothing of it afterwards", () => {
    const queue = new LeaderQueue();
    const log: string[] = [];
    const withdraw = ["a", "b", "c"].map((name) => queue.add(1, queued(name, log)));
    withdraw[1]?.withdraw();
    queue.clear();
    expect(log).toEqual(["a", "c"]);
    queue.add(1, queued("d"));
    withdraw[0]?.withdraw();
    expect([queue.count, names(queue.take(100))]).toEqual([1, ["d"]]);
  });

  it("takes from the sessions of an origin in turn: one with much to do starves nobody", () => {
    const queue = new LeaderQueue();
    const of = (slot: number, sequence: number): Queued => ({
      ...queued(""),
      entry: {
        kind: "command",
        ticket: { session: { slot, index: 0 }, sequence, floor: 0 },
        body: new Uint8Array(),
      },
    });
    for (let i = 1; i <= 100; i++) queue.add(1, of(7, i));
    for (let i = 1; i <= 2; i++) queue.add(1, of(8, i));
    for (let i = 1; i <= 2; i++) queue.add(2, of(9, i));
    const order = queue
      .take(80)
      .map(({ entry }) => (entry.kind === "command" ? `${entry.ticket.session.slot}#${entry.ticket.sequence}` : ""));
    expect(order).toEqual(["7#1", "9#1", "8#1", "9#2", "7#2", "8#2", "7#3", "7#4"]);
  });
});
