import type { Ballot, Configuration, StorageWrite } from "@synod/interface";
import { NOOP } from "@synod/multipaxos";
import { encodeBatch } from "@synod/rsm";
import { describe, expect, test } from "vitest";
import { type Invariant, Judge } from "../src/judge.js";
import { Ledger } from "../src/ledger.js";
import { Oracle } from "../src/oracle.js";
import { Life, type Process } from "../src/process.js";
import { isQuorum } from "../src/quorums.js";

const members = [1, 2, 3].map((id) => ({ id }));
const configuration: Configuration = { epoch: 1, members, alpha: 8, quorum: { kind: "majority" } };

/** Remembers every failure: of rules that imply each other all are seen. */
class Witness extends Judge {
  readonly seen: Invariant[] = [];
  override fail(invariant: Invariant, message: string): void {
    this.seen.push(invariant);
    super.fail(invariant, message);
  }
}

function world() {
  const judge = new Witness(() => 0);
  const ledger = new Ledger(judge, { encode: (value) => new TextEncoder().encode(JSON.stringify(value)) });
  const oracle = new Oracle({ judge, configuration, knownTags: ledger.tags });
  ledger.watch(oracle);
  const written = (node: number, write: Partial<StorageWrite>): void => {
    const whole = { votes: [], chosen: [], ...write };
    oracle.onWriteBegun(node, whole);
    oracle.onWriteDone(node, whole);
  };
  const vote = (node: number, ballot: Ballot, slot: number, value: Uint8Array): void =>
    written(node, { promised: ballot, votes: [{ ballot, slot, value }] });
  const life = new Life({} as Process, 1);
  const apply = (slot: number, index: number, tag: number, result: unknown = 0, timeMs = 0): void =>
    ledger.onApply({
      node: 1,
      life,
      tag,
      result,
      context: { slot, index, timeMs, machineVersion: 1, session: { slot: 1, index: 0 } },
    });
  for (const node of [1, 2]) written(node, { promised: A });
  return { judge, ledger, oracle, written, vote, apply };
}

type World = ReturnType<typeof world>;

/** A batch of commands with these tags. */
function batch(...tags: number[]): Uint8Array {
  const entries = tags.map((tag, i) => ({
    kind: "command" as const,
    ticket: { session: { slot: 1, index: 0 }, sequence: i + 1, floor: 0 },
    body: Uint8Array.of(0, 0, 0, tag),
  }));
  return encodeBatch(0, entries);
}

const A: Ballot = { round: 1, node: 1 };
const B: Ballot = { round: 2, node: 2 };
const identity = {
  clusterId: "c",
  nodeId: 1,
  storeId: "",
  founders: configuration,
  bootCount: 1,
  bootId: "",
};
const EMPTY = { identity, promised: null, votes: [], chosen: [], chosenUpTo: 0, leaseMs: 0, snapshot: null };

/** Commands 1 and 2 are known; command 1 is chosen in slot 1. */
function chosenOne(): World {
  const one = world();
  one.ledger.newTag();
  one.ledger.newTag();
  one.vote(1, A, 1, batch(1));
  one.vote(2, A, 1, batch(1));
  return one;
}

