import { describe, expect, test } from "vitest";
import { Acceptor, WriteBuffer } from "../src/index.js";
import { valueOf } from "./disk.js";
import { ballot, vote } from "./support.js";

function acceptorOf(
  promised: string | null,
  votes: ReturnType<typeof vote>[] = [],
  snapshotIndex = 0,
): { acceptor: Acceptor; writes: WriteBuffer } {
  const writes = new WriteBuffer(0);
  const acceptor = new Acceptor(
    { promised: promised === null ? null : ballot(promised), votes, snapshotIndex },
    writes,
  );
  return { acceptor, writes };
}

const ballots = [null, "1.1", "1.2", "2.1"];

describe("a promise against every ballot", () => {
  for (const promised of ballots) {
    for (const incoming of ["1.1", "1.2", "2.1"]) {
      const below = promised !== null && incoming < promised;

      test(`promised ${promised}, prepare ${incoming}`, () => {
        const { acceptor, writes } = acceptorOf(promised);
        const outcome = acceptor.prepare(ballot(incoming));
        const write = promised === incoming ? 0 : 1;
        expect(outcome).toEqual(below ? { kind: "rejected" } : { kind: "promised", after: write });
        expect(acceptor.promised).toEqual(ballot(below ? (promised ?? "") : incoming));
        expect(writes.take(0)?.write.promised).toEqual(below || write === 0 ? undefined : ballot(incoming));
      });

      test(`promised ${promised}, accept ${incoming}`, () => {
        const { acceptor, writes } = acceptorOf(promised);
        const outcome = acceptor.accept(ballot(incoming), 5, valueOf("v"));
        expect(outcome).toEqual(below ? { kind: "rejected" } : { kind: "voted", after: 1, again: false });
        expect(acceptor.vote(5)?.ballot).toEqual(below ? undefined : ballot(incoming));
        expect(acceptor.promised).toEqual(ballot(below ? (promised ?? "") : incoming));
        // The vote and the promise that it implies are one write.
        expect(writes.take(0)?.write).toEqual(
          below ? undefined : { promised: ballot(incoming), votes: [vote(5, incoming, "v")], chosen: [] },
        );
      });
    }
  }
});

test("a repeated prepare waits for the flush of the first, and for nothing once that is done", () => {
  const { acceptor, writes } = acceptorOf(null);
  acceptor.prepare(ballot("1.1"));
  writes.take(0);
  expect(acceptor.prepare(ballot("1.1"))).toEqual({ kind: "promised", after: 1 });
  writes.done(1);
  expect(acceptor.prepare(ballot("1.1"))).toEqual({ kind: "promised", after: 0 });
});

test("a vote is a promise too: later promises and pages wait for its write", () => {
  const { acceptor } = acceptorOf("1.1");
  acceptor.accept(ballot("2.2"), 1, valueOf("a"));
  expect(acceptor.prepare(ballot("2.2"))).toEqual({ kind: "promised", after: 1 });
  expect(acceptor.page(2, 0, { bytesMax: 100, itemsMax: 100 })).toEqual({ votes: [], lastSlot: null, after: 1 });
});

test("a repeated accept is answered again without a write; a second value in one ballot stops the node", () => {
  const { acceptor, writes } = acceptorOf("1.1", [vote(1, "1.1", "a")]);
  expect(acceptor.accept(ballot("1.1"), 1, valueOf("a"))).toEqual({ kind: "voted", after: 0, again: true });
  expect(writes.take(0)).toBeNull();
  expect(() => acceptor.accept(ballot("1.1"), 1, valueOf("b"))).toThrow(
    expect.objectContaining({ code: "InvariantViolated" }),
  );
});

test("a vote replaces that of a lower ballot", () => {
  const { acceptor } = acceptorOf("1.1", [vote(1, "1.1", "a")]);
  acceptor.accept(ballot("2.2"), 1, valueOf("b"));
  expect(acceptor.vote(1)).toMatchObject(vote(1, "2.2", "b"));
});

test("a slot in the snapshot gets no vote", () => {
  const { acceptor } = acceptorOf("3.1", [vote(8, "3.1", "h")], 7);
  expect(acceptor.accept(ballot("3.1"), 7, valueOf("q"))).toEqual({ kind: "already" });
  expect(acceptor.accept(ballot("3.1"), 8, valueOf("h"))).toEqual({ kind: "voted", after: 0, again: true });
  expect(acceptor.promised).toEqual(ballot("3.1"));
});

test("a store whose vote lies above its promise is refused", () => {
  expect(() => acceptorOf("1.1", [vote(1, "2.2", "a")])).toThrow(
    expect.objectContaining({ code: "InvariantViolated" }),
  );
});

describe("pages of a promise", () => {
  const upTo = (bytesMax: number, itemsMax = 100): { bytesMax: number; itemsMax: number } => ({ bytesMax, itemsMax });
  const votes = [vote(2, "1.1", "aa"), vote(3, "1.2", "bb"), vote(9, "1.1", "cc")];
  const slots = (page: { votes: readonly { slot: number }[]; lastSlot: number | null }): unknown => [
    page.votes.map(({ slot }) => slot),
    page.lastSlot,
  ];

  test.each([
    // from, chosenUpTo, bytes, slots, last
    [1, 0, 1000, [2, 3, 9], null],
    [3, 0, 1000, [3, 9], null],
    [1, 2, 1000, [3, 9], null],
    [1, 9, 1000, [], null],
    [10, 0, 1000, [], null],
    [1, 0, 6, [2, 3], 8],
    [1, 0, 5, [2], 2],
    [1, 0, 1, [2], 2],
    [3, 0, 1, [3], 8],
    [9, 0, 1, [9], null],
  ])("from %i above %i in %i bytes", (from, chosenUpTo, bytes, expected, last) => {
    expect(slots(acceptorOf("1.2", votes).acceptor.page(from, chosenUpTo, upTo(bytes)))).toEqual([expected, last]);
  });

  test("a page ends where it holds too many votes, however small they are", () => {
    const { acceptor } = acceptorOf("1.2", votes);
    expect(slots(acceptor.page(1, 0, upTo(1000, 2)))).toEqual([[2, 3], 8]);
    expect(slots(acceptor.page(1, 0, upTo(Infinity, Infinity)))).toEqual([[2, 3, 9], null]);
  });

  test("pages put together are the whole, however small, also with one vote far away", () => {
    const far = [...votes, vote(1_000_000_000, "1.1", "dd")];
    const { acceptor } = acceptorOf("1.2", far);
    const found: number[] = [];
    for (let from = 1; ; ) {
      const page = acceptor.page(from, 0, upTo(1));
      found.push(...page.votes.map(({ slot }) => slot));
      if (page.lastSlot === null) break;
      from = page.lastSlot + 1;
    }
    expect(found).toEqual([2, 3, 9, 1_000_000_000]);
  });

  test("a page waits for the writes of the votes in it", () => {
    const { acceptor, writes } = acceptorOf("1.1");
    acceptor.accept(ballot("1.1"), 1, valueOf("a"));
    writes.take(0);
    acceptor.accept(ballot("1.1"), 2, valueOf("b"));
    expect(acceptor.page(1, 0, upTo(1)).after).toBe(1);
    expect(acceptor.page(1, 0, upTo(1000)).after).toBe(2);
    expect(acceptor.page(3, 0, upTo(1000)).after).toBe(0);
  });
});
