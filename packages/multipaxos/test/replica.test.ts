import { describe, expect, test } from "vitest";
import { Replica, type Message, type ReplicaOptions } from "../src/index.js";
import { configurationOf, valueOf } from "./disk.js";
import { accept, ballot, promise, vote } from "./support.js";

const nothing: ReplicaOptions["recovered"] = {
  promised: null,
  votes: [],
  chosen: [],
  chosenUpTo: 0,
  leaseMs: 0,
  snapshot: null,
};

function replicaOf(options: Partial<ReplicaOptions> = {}): Replica {
  return new Replica({
    nodeId: 1,
    bootId: "1:1",
    configuration: configurationOf(3, 8),
    recovered: nothing,
    ...options,
  });
}

describe("bad input is dropped and named", () => {
  const prepare = (round: number, node: number): Message => ({ kind: "prepare", ballot: { round, node }, fromSlot: 1 });
  const beat = {
    kind: "beat",
    round: 1,
    candidacy: null,
    promised: null,
    leaderBallot: null,
    content: false,
    chosenUpTo: 0,
    durableUpTo: 0,
    impaired: false,
    priority: 0,
  } as const;

  test.each<[string, number, Message]>([
    ["itself", 1, prepare(1, 1)],
    ["a prepare in another's ballot", 2, prepare(1, 3)],
    ["an accept in another's ballot", 2, accept("1.3", 1, ["x"])],
    ["a commit in another's ballot", 2, { kind: "commit", ballot: ballot("1.3"), chosenUpTo: 1 }],
    ["a confirm in another's ballot", 2, { kind: "confirm", ballot: ballot("1.3"), nonce: 1 }],
    ["a round that is NaN", 2, prepare(Number.NaN, 2)],
    ["an infinite round", 2, prepare(Number.POSITIVE_INFINITY, 2)],
    ["a fraction", 2, prepare(1.5, 2)],
    ["an unsafe integer", 2, prepare(2 ** 53, 2)],
    ["a wild jump", 2, prepare(2 ** 33, 2)],
    [
      "a wild jump in a reject",
      2,
      {
        kind: "reject",
        ballot: ballot("1.1"),
        promised: { round: 2 ** 40, node: 2 },
        content: false,
        leaderBallot: null,
        leaseLeftMs: 0,
      },
    ],
    ["a wild jump in a beat", 2, { ...beat, candidacy: { round: 2 ** 40, node: 2 } }],
    [
      "a wild jump in a vote",
      2,
      promise("1.1", { votes: [{ ...vote(1, "1.1", "a"), ballot: { round: 2 ** 40, node: 2 } }] }),
    ],
    ["an accept beyond the last slot", 2, accept("1.2", Number.MAX_SAFE_INTEGER, ["x"])],
    ["an answer for an earlier life", 2, { kind: "readIndexReply", bootId: "1:0", nonce: 1, index: 1 }],
    ["a forward reply for an earlier life", 2, { kind: "forwardReply", bootId: "1:0", sequence: 1, outcome: "queued" }],
  ])("%s", (_what, from, message) => {
    const replica = replicaOf();
    const before = replica.status();
    replica.receive(from, message);
    const effects = replica.takeEffects();
    expect(effects.sends).toEqual([]);
    expect(effects.notices).toEqual([{ kind: "ignored", from, reason: expect.any(String) as string }]);
    expect(replica.takeWrite()).toBeNull();
    expect(replica.status()).toEqual(before);
  });
});

describe("what it starts from", () => {
  test("a node outside of the configuration answers as an acceptor and never campaigns", () => {
    const replica = replicaOf({ nodeId: 7 });
    for (let ms = 0; ms < 5_000; ms += 25) replica.tick(ms, 0);
    replica.receive(1, { kind: "prepare", ballot: ballot("1.1"), fromSlot: 1 });
    const { sends, notices } = replica.takeEffects();
    expect(sends.map(({ to, message }) => `${to.join()} ${message.kind}`)).toContain("1 promise");
    expect(notices).toEqual([]);
  });

  test.each([
    { electionTimeoutMs: 0 },
    { resendMs: Number.NaN },
    { frameValueBytesMax: -1 },
    { inFlightBytesMax: Infinity },
  ])("%o is refused", (settings) => {
    expect(() => replicaOf({ settings })).toThrow(expect.objectContaining({ code: "InvalidArgument" }));
  });

  test("values of the mark come from what was learned, else from votes; nothing above a gap is handed out", () => {
    const replica = replicaOf({
      recovered: {
        promised: ballot("3.1"),
        votes: [vote(1, "1.1", "a"), vote(2, "1.1", "wrong"), vote(3, "3.1", "c")],
        chosen: [
          { slot: 2, value: valueOf("b") },
          { slot: 5, value: valueOf("e") },
        ],
        chosenUpTo: 2,
        leaseMs: 0,
        snapshot: null,
      },
    });
    expect(replica.takeEffects().chosen).toEqual([
      { slot: 1, value: valueOf("a") },
      { slot: 2, value: valueOf("b") },
    ]);
    expect(replica.status()).toMatchObject({
      chosenUpTo: 2,
      durableUpTo: 2,
      promised: ballot("3.1"),
      role: "follower",
    });
  });

  test("a disk that marks a slot as chosen and lacks its value is refused", () => {
    const recovered = { ...nothing, votes: [vote(2, "1.1", "b")], promised: ballot("1.1"), chosenUpTo: 2 };
    expect(() => replicaOf({ recovered })).toThrow(
      expect.objectContaining({ code: "InvariantViolated", details: { mark: 2, missing: 1 } }),
    );
  });

  test("it goes on from a snapshot", () => {
    const replica = replicaOf({
      recovered: {
        ...nothing,
        votes: [vote(8, "1.1", "h")],
        promised: ballot("1.1"),
        chosenUpTo: 8,
        snapshot: { index: 7, bytes: 1 },
      },
    });
    expect(replica.takeEffects().chosen).toEqual([{ slot: 8, value: valueOf("h") }]);
    expect(replica.status().applied).toBe(7);
  });
});