describe("each check bites", () => {
  test.each<[invariant: Invariant, what: string, act: (world: World) => void]>([
    ["one value per slot and ballot", "two votes", ({ vote }) => vote(3, A, 1, NOOP)],
    [
      "P2b",
      "a proposal above",
      ({ oracle }) => oracle.onSend(2, { kind: "accept", ballot: B, firstSlot: 1, values: [NOOP], chosenUpTo: 0 }),
    ],
    ["P2a", "a vote above", ({ vote }) => vote(3, B, 1, NOOP)],
    ["P2c", "a proposal without promises", ({ vote }) => vote(3, B, 2, NOOP)],
    [
      "P2c",
      "a proposal against the highest vote reported",
      ({ vote, written }) => {
        vote(2, A, 2, batch(2));
        written(2, { promised: B });
        written(3, { promised: B });
        vote(3, B, 2, NOOP);
      },
    ],
    [
      "P1a",
      "a vote below the promise",
      ({ written }) => {
        written(2, { promised: B });
        written(2, { votes: [{ ballot: A, slot: 2, value: NOOP }] });
      },
    ],
    ["only proposed values", "an unknown command", ({ vote }) => vote(3, A, 2, batch(9))],
    [
      "promise never falls",
      "a lower promise",
      ({ written }) => {
        written(3, { promised: B });
        written(3, { promised: A });
      },
    ],
    [
      "vote never falls",
      "a lower vote",
      ({ written }) => {
        written(2, { promised: B });
        const votes = [B, A].map((ballot) => ({ ballot, slot: 2, value: NOOP }));
        written(3, { promised: B, votes });
      },
    ],
    [
      "vote never falls",
      "a vote above the promise",
      ({ written }) => written(3, { votes: [{ ballot: A, slot: 2, value: NOOP }] }),
    ],
    ["agreement", "a wrong value learned", ({ written }) => written(3, { chosen: [{ slot: 1, value: NOOP }] })],
    [
      "agreement",
      "a value learned that is not chosen",
      ({ oracle }) => oracle.onSend(3, { kind: "learn", firstSlot: 2, values: [NOOP], chosenUpTo: 1 }),
    ],
    [
      "agreement",
      "an announcement too high",
      ({ oracle }) => oracle.onSend(1, { kind: "commit", ballot: A, chosenUpTo: 2 }),
    ],
    [
      "durable before sent",
      "a promise",
      ({ oracle }) =>
        oracle.onSend(3, {
          kind: "promise",
          ballot: A,
          firstSlot: 1,
          lastSlot: null,
          votes: [],
          chosenUpTo: 0,
          snapshotIndex: 0,
        }),
    ],
    [
      "durable before sent",
      "a vote",
      ({ oracle }) =>
        oracle.onSend(3, {
          kind: "accepted",
          ballot: A,
          slots: [[1, 1]],
          chosenUpTo: 0,
          durableUpTo: 0,
          applied: 0,
          creditBytes: 1,
        }),
    ],
    [
      "durable before sent",
      "a mark",
      ({ oracle }) =>
        oracle.onSend(1, {
          kind: "accepted",
          ballot: A,
          slots: [],
          chosenUpTo: 1,
          durableUpTo: 1,
          applied: 0,
          creditBytes: 1,
        }),
    ],
    ["durable before sent", "a mark without its value", ({ written }) => written(3, { chosenUpTo: 1 })],
    ["acknowledged writes survive", "a lost vote", ({ oracle }) => oracle.onRecovered(1, { ...EMPTY, promised: A })],
    [
      "acknowledged writes survive",
      "a lost promise",
      ({ oracle, written }) => {
        written(3, { promised: A });
        oracle.onRecovered(3, EMPTY);
      },
    ],
    [
      "acknowledged writes survive",
      "an invented vote",
      ({ oracle }) =>
        oracle.onRecovered(3, { ...EMPTY, promised: A, votes: [{ ballot: A, slot: 1, value: batch(1) }] }),
    ],
    ["agreement", "a command executed that is not chosen", ({ apply }) => apply(1, 0, 2)],
    [
      "in-order apply",
      "twice the same place",
      ({ apply }) => {
        apply(1, 0, 1);
        apply(1, 0, 1);
      },
    ],
    [
      "exactly once",
      "a command in two places",
      ({ vote, apply }) => {
        vote(1, A, 2, batch(1));
        vote(2, A, 2, batch(1));
        apply(1, 0, 1);
        apply(2, 0, 1);
      },
    ],
    [
      "refused means never executed",
      "before",
      ({ apply, ledger }) => {
        apply(1, 0, 1);
        ledger.onRefused(1);
      },
    ],
    [
      "refused means never executed",
      "after",
      ({ apply, ledger }) => {
        ledger.onRefused(1);
        apply(1, 0, 1);
      },
    ],
    ["logged time follows the clocks", "a jump", ({ apply }) => apply(1, 0, 1, 0, 60_000)],
    [
      "logged time never leaps",
      "a jump between two commands",
      ({ apply, ledger, vote }) => {
        apply(1, 0, 1);
        ledger.newTag();
        vote(1, A, 2, batch(2));
        vote(2, A, 2, batch(2));
        apply(2, 0, 2, 0, 400);
      },
    ],
    ["acknowledged means chosen", "an answer to nothing", ({ ledger }) => ledger.onAnswer(2)],
    [
      "acknowledged never lost",
      "an answer beyond the log",
      ({ apply, ledger }) => {
        apply(1, 0, 1);
        ledger.onAnswer(1);
        ledger.checkNothingLost(0);
      },
    ],
  ])("%s: %s", (invariant, _, act) => {
    const one = chosenOne();
    expect(one.judge.failure).toBeNull();
    act(one);
    expect(one.judge.failure?.invariant).toBe(invariant);
  });

  test("two chosen values break every rule of the paper", () => {
    const { judge, vote } = chosenOne();
    vote(2, B, 1, NOOP);
    vote(3, B, 1, NOOP);
    expect(new Set(judge.seen)).toEqual(new Set(["P2", "P2a", "P2b", "P2c", "agreement"]));
  });

  test("a value adopted from the highest vote, or free where none was cast, breaks nothing", () => {
    const { judge, vote, written } = chosenOne();
    for (const node of [2, 3]) written(node, { promised: B });
    for (const node of [2, 3]) vote(node, B, 1, batch(1));
    for (const node of [2, 3]) vote(node, B, 2, NOOP);
    expect(judge.seen).toEqual([]);
  });

  test("a write that was under way may be found, or not", () => {
    for (const found of [true, false]) {
      const { judge, oracle } = world();
      const write = { promised: A, votes: [{ ballot: A, slot: 1, value: NOOP }], chosen: [] };
      oracle.onWriteBegun(1, write);
      const votes = found ? write.votes : [];
      oracle.onRecovered(1, { ...EMPTY, promised: A, votes });
      expect(judge.failure).toBeNull();
    }
  });
});

test.each([
  [{ kind: "majority" } as const, [1, 2], true],
  [{ kind: "majority" } as const, [1], false],
  [{ kind: "sizes", phase1: 3, phase2: 1 } as const, [3], true],
  [
    {
      kind: "weights",
      weights: [
        [1, 2],
        [2, 1],
        [3, 1],
      ],
      phase1: 3,
      phase2: 3,
    } as const,
    [2, 3],
    false,
  ],
  [
    {
      kind: "weights",
      weights: [
        [1, 2],
        [2, 1],
        [3, 1],
      ],
      phase1: 3,
      phase2: 3,
    } as const,
    [1, 3],
    true,
  ],
  [{ kind: "grid", rows: [[1], [2], [3]] } as const, [1, 2, 3], true],
  [{ kind: "grid", rows: [[1], [2], [3]] } as const, [1, 2], false],
])("phase-2 quorums of %j: %j is %s", (spec, ids, expected) => {
  expect(isQuorum(spec, 3, "phase2", new Set(ids))).toBe(expected);
});
