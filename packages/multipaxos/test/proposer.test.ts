import { describe, expect, test, vi } from "vitest";
import { quorumSystem } from "@synod/paxos";
import { ChosenLog, NOOP, Proposer, type Proposal } from "../src/index.js";
import { textOf, valueOf } from "./disk.js";
import { ballot, majorityOf, oneConfiguration, promise, vote } from "./support.js";

interface Setup {
  readonly chosenUpTo?: number;
  readonly alpha?: number;
  readonly quorums?: ReturnType<typeof majorityOf>;
  readonly inFlightBytesMax?: number;
}

function proposerOf({
  chosenUpTo = 0,
  alpha = 8,
  quorums = majorityOf(1, 2, 3),
  inFlightBytesMax = 1000,
}: Setup = {}): {
  proposer: Proposer;
  log: ChosenLog;
} {
  const log = new ChosenLog(chosenUpTo, { vote: () => undefined, slots: () => [] });
  const audience = (): readonly number[] => quorums.members;
  const configurations = oneConfiguration(quorums, alpha);
  return { proposer: new Proposer({ me: 1, configurations, audience, inFlightBytesMax, resendMs: 10, log }), log };
}

/** Leads in ballot 3.1 with what these promises report. */
function leading(setup: Setup, ...pages: Parameters<typeof promise>[1][]): ReturnType<typeof proposerOf> {
  const made = proposerOf(setup);
  made.proposer.start(ballot("2.2"), 0);
  const firstSlot = made.proposer.fromSlot;
  pages.forEach((page, i) => made.proposer.onPromise(i + 1, promise("3.1", { firstSlot, ...page }), 0));
  expect(made.proposer.phase).toBe("lead");
  return made;
}

const shown = (proposals: readonly Proposal[]): string[] =>
  proposals.map(({ slot, value }) => `${slot}=${textOf(value)}`);

