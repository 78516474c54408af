import { describe, expect, test, vi } from "vitest";
import { ChosenLog, type Message, Replica } from "../src/index.js";
import { SnapshotFetch } from "../src/snapshot-fetch.js";
import { configurationOf, headOf, valueOf } from "./disk.js";
import { led, type Story, TIMEOUT_MS } from "./story.js";
import { ballot } from "./support.js";

const MB = 1_000_000;
const facts = (index: number, bytes = 10) => ({ index, hash: `s${index}`, bytes });
const many = (count: number, from = 1): string[] => Array.from({ length: count }, (_, i) => `v${from + i}`);

/** Everybody has executed so many values. */
function filled(count: number, settings: ConstructorParameters<typeof Story>[1] = {}): Story {
  const story = led(3, settings);
  story.propose(1, ...many(count));
  story.pass(TIMEOUT_MS);
  return story;
}

describe("compaction", () => {
  test("of very many slots takes several turns, each of which looks at a bounded number of them", () => {
    const slots = 60_000;
    const value = valueOf("v");
    const chosen = Array.from({ length: slots }, (_, i) => ({ slot: i + 1, value }));
    const recovered = { promised: null, votes: [], chosen, chosenUpTo: slots, leaseMs: 0, snapshot: null };
    const settings = { retainedBytesMax: 1 };
    const replica = new Replica({ nodeId: 1, bootId: "b", configuration: configurationOf(1, 64), recovered, settings });
    replica.takeEffects();
    replica.appliedUpTo(slots);
    const looks = vi.spyOn(ChosenLog.prototype, "value");
    const turns: number[] = [];
    const turn = (act: () => void): void => {
      looks.mockClear();
      act();
      turns.push(looks.mock.calls.length);
    };
    turn(() => replica.snapshotTaken(facts(slots)));
    for (let ms = 0; replica.status().compactedUpTo < slots && ms < 10_000; ms += 50) turn(() => replica.tick(ms, 0.9));
    looks.mockRestore();
    expect(replica.status().compactedUpTo).toBe(slots);
    // One look to count a slot, one to forget it.
    expect(Math.max(...turns)).toBeLessThanOrEqual(2 * 16_384);
    expect(turns.reduce((sum, count) => sum + count)).toBe(2 * slots);
  });

  test("with everyone up, down to what the slowest has on disk", () => {
    const story = filled(10);
    story.holdWrites(3);
    story.propose(1, "k");
    story.propose(1, "l");
    story.pass(TIMEOUT_MS);
    story.snapshot(1);
    const { durableUpTo } = story.replica(3).status();
    expect(durableUpTo).toBeLessThan(12);
    expect(story.replica(1).status()).toMatchObject({ snapshot: facts(12), compactedUpTo: durableUpTo });
    expect(story.actor(1).dropped).toBe(durableUpTo);
    story.flush(3);
    // The mark goes along with the next write.
    story.propose(1, "m");
    story.pass(TIMEOUT_MS);
    expect(story.replica(1).status().compactedUpTo).toBe(12);
  });

  test("with somebody away, a tail of so many bytes stays", () => {
    const story = filled(10, { retainedBytesMax: 3 * (64 + 3) });
    story.only([1, 2]);
    story.pass(2 * TIMEOUT_MS);
    story.snapshot(1);
    // "v8", "v9", "v10" with their kind, and 64 bytes for each slot.
    expect(story.replica(1).status().compactedUpTo).toBe(8);
    story.heal();
    // The mark goes along with the next write.
    story.propose(1, "w");
    story.propose(1, "x");
    story.pass(2 * TIMEOUT_MS);
    expect(story.replica(1).status().compactedUpTo).toBe(10);
  });

  test("nothing that no flushed snapshot covers", () => {
    const story = filled(5);
    expect(story.replica(1).status().compactedUpTo).toBe(0);
    expect(() => story.do(1, (replica) => replica.snapshotTaken(facts(6)))).toThrow(/what is executed/);
    story.snapshot(1);
    expect(() => story.do(1, (replica) => replica.snapshotTaken(facts(5)))).toThrow(/what is executed/);
    expect(() => story.replica(1).snapshotHead(6)).toThrow(/what is executed/);
    expect(story.replica(1).snapshotHead(5)).toEqual(headOf(story.configuration));
  });

  test("SYS-22: ten values of 1 MB are gone everywhere once all have them; the log begins at slot 11", () => {
    const story = led(3, { inFlightBytesMax: 64 * MB, frameValueBytesMax: 8 * MB });
    for (let i = 0; i < 10; i++) story.propose(1, "x".repeat(MB));
    story.pass(TIMEOUT_MS);
    const held = (id: number): number => {
      // What a node can still serve it still has in memory.
      let bytes = 0;
      for (let slot = 1; slot <= 12; slot++) {
        const before = story.sent.length;
        story.deliver(id === 1 ? 2 : 1, id, { kind: "fetch", firstSlot: slot, lastSlot: slot });
        for (const message of story.sent.slice(before)) {
          if (message.kind === "learn") for (const value of message.values) bytes += value.length;
        }
      }
      return bytes;
    };
    const peak = held(1);
    expect(peak).toBeGreaterThan(10 * MB);
    for (const id of [1, 2, 3]) story.snapshot(id);
    story.propose(1, "a");
    story.propose(1, "b");
    story.pass(TIMEOUT_MS);
    for (const id of [1, 2, 3]) {
      expect(story.replica(id).status().compactedUpTo).toBe(10);
      expect(story.actor(id).dropped).toBe(10);
      expect(held(id)).toBeLessThan(peak / 2);
    }
  });

  test("votes below are neither reported nor cast again, the promise stays", () => {
    const story = filled(5);
    const { promised } = story.replica(2).status();
    story.snapshot(2);
    story.propose(1, "w");
    story.pass(TIMEOUT_MS);
    const { compactedUpTo } = story.replica(2).status();
    expect(compactedUpTo).toBe(5);
    expect(story.replica(2).status().promised).toEqual(promised);
    const before = story.sent.length;
    story.lose(() => true);
    story.deliver(1, 2, {
      kind: "accept",
      ballot: ballot("1.1"),
      firstSlot: 5,
      values: [new Uint8Array([3, 1])],
      chosenUpTo: 4,
    });
    story.deliver(3, 2, { kind: "prepare", ballot: ballot("9.3"), fromSlot: 1 });
    const said = story.sent.slice(before).filter(({ kind }) => kind === "accepted" || kind === "promise");
    expect(said).toMatchObject([
      { kind: "accepted", slots: [], chosenUpTo: 6 },
      { kind: "promise", chosenUpTo: 6, snapshotIndex: 5, votes: [] },
    ]);
  });
});