test("what was applied must have been handed out and cannot be taken back", () => {
  const replica = replicaOf({
    recovered: {
      ...nothing,
      votes: [vote(1, "1.1", "a"), vote(2, "1.1", "b")],
      promised: ballot("1.1"),
      chosenUpTo: 2,
    },
  });
  replica.appliedUpTo(2);
  expect(() => replica.appliedUpTo(1)).toThrow(expect.objectContaining({ code: "InvariantViolated" }));
  expect(() => replica.appliedUpTo(3)).toThrow(expect.objectContaining({ code: "InvariantViolated" }));
});

test("no vote where another value is known as chosen; the answer says how far the log is known", () => {
  const replica = replicaOf({ recovered: { ...nothing, chosen: [{ slot: 1, value: valueOf("new") }], chosenUpTo: 1 } });
  replica.receive(2, accept("1.2", 1, ["old", "x"]));
  expect(replica.takeEffects().sends).toMatchObject([
    { to: [2], after: 1, message: { kind: "accepted", slots: [[2, 2]], chosenUpTo: 1 } },
  ]);
});

describe("slots far away", () => {
  test.each<[string, Message]>([
    ["learn", { kind: "learn", firstSlot: 3e8, values: [valueOf("x")], chosenUpTo: 0 }],
    ["accept", accept("1.2", 3e8, ["x"])],
  ])("a %s is dropped, and counted under a constant name", (kind, message) => {
    const replica = replicaOf();
    replica.receive(2, message);
    expect(replica.takeEffects().notices).toEqual([
      { kind: "ignored", from: 2, reason: `${kind} far above the chosen prefix` },
    ]);
    expect(replica.takeWrite()).toBeNull();
  });
});

test("a node alone with more open votes than one page holds leads again", () => {
  const votes = Array.from({ length: 5000 }, (_, i) => vote(i + 1, "1.1", "a"));
  const recovered = { ...nothing, promised: ballot("1.1"), votes };
  const replica = replicaOf({ configuration: configurationOf(1, 8192), recovered });
  replica.tick(0, 0);
  replica.writeDone(replica.takeWrite()?.id ?? 0);
  expect(replica.status()).toMatchObject({ role: "leader", openSlots: 5000 });
});

test("a leader goes on with what phase 1 found also where an old announcement, not a Learn, filled its gap", () => {
  const votes = [vote(1, "1.3", "a"), vote(2, "1.3", "b")];
  const recovered = { ...nothing, promised: ballot("1.3"), votes, chosenUpTo: 1 };
  const replica = replicaOf({ configuration: configurationOf(3, 1), recovered });
  const write = (): void => {
    for (let next = replica.takeWrite(); next !== null; next = replica.takeWrite()) replica.writeDone(next.id);
  };
  const facts = {
    candidacy: null,
    promised: null,
    leaderBallot: null,
    content: false,
    chosenUpTo: 2,
    durableUpTo: 0,
    impaired: false,
    priority: 0,
  };
  let ms = 0;
  for (; ms < 500 && replica.status().role !== "candidate"; ms += 32) {
    replica.tick(ms, 0);
    const beat = replica.takeEffects().sends.find(({ message }) => message.kind === "beat")?.message;
    if (beat?.kind === "beat") replica.receive(2, { kind: "beatReply", ...facts, round: beat.round });
    write();
  }
  replica.receive(2, promise("2.1", { firstSlot: 2, votes: [vote(3, "1.3", "c")], chosenUpTo: 2 }));
  write();
  expect(replica.status()).toMatchObject({ role: "leader", chosenUpTo: 1, openSlots: 0 });
  replica.receive(3, { kind: "commit", ballot: ballot("1.3"), chosenUpTo: 2 });
  expect(replica.status()).toMatchObject({ role: "leader", chosenUpTo: 2, openSlots: 0 });
  replica.takeEffects();
  replica.tick(ms, 0);
  expect(replica.status()).toMatchObject({ role: "leader", openSlots: 1 });
  expect(replica.takeEffects().sends).toContainEqual(
    expect.objectContaining({
      message: { kind: "accept", ballot: ballot("2.1"), firstSlot: 3, values: [valueOf("c")], chosenUpTo: 2 },
    }),
  );
});

test("a promise with votes goes in the bulk lane, in small pages", () => {
  const votes = [1, 2, 3].map((slot) => vote(slot, "1.3", "x".repeat(60_000)));
  const replica = replicaOf({ recovered: { ...nothing, promised: ballot("1.3"), votes } });
  const answer = (fromSlot: number): unknown => {
    replica.receive(2, { kind: "prepare", ballot: ballot("2.2"), fromSlot });
    return replica
      .takeEffects()
      .sends.map(({ lane, message }) => [
        lane,
        message.kind === "promise" ? message.votes.map(({ slot }) => slot) : message.kind,
      ]);
  };
  expect([answer(1), answer(3), answer(4)]).toEqual([[["bulk", [1, 2]]], [["bulk", [3]]], [["control", []]]]);
});

test("the rounds end at the last safe integer with a clear error", () => {
  const promised = { round: Number.MAX_SAFE_INTEGER, node: 1 };
  const replica = replicaOf({ configuration: configurationOf(1, 8), recovered: { ...nothing, promised } });
  expect(() => replica.tick(0, 0)).toThrow(expect.objectContaining({ code: "RoundsExhausted" }));
});