describe("phase 1", () => {
  test("starts above everything seen and above the chosen prefix", () => {
    const { proposer } = proposerOf({ chosenUpTo: 7 });
    expect(proposer.start(ballot("4.3"), 0)).toEqual(ballot("5.1"));
    expect(proposer.fromSlot).toBe(8);
    expect(proposer.unpromised(0, 40)).toEqual([1, 2, 3].map((to) => ({ to, fromSlot: 8 })));
  });

  test("needs a quorum of different members in this ballot", () => {
    const { proposer } = proposerOf();
    proposer.start(ballot("2.2"), 0);
    const elected = (from: number, b: string): boolean => proposer.onPromise(from, promise(b), 0).elected;
    expect(elected(2, "3.1")).toBe(false);
    expect(elected(2, "3.1")).toBe(false);
    expect(elected(3, "2.1")).toBe(false);
    expect(elected(9, "3.1")).toBe(false);
    expect(elected(3, "3.1")).toBe(true);
    // Late ones change nothing.
    expect(elected(1, "3.1")).toBe(false);
  });

  test("an abandoned ballot's promises do not count for the next", () => {
    const { proposer } = proposerOf();
    proposer.start(ballot("2.2"), 0);
    proposer.onPromise(2, promise("3.1"), 0);
    proposer.start(ballot("3.1"), 0);
    expect(proposer.onPromise(3, promise("3.1"), 0).elected).toBe(false);
    expect(proposer.onPromise(3, promise("4.1"), 0).elected).toBe(false);
    expect(proposer.phase).toBe("prepare");
  });

  test("a member is asked again once neither a question nor a page of it was there for a while", () => {
    const { proposer } = proposerOf();
    proposer.start(ballot("2.2"), 0);
    const asked = (ms: number): unknown => proposer.unpromised(ms, 40).map(({ to, fromSlot }) => `${to}:${fromSlot}`);
    expect(asked(0)).toEqual(["1:1", "2:1", "3:1"]);
    proposer.onPromise(2, promise("3.1", { lastSlot: 3 }), 30);
    expect([asked(39), asked(40), asked(69), asked(70), asked(79)]).toEqual([[], ["1:1", "3:1"], [], ["2:4"], []]);
  });

  test("pages must reach from the start to the end without a hole", () => {
    const { proposer } = proposerOf();
    proposer.start(ballot("2.2"), 0);
    proposer.onPromise(1, promise("3.1"), 0);
    const page = (firstSlot: number, lastSlot: number | null): unknown =>
      proposer.onPromise(2, promise("3.1", { firstSlot, lastSlot }), 0);
    const nothing = { next: null, elected: false };
    expect(page(4, null)).toEqual(nothing);
    expect(page(1, 3)).toEqual({ ...nothing, next: 4 });
    expect(proposer.unpromised(40, 40)).toEqual([
      { to: 2, fromSlot: 4 },
      { to: 3, fromSlot: 1 },
    ]);
    expect(page(1, 2)).toEqual(nothing);
    expect(page(6, null)).toEqual(nothing);
    expect(page(2, 5)).toEqual({ ...nothing, next: 6 });
    expect(page(6, null)).toEqual({ ...nothing, elected: true });
  });

  test("a page with a vote above its own ballot is no promise", () => {
    const { proposer } = proposerOf();
    proposer.start(ballot("2.2"), 0);
    proposer.onPromise(1, promise("3.1"), 0);
    expect(proposer.onPromise(2, promise("3.1", { votes: [vote(1, "3.2", "x")] }), 0).elected).toBe(false);
  });

  test("two values in one ballot stop the node", () => {
    const { proposer } = proposerOf();
    proposer.start(ballot("2.2"), 0);
    proposer.onPromise(2, promise("3.1", { lastSlot: 1, votes: [vote(1, "1.1", "a")] }), 0);
    expect(() => proposer.onPromise(3, promise("3.1", { votes: [vote(1, "1.1", "b")] }), 0)).toThrow(
      expect.objectContaining({ code: "InvariantViolated" }),
    );
  });

  test("the votes of earlier pages are kept", () => {
    const { proposer } = proposerOf();
    proposer.start(ballot("2.2"), 0);
    proposer.onPromise(1, promise("3.1"), 0);
    proposer.onPromise(2, promise("3.1", { lastSlot: 1, votes: [vote(1, "1.1", "a")] }), 0);
    proposer.onPromise(2, promise("3.1", { firstSlot: 2, votes: [vote(2, "1.1", "b")] }), 0);
    expect(shown(proposer.recover(0))).toEqual(["1=a", "2=b"]);
  });

  test("what one page reports as chosen raises the base, whatever the later ones say", () => {
    const { proposer } = proposerOf();
    proposer.start(ballot("2.2"), 0);
    proposer.onPromise(1, promise("3.1"), 0);
    // A restart between two pages: the second life knows less.
    proposer.onPromise(2, promise("3.1", { lastSlot: 5, chosenUpTo: 4, votes: [vote(5, "1.1", "e")] }), 0);
    proposer.onPromise(2, promise("3.1", { firstSlot: 6, chosenUpTo: 1 }), 0);
    expect([proposer.base, proposer.barrier, proposer.next]).toEqual([4, 5, 5]);
    expect(shown(proposer.recover(0))).toEqual(["5=e"]);
  });

  test("a grid is asked by rows", () => {
    const rows = [
      [1, 2],
      [3, 4],
    ];
    const { proposer } = proposerOf({ quorums: quorumSystem({ kind: "grid", rows }, [1, 2, 3, 4]) });
    proposer.start(null, 0);
    expect(proposer.onPromise(1, promise("1.1"), 0).elected).toBe(false);
    expect(proposer.onPromise(3, promise("1.1"), 0).elected).toBe(false);
    expect(proposer.onPromise(4, promise("1.1"), 0).elected).toBe(true);
  });
});