describe("a node that was away", () => {
  const away = (settings: ConstructorParameters<typeof Story>[1] = {}): Story => {
    const story = led(3, { retainedBytesMax: 1, snapshotChunkBytes: 4, ...settings });
    story.only([1, 2]);
    story.propose(1, ...many(10));
    story.pass(2 * TIMEOUT_MS);
    for (const id of [1, 2]) story.snapshot(id);
    return story;
  };

  test("gets a snapshot in place of what is gone, and the log above it", () => {
    const story = away();
    story.propose(1, "above");
    story.heal();
    story.pass(3 * TIMEOUT_MS);
    expect(story.executed[2]).toEqual([...many(10).map(() => "(in the snapshot)"), "above"]);
    expect(story.actor(3).snapshots.filter((kind) => kind === "store")).toHaveLength(3);
    expect(story.replica(3).status()).toMatchObject({ applied: 11, snapshot: facts(10), receiving: null });
    story.propose(1, "next");
    expect(story.executed[2]?.at(-1)).toBe("next");
  });

  test("leads only when it has what was chosen before: from a peer's snapshot, with no no-op in it", () => {
    const story = away();
    // Node 3 is elected by node 2, the only one that can serve it.
    story.crash(1);
    story.heal();
    story.do(2, (replica) => replica.receive(3, { kind: "prepare", ballot: ballot("7.3"), fromSlot: 1 }));
    story.lose((from, to, { kind }) => kind === "prepare" && from === 2 && to === 3);
    story.pass(12 * TIMEOUT_MS);
    story.heal();
    story.pass(6 * TIMEOUT_MS);
    expect(story.executed[2]?.slice(0, 10)).toEqual(many(10).map(() => "(in the snapshot)"));
    const proposed = story.sent.flatMap((message: Message) => (message.kind === "accept" ? [message] : []));
    for (const { firstSlot, ballot: of } of proposed) if (of.node !== 1) expect(firstSlot).toBeGreaterThan(10);
    expect(story.leaders).toHaveLength(1);
  });

  test("installing lowers nothing: what is above stays, and so does the promise", () => {
    const story = led(3);
    story.lose((_from, to, message) => to === 3 && message.kind === "accept" && message.firstSlot <= 3);
    for (const text of many(5)) story.propose(1, text);
    const before = story.replica(3).status();
    expect(before).toMatchObject({ applied: 0, chosenUpTo: 0 });
    story.install(3, facts(3));
    const after = story.replica(3).status();
    expect(after.promised).toEqual(before.promised);
    expect(story.executed[2]).toEqual(["(in the snapshot)", "(in the snapshot)", "(in the snapshot)", "v4", "v5"]);
    // An older one that comes late changes nothing but what may be offered.
    story.heal();
    story.propose(1, "v6");
    story.do(3, (replica) => replica.installSnapshot(facts(4), headOf(story.configuration)));
    expect(story.replica(3).status()).toMatchObject({ applied: 6, chosenUpTo: 6, snapshot: facts(4) });
    story.deliver(1, 3, { kind: "prepare", ballot: ballot("3.1"), fromSlot: 5 });
    expect(story.sent.filter(({ kind }) => kind === "promise").at(-1)).toMatchObject({ chosenUpTo: 6 });
  });
});

