import { describe, expect, test } from "vitest";
import { quorumSystem } from "@synod/paxos";
import { ChosenLog, Proposer } from "../src/index.js";
import { replicaSettings } from "../src/settings.js";
import { thriftyQuorum } from "../src/thrift.js";
import { configurationOf, valueOf } from "./disk.js";
import { led, ROUND_MS, type Story, TIMEOUT_MS } from "./story.js";
import { ballot, majorityOf, oneConfiguration, promise } from "./support.js";

const SETTINGS = { thrifty: true, resendMs: 40 };

const accepts = (story: Story): string[] => story.take().filter((line) => line.includes(" accept "));

describe("a thrifty quorum", () => {
  test("is of those that come first, and of no more than it takes", () => {
    const of = (quorums: ReturnType<typeof majorityOf>, ids: number[]): number[] | null => {
      const chosen = thriftyQuorum(quorums, 1, ids);
      return chosen === null ? null : [...chosen].sort((a, b) => a - b);
    };
    expect(of(majorityOf(1, 2, 3, 4, 5), [4, 2, 3, 5])).toEqual([1, 2, 4]);
    expect(of(majorityOf(1, 2, 3, 4, 5), [4])).toBe(null);
    const grid = quorumSystem(
      {
        kind: "grid",
        rows: [
          [1, 2, 3],
          [4, 5, 6],
        ],
      },
      [1, 2, 3, 4, 5, 6],
    );
    // A column of 1: those before 4 are not needed.
    expect(of(grid, [2, 3, 4, 5])).toEqual([1, 4]);
    expect(of(quorumSystem({ kind: "sizes", phase1: 5, phase2: 1 }, [1, 2, 3, 4, 5]), [2])).toEqual([1]);
    const weights = {
      kind: "weights",
      weights: [
        [1, 1],
        [2, 1],
        [3, 3],
      ],
      phase1: 3,
      phase2: 3,
    } as const;
    expect(of(quorumSystem(weights, [1, 2, 3]), [2, 3])).toEqual([1, 3]);
    // A leader that is no voter any more does not count itself.
    expect(of(majorityOf(2, 3, 4), [2, 3, 4])).toEqual([1, 2, 3]);
  });

  test("is a matter of true or false", () => {
    expect(() => replicaSettings({ thrifty: 1 as unknown as boolean })).toThrow(/thrifty must be true or false/);
    expect(replicaSettings().thrifty).toBe(false);
  });
});

describe("a thrifty leader", () => {
  test("sends a value to the rest of a quorum; the others hear that it is chosen, and fetch it", () => {
    const story = led(5, SETTINGS);
    story.propose(1, "a");
    expect(accepts(story)).toEqual(["1>2 accept 1.1 s1 a upto 0", "1>3 accept 1.1 s1 a upto 0"]);
    expect(story.executed).toEqual([["a"], ["a"], ["a"], [], []]);
    story.pass(ROUND_MS);
    expect(story.executed).toEqual([["a"], ["a"], ["a"], ["a"], ["a"]]);
    expect(story.actor(1).notices.some(({ kind }) => kind === "widened")).toBe(false);
  });

  test("asks the others where a member of the quorum is silent, and then leaves the silent one out", () => {
    const story = led(5, SETTINGS);
    story.lose((_from, to, { kind }) => to === 3 && kind === "accept");
    story.propose(1, "a");
    expect(story.executed[0]).toEqual([]);
    story.pass(40 - ROUND_MS);
    expect(story.executed[0]).toEqual([]);
    story.pass(2 * ROUND_MS);
    expect(story.executed[0]).toEqual(["a"]);
    expect(story.actor(1).notices.filter(({ kind }) => kind === "widened")).toEqual([
      { kind: "widened", slot: 1 },
      { kind: "widened", slot: 1 },
    ]);
    story.take();
    story.propose(1, "b");
    expect(accepts(story)).toEqual(["1>2 accept 1.1 s2 b upto 1", "1>4 accept 1.1 s2 b upto 1"]);
    expect(story.executed[0]).toEqual(["a", "b"]);
  });

  test("asks everybody for the next while a slot waits for those that were left out", () => {
    const story = led(3, SETTINGS);
    story.lose((_from, to, { kind }) => kind === "accept" && to === 2);
    story.propose(1, "a");
    story.lose((_from, _to, { kind }) => kind === "accept");
    story.pass(50);
    story.take();
    story.heal();
    story.propose(1, "b");
    expect(accepts(story)).toEqual(["1>2 accept 1.1 s2 b upto 0", "1>3 accept 1.1 s2 b upto 0"]);
  });

  test("counts on no member that is not heard", () => {
    const story = led(5, SETTINGS);
    story.crash(2);
    story.pass(TIMEOUT_MS + ROUND_MS);
    story.take();
    story.propose(1, "a");
    expect(accepts(story)).toEqual(["1>3 accept 1.1 s1 a upto 0", "1>4 accept 1.1 s1 a upto 0"]);
    expect(story.executed[0]).toEqual(["a"]);
  });

  test("sends to everybody where too few are heard", () => {
    const story = led(3, SETTINGS);
    story.do(1, (replica) => {
      for (const peer of [2, 3]) replica.peerLost(peer);
      replica.propose(valueOf("a"));
    });
    expect(accepts(story)).toEqual(["1>2 accept 1.1 s1 a upto 0", "1>3 accept 1.1 s1 a upto 0"]);
  });

  test("sends to members without a vote all the same: they follow the log by it", () => {
    const configuration = configurationOf(4, 64);
    const members = configuration.members.map((m) => (m.id === 4 ? { ...m, role: "learner" as const } : m));
    const story = led({ ...configuration, members }, SETTINGS);
    story.propose(1, "a");
    expect(accepts(story)).toEqual(["1>2 accept 1.1 s1 a upto 0", "1>4 accept 1.1 s1 a upto 0"]);
  });

  test("takes others where one has no credit", () => {
    const story = led(3, { ...SETTINGS, creditBytesMax: 5 });
    story.lose((_from, to) => to === 1);
    story.propose(1, "abcd");
    story.take();
    story.propose(1, "efgh");
    expect(accepts(story)).toEqual(["1>3 accept 1.1 s2 efgh upto 0"]);
  });
});