describe("recovery", () => {
  test("takes the value of the highest ballot, and no-ops in between", () => {
    const { proposer } = leading(
      {},
      { votes: [vote(1, "1.1", "z"), vote(3, "2.2", "c")] },
      { votes: [vote(1, "2.3", "a")] },
    );
    expect(shown(proposer.recover(0))).toEqual(["1=a", "2=noop", "3=c"]);
    expect(proposer.barrier).toBe(3);
  });

  test.each(["chosenUpTo", "snapshotIndex"])("never fills what a %s covers", (field) => {
    const { proposer } = leading({}, { votes: [vote(2, "1.1", "b")] }, { [field]: 5, votes: [vote(7, "1.1", "g")] });
    expect(proposer.base).toBe(5);
    expect(shown(proposer.recover(0))).toEqual(["6=noop", "7=g"]);
  });

  test("waits for the window, and new values wait for recovery", () => {
    const { proposer, log } = leading({ alpha: 2 }, {}, { votes: [vote(1, "1.1", "a"), vote(3, "1.1", "c")] });
    expect(shown(proposer.recover(0))).toEqual(["1=a", "2=noop"]);
    expect([proposer.recovering, proposer.capacity(), proposer.propose(valueOf("x"), 0)]).toEqual([true, 0, null]);
    log.learn(1, valueOf("a"));
    expect(shown(proposer.recover(0))).toEqual(["3=c"]);
    expect([proposer.recovering, proposer.capacity()]).toEqual([false, 0]);
    log.learn(2, NOOP);
    expect(shown([proposer.propose(valueOf("x"), 0)].flatMap((p) => p ?? []))).toEqual(["4=x"]);
  });

  test("a slot known as chosen above a gap is proposed with the known value", () => {
    const { proposer, log } = proposerOf();
    log.learn(2, valueOf("b"));
    proposer.start(ballot("2.2"), 0);
    proposer.onPromise(1, promise("3.1"), 0);
    proposer.onPromise(2, promise("3.1", { votes: [vote(3, "1.2", "c")] }), 0);
    expect(shown(proposer.recover(0))).toEqual(["1=noop", "2=b", "3=c"]);
  });

  test("nothing of it outlives the ballot", () => {
    const { proposer } = leading({}, {}, { votes: [vote(1, "1.1", "a")] });
    proposer.recover(0);
    proposer.stop();
    expect([proposer.phase, proposer.ballot, proposer.open.size, proposer.open.bytes]).toEqual(["idle", null, 0, 0]);
    proposer.start(ballot("3.1"), 0);
    proposer.onPromise(1, promise("4.1"), 0);
    proposer.onPromise(3, promise("4.1"), 0);
    expect(shown(proposer.recover(0))).toEqual([]);
    expect(proposer.onAccepted(2, ballot("3.1"), [[1, 1]], 0)).toEqual([]);
  });
});

describe("the end of a leadership by what others know", () => {
  test.each([
    // Slots 1..3 are found by phase 1, alpha 1: next is 2, the barrier 3.
    [1, false],
    [2, false],
    [3, false],
    [4, true],
  ])("slot %i is chosen while recovery is under way", (slot, ends) => {
    const { proposer } = leading(
      { alpha: 1 },
      {},
      { votes: ["a", "b", "c"].map((text, i) => vote(i + 1, "1.1", text)) },
    );
    proposer.recover(0);
    expect(proposer.endsWith(slot)).toBe(ends);
  });

  test.each([
    [1, false],
    [2, true],
  ])("slot %i is chosen while slot 1 is the last proposed", (slot, ends) => {
    const { proposer } = leading({}, {}, {});
    proposer.propose(valueOf("a"), 0);
    expect(proposer.endsWith(slot)).toBe(ends);
    proposer.stop();
    expect(proposer.endsWith(slot)).toBe(false);
  });
});