describe("a leader installs a snapshot", () => {
  test("over a slot that it proposed and has not counted: it ends, and never says that the slot is chosen", () => {
    const story = led(3);
    story.only();
    story.propose(1, "old");
    const before = story.sent.length;
    story.install(1, facts(1));
    expect(story.replica(1).status()).toMatchObject({ role: "follower", chosenUpTo: 1 });
    const said = story.sent.slice(before).filter(({ kind }) => kind === "commit" || kind === "accept");
    expect(said).toEqual([]);
  });

  test("beyond what it has proposed: a later leader was at work", () => {
    const story = led(3);
    story.only();
    story.install(1, facts(1));
    expect(story.replica(1).status().role).toBe("follower");
  });

  test("below everything that it has proposed: it goes on", () => {
    const story = led(3);
    story.propose(1, "a", "b");
    story.only();
    story.propose(1, "c");
    story.install(1, facts(2));
    expect(story.replica(1).status()).toMatchObject({ role: "leader", openSlots: 1 });
  });
});

test("hands nothing out that the state machine has by a snapshot", () => {
  const story = led(3);
  const values = ["a", "b", "c"].map(valueOf);
  story.do(3, (replica) => {
    replica.receive(1, { kind: "learn", firstSlot: 1, values, chosenUpTo: 3 });
    story.actor(3).executed.push("(in the snapshot)", "(in the snapshot)");
    replica.installSnapshot(facts(2), headOf(story.configuration));
  });
  expect(story.executed[2]).toEqual(["(in the snapshot)", "(in the snapshot)", "c"]);
});