test("those that are left out are not asked before the others had as long as they take", () => {
  const log = new ChosenLog(0, { vote: () => undefined, slots: () => [] });
  const quorums = majorityOf(1, 2, 3);
  const proposer = new Proposer({
    me: 1,
    configurations: oneConfiguration(quorums, 8),
    audience: () => quorums.members,
    thrifty: (id) => id === 2,
    inFlightBytesMax: 1000,
    resendMs: 10,
    log,
  });
  proposer.start(ballot("2.2"), 0);
  for (const id of [1, 2]) proposer.onPromise(id, promise("3.1"), 0);
  proposer.propose(valueOf("a"), 0);
  proposer.onAccepted(1, ballot("3.1"), [[1, 1]], 30);
  proposer.onAccepted(2, ballot("3.1"), [[1, 1]], 30);
  proposer.propose(valueOf("b"), 100);
  expect([2, 3].map((id) => proposer.open.leavesOut(2, id))).toEqual([false, true]);
  const asked = (nowMs: number): number[] =>
    proposer.open.overdue(nowMs, 1000).flatMap(({ to }) => to.filter((id) => id > 1));
  expect([asked(159), asked(160)]).toEqual([[], [2, 3]]);
});

test("whoever votes sooner is asked, also where the other comes first and answers well", () => {
  const quorums = majorityOf(1, 2, 3);
  const proposer = new Proposer({
    me: 1,
    configurations: oneConfiguration(quorums, 8),
    audience: () => quorums.members,
    thrifty: () => true,
    inFlightBytesMax: 1000,
    resendMs: 100,
    log: new ChosenLog(0, { vote: () => undefined, slots: () => [] }),
  });
  proposer.start(ballot("2.2"), 0);
  for (const id of [1, 2]) proposer.onPromise(id, promise("3.1"), 0);
  /** Who is asked for a vote in the next slot, which takes so long. */
  const asked = (slot: number, takesMs: number): number[] => {
    const nowMs = slot * 1000;
    proposer.propose(valueOf("a"), nowMs);
    const voters = [2, 3].filter((id) => !proposer.open.leavesOut(slot, id));
    for (const id of [1, ...voters]) proposer.onAccepted(id, ballot("3.1"), [[slot, slot]], nowMs + takesMs);
    return voters;
  };
  // Whom it never asked may be the fastest.
  expect([asked(1, 5), asked(2, 1)]).toEqual([[2], [3]]);
  expect([asked(3, 2), asked(4, 9), asked(5, 3), asked(6, 9)]).toEqual([[3], [3], [2], [2]]);
  expect(asked(7, 1)).toEqual([2]);
});