describe("phase 2", () => {
  test("counts members once, in this ballot, per slot", () => {
    const { proposer } = leading({}, {}, {});
    proposer.propose(valueOf("a"), 0);
    proposer.propose(valueOf("b"), 0);
    const accepted = (from: number, b: string, ...slots: [number, number][]): number[] =>
      proposer.onAccepted(from, ballot(b), slots, 0).map(({ slot }) => slot);
    expect(accepted(2, "3.1", [1, 1])).toEqual([]);
    expect(accepted(2, "3.1", [1, 1])).toEqual([]);
    expect(accepted(3, "2.2", [1, 1])).toEqual([]);
    expect(accepted(3, "3.1", [2, 2])).toEqual([]);
    expect(accepted(9, "3.1", [1, 2])).toEqual([]);
    expect(accepted(1, "3.1", [1, 2])).toEqual([1, 2]);
    expect(accepted(3, "3.1", [1, 2], [5, 900])).toEqual([]);
    expect(proposer.open.size).toBe(0);
  });

  test("a wide window is filled a part at a time", () => {
    const { proposer } = leading({ alpha: 40_000, inFlightBytesMax: Infinity }, {}, {});
    proposer.fill(40_000);
    const counts = [1, 2, 3, 4].map(() => proposer.recover(0).length);
    expect(counts).toEqual([16_384, 16_384, 7_232, 0]);
  });

  test("one absurd range, or many, cost a walk over the open slots and no more", () => {
    const { proposer } = leading({ alpha: 5000, inFlightBytesMax: Infinity }, {}, {});
    for (let slot = 1; slot <= 5000; slot++) proposer.propose(valueOf("a"), 0);
    proposer.onAccepted(1, ballot("3.1"), [[1, 4990]], 0);
    proposer.onAccepted(2, ballot("3.1"), [[1, 4990]], 0);
    expect(proposer.open.size).toBe(10);
    const reads = vi.spyOn(Map.prototype, "get");
    const wide = Array.from({ length: 100 }, (): [number, number] => [1, Number.MAX_SAFE_INTEGER]);
    proposer.onAccepted(3, ballot("3.1"), wide, 0);
    const count = reads.mock.calls.length;
    reads.mockRestore();
    expect(count).toBeLessThan(20);
  });

  test("a member that is slow to vote is waited for, and one whose connection broke is not", () => {
    const { proposer } = leading({ alpha: 100 }, {}, {});
    const late = (nowMs: number): string[] =>
      proposer.open.overdue(nowMs, 100).flatMap(({ to, proposals }) => (to[0] === 2 ? shown(proposals) : []));
    proposer.propose(valueOf("a"), 0);
    proposer.onAccepted(2, ballot("3.1"), [[1, 1]], 9);
    proposer.propose(valueOf("b"), 10);
    expect([late(27), late(28)]).toEqual([[], ["2=b"]]);
    const voted = (slot: number, nowMs: number, from = 2): unknown =>
      proposer.onAccepted(from, ballot("3.1"), [[slot, slot]], nowMs);
    // Slower: its next votes are waited for accordingly.
    voted(2, 80);
    proposer.propose(valueOf("c"), 110);
    expect([late(249), late(250)]).toEqual([[], ["3=c"]]);
    expect(late(275)).toEqual([]);
    proposer.open.lost(2);
    expect(late(275)).toEqual(["3=c"]);
    voted(3, 280);
    // However slow it was, it is asked again after sixteen waits.
    proposer.propose(valueOf("d"), 300);
    voted(4, 99_999);
    proposer.propose(valueOf("e"), 100_000);
    expect([late(100_159), late(100_160)]).toEqual([[], ["5=e"]]);
    voted(5, 100_170);
    // A vote that came too late to matter tells how long it took all the same.
    proposer.propose(valueOf("f"), 200_000);
    voted(6, 200_001, 1);
    voted(6, 200_001, 3);
    voted(6, 200_030);
    proposer.propose(valueOf("g"), 200_100);
    expect([late(200_159), late(200_160)]).toEqual([[], ["7=g"]]);
  });

  test("the window ends at alpha above the contiguous chosen prefix", () => {
    const { proposer, log } = leading({ alpha: 2, chosenUpTo: 10 }, {}, {});
    expect(proposer.capacity()).toBe(2);
    expect(proposer.propose(valueOf("a"), 0)?.slot).toBe(11);
    expect(proposer.propose(valueOf("b"), 0)?.slot).toBe(12);
    expect(proposer.propose(valueOf("c"), 0)).toBeNull();
    // Out of order: the prefix stands still, and so does the window.
    log.learn(12, valueOf("b"));
    proposer.open.settled(12);
    expect(proposer.capacity()).toBe(0);
    log.learn(11, valueOf("a"));
    proposer.open.settled(11);
    expect(proposer.capacity()).toBe(2);
  });

  test("bytes in flight close the window", () => {
    const { proposer } = leading({ inFlightBytesMax: 4 }, {}, {});
    proposer.propose(valueOf("abc"), 0);
    expect([proposer.open.bytes, proposer.capacity()]).toEqual([4, 0]);
    proposer.open.settled(1);
    expect([proposer.open.bytes, proposer.capacity()]).toEqual([0, 7]);
  });

  test("overdue slots go to those that have not voted, less and less often, a frame's worth at a time", () => {
    const { proposer } = leading({}, {}, {});
    proposer.propose(valueOf("a"), 0);
    proposer.propose(valueOf("b"), 0);
    proposer.onAccepted(2, ballot("3.1"), [[1, 1]], 0);
    const late = (nowMs: number, bytes = 100): unknown[][] =>
      proposer.open.overdue(nowMs, bytes).map(({ to, proposals }) => [to[0], shown(proposals).join(" ")]);
    expect(late(9)).toEqual([]);
    expect(late(10)).toEqual([
      [1, "1=a 2=b"],
      [2, "2=b"],
      [3, "1=a 2=b"],
    ]);
    expect(late(29)).toEqual([]);
    expect(late(30, 1)).toEqual([
      [1, "1=a"],
      [2, "2=b"],
      [3, "1=a"],
    ]);
    // What went again is answered, so the next may go; the others are waited for.
    proposer.onAccepted(3, ballot("2.1"), [[1, 1]], 31);
    expect(late(69, 1)).toEqual([]);
    proposer.onAccepted(3, ballot("3.1"), [[1, 1]], 69);
    expect(late(138, 1)).toEqual([
      [1, "2=b"],
      [2, "2=b"],
      [3, "2=b"],
    ]);
  });
});