describe("who serves", () => {
  test("one that replaced its snapshot says so", () => {
    const story = filled(5, { retainedBytesMax: 1 });
    story.only([1, 2]);
    story.pass(2 * TIMEOUT_MS);
    story.snapshot(1);
    story.propose(1, "x");
    story.snapshot(1);
    const ask = (index: number, offset: number): Message[] => {
      const before = story.sent.length;
      const hash = `s${index}`;
      story.deliver(3, 1, { kind: "snapshotAsk", index, hash, offset, length: 4 });
      return story.sent.slice(before).filter(({ kind }) => kind.startsWith("snapshot"));
    };
    expect(ask(5, 0)).toEqual([{ kind: "snapshotOffer", ...facts(6) }]);
    expect(ask(6, 8)).toMatchObject([{ kind: "snapshotChunk", index: 6, offset: 8 }]);
    expect(ask(6, 10)).toEqual([]);
  });
});

describe("fetching", () => {
  const HALF = 100;
  const fetchOf = (...offers: [peer: number, index: number, hash?: string][]): SnapshotFetch => {
    const fetch = new SnapshotFetch(10, HALF);
    for (const [peer, index, hash = `s${index}`] of offers) fetch.offered(peer, { index, hash, bytes: 100 }, 0);
    return fetch;
  };
  const chunk = (index: number, offset: number, length = 10, hash = `s${index}`) =>
    ({ kind: "snapshotChunk", index, hash, offset, checksum: "-", bytes: new Uint8Array(length) }) as const;
  const asks = (fetch: SnapshotFetch, nowMs: number, chosenUpTo = 0): string[] =>
    fetch.next(nowMs, chosenUpTo).map((step) => {
      if (step.kind === "ask") return `${step.to}: ${step.ask.index} ${step.ask.offset}+${step.ask.length}`;
      if (step.kind === "begin") return `begin ${step.snapshot.index}`;
      return step.kind === "resume" ? `resume ${step.from} at ${step.offset}` : `give up, ${step.reason}`;
    });

  test("begins with one part and asks for more at a time as they come, no more than the disk takes", () => {
    const fetch = fetchOf([2, 5]);
    expect(asks(fetch, 0)).toEqual(["begin 5", "2: 5 0+10"]);
    expect(fetch.chunk(2, chunk(5, 0), 1).map(({ offset }) => offset)).toEqual([0]);
    expect(asks(fetch, 1)).toEqual(["2: 5 10+10", "2: 5 20+10"]);
    expect(fetch.chunk(2, chunk(5, 20), 2)).toEqual([]);
    expect(fetch.chunk(2, chunk(5, 10), 3).map(({ offset }) => offset)).toEqual([10, 20]);
    fetch.chunk(2, chunk(5, 10), 3);
    // Nothing is stored yet: eight parts are in memory or on their way at most.
    expect(asks(fetch, 3)).toHaveLength(5);
    fetch.stored(10);
    expect(asks(fetch, 3)).toEqual(["2: 5 80+10"]);
  });

  test("a part that is shorter than asked for is completed", () => {
    const fetch = fetchOf([2, 5]);
    asks(fetch, 0);
    expect(fetch.chunk(2, chunk(5, 0, 4), 1)).toHaveLength(1);
    expect(asks(fetch, 1)[0]).toBe("2: 5 4+10");
    expect(fetch.chunk(2, chunk(5, 4, 11), 1)).toEqual([]);
    expect(fetch.chunk(2, chunk(6, 4), 1)).toEqual([]);
  });

  test("goes on at its offset with another peer that has the same", () => {
    const fetch = fetchOf([2, 5], [3, 5]);
    asks(fetch, 0);
    fetch.chunk(2, chunk(5, 0), 1);
    asks(fetch, 1);
    fetch.lost(2, 2);
    expect(asks(fetch, 2)).toEqual(["resume 3 at 10", "3: 5 10+10"]);
    expect(fetch.progress).toMatchObject({ received: 10, from: 3 });
  });

  test("goes over to a newer one at once where nothing of the old one has come: its source may take them faster than they are asked for", () => {
    const fetch = fetchOf([2, 5]);
    asks(fetch, 0);
    fetch.offered(2, { index: 6, hash: "s6", bytes: 50 }, 2);
    expect(asks(fetch, 2)).toEqual(["give up, nobody serves it any more", "begin 6", "2: 6 0+10"]);
  });

  test("never from one that has other bytes of the same slot", () => {
    const fetch = fetchOf([2, 5], [3, 5, "other"]);
    asks(fetch, 0);
    fetch.chunk(2, chunk(5, 0), 1);
    expect(fetch.chunk(3, chunk(5, 0, 10, "other"), 1)).toEqual([]);
    asks(fetch, 1);
    fetch.lost(2, 2);
    expect(asks(fetch, 2)).toEqual([]);
    expect(asks(fetch, 2 + HALF + 1)).toEqual(["give up, nobody serves it any more", "begin 5", "3: 5 0+10"]);
  });

  test("the clock runs for the next part, not for all: a slow link is no reason to begin anew", () => {
    const fetch = fetchOf([2, 5], [3, 9, "other"]);
    fetch.next(0, 0);
    for (let offset = 0; offset < 60; offset += 10) {
      const nowMs = offset * 9;
      expect(asks(fetch, nowMs).filter((text) => !text.includes(":"))).toEqual([]);
      fetch.chunk(3, chunk(9, offset, 10, "other"), nowMs);
    }
    expect(fetch.lastProgressMs(1000)).toBe(450);
  });

  test("says how long all of it has waited to be installed", () => {
    const fetch = fetchOf([2, 5]);
    for (let offset = 0; offset < 100; offset += 10) {
      expect(fetch.installMs(offset)).toBe(0);
      asks(fetch, offset);
      fetch.chunk(2, chunk(5, offset), offset);
      fetch.stored(offset + 10);
    }
    expect(fetch.installMs(390)).toBe(300);
    fetch.finished();
    expect(fetch.installMs(400)).toBe(0);
  });

  test("two deaf ones do not take turns for ever", () => {
    const fetch = fetchOf([2, 5], [3, 5], [4, 4]);
    const seen: string[] = [];
    for (let nowMs = 0; nowMs < 3_000; nowMs += 50) seen.push(...asks(fetch, nowMs));
    expect(seen).toContain("begin 4");
  });

  test("from the one that replaced it: anew, unless another still has the old one", () => {
    const fetch = fetchOf([2, 5]);
    asks(fetch, 0);
    fetch.chunk(2, chunk(5, 0), 1);
    fetch.offered(2, { index: 8, hash: "s8", bytes: 50 }, 2);
    expect(asks(fetch, 3)).toEqual([]);
    expect(asks(fetch, 2 + HALF + 1)).toEqual(["give up, nobody serves it any more", "begin 8", "2: 8 0+10"]);
    const other = fetchOf([2, 5]);
    asks(other, 0);
    other.chunk(2, chunk(5, 0), 1);
    other.offered(2, { index: 8, hash: "s8", bytes: 50 }, 2);
    other.offered(3, { index: 5, hash: "s5", bytes: 100 }, 3);
    expect(asks(other, 3)).toEqual(["resume 3 at 10", "3: 5 10+10"]);
  });

  test("what turned out to be damaged is asked of another, and of the same only where there is none", () => {
    const fetch = fetchOf([2, 5, "bad"], [3, 4]);
    expect(asks(fetch, 0)[0]).toBe("begin 5");
    fetch.chunk(2, chunk(5, 0, 10, "bad"), 1);
    fetch.refused({ index: 5, hash: "bad", bytes: 100 });
    expect(asks(fetch, 2)[0]).toBe("begin 4");
    const alone = fetchOf([2, 5, "bad"]);
    asks(alone, 0);
    alone.chunk(2, chunk(5, 0, 10, "bad"), 1);
    alone.refused({ index: 5, hash: "bad", bytes: 100 });
    expect(asks(alone, 2)[0]).toBe("begin 5");
  });

  test("ends where the log comes first", () => {
    const fetch = fetchOf([2, 5]);
    asks(fetch, 0);
    expect(asks(fetch, 1, 5)).toEqual(["give up, the log came first"]);
    expect(fetch.progress).toBeNull();
  });
});
