import type { Configuration } from "@synod/interface";
import { describe, expect, test } from "vitest";
import { encodeConfigurationValue } from "../src/index.js";
import { boundMs, Grantor, heldMs, Lease } from "../src/leases.js";
import { configurationOf } from "./disk.js";
import { led, ROUND_MS, Story, TIMEOUT_MS } from "./story.js";
import { ballot, majorityOf } from "./support.js";

const TERMS = { durationMs: 100, driftPercent: 10 };
const X = Uint8Array.of(3, 1);
const members = majorityOf(1, 2, 3);
const withLease = (nodes = 3): Configuration => ({ ...configurationOf(nodes, 64), lease: TERMS });
const leased = (): Story => {
  const story = led(withLease());
  story.pass(2 * ROUND_MS);
  return story;
};

test("the leader counts less than the duration, the grantor more", () => {
  expect([heldMs(TERMS), boundMs(TERMS)]).toEqual([90, 110]);
  expect(boundMs({ durationMs: 1000, driftPercent: 1 })).toBe(1010);
});

describe("what a leader holds", () => {
  test("lasts from when it asked, and as long as its grantors are a phase-2 quorum", () => {
    const lease = new Lease();
    const [first, second] = [lease.ask(0, 90), lease.ask(30, 90)];
    lease.onGrant(1, second);
    expect(lease.untilMs(members, 90)).toBe(Number.NEGATIVE_INFINITY);
    lease.onGrant(2, first);
    expect(lease.untilMs(members, 90)).toBe(90);
    lease.onGrant(3, second);
    expect(lease.untilMs(members, 90)).toBe(120);
  });

  test("a grant of an earlier question shortens nothing, one that nobody asked for gives nothing", () => {
    const lease = new Lease();
    const [first, second] = [lease.ask(0, 90), lease.ask(30, 90)];
    for (const nonce of [second, first, 99]) for (const id of [1, 2]) lease.onGrant(id, nonce);
    expect(lease.untilMs(members, 90)).toBe(120);
    lease.drop();
    for (const id of [1, 2]) lease.onGrant(id, second);
    expect(lease.untilMs(members, 90)).toBe(Number.NEGATIVE_INFINITY);
  });
});

describe("what a grantor promised", () => {
  const [a, b] = [ballot("1.1"), ballot("2.2")];

  test("another ballot waits, the same does not", () => {
    const grantor = new Grantor(0);
    grantor.grant(a, 1, 110);
    expect([grantor.leftMs(b, 100), grantor.leftMs(null, 100), grantor.leftMs(a, 100), grantor.leftMs(b, 110)]).toEqual(
      [10, 10, 0, 0],
    );
    expect([grantor.free(b, 1, b, 100), grantor.free(a, 1, null, 100)]).toEqual([false, true]);
  });

  test("after a start every ballot waits as long as the longest lease, whenever the clock begins", () => {
    const grantor = new Grantor(111);
    expect(grantor.leftMs(a, 0)).toBe(Infinity);
    grantor.started(5_000);
    expect([grantor.leftMs(a, 5_000), grantor.leftMs(a, 5_111)]).toEqual([111, 0]);
    expect([grantor.free(a, 1, null, 5_001), grantor.free(a, 1, a, 5_001)]).toEqual([false, true]);
  });

  test("a released lease is over, and a question of before gives it no second life", () => {
    const grantor = new Grantor(0);
    grantor.grant(a, 1, 110);
    grantor.release(ballot("0.3"), 7);
    expect(grantor.leftMs(b, 0)).toBe(110);
    grantor.release(a, 7);
    expect([grantor.leftMs(b, 0), grantor.free(a, 7, null, 0), grantor.free(a, 8, null, 0)]).toEqual([0, false, true]);
  });
});

describe("a cluster with leases", () => {
  const ask = (story: Story, id: number): number => {
    story.do(id, (replica) => replica.read(1));
    return story.actor(id).reads.splice(0).length;
  };

  test("the leader answers alone while its lease lasts, and not after", () => {
    const story = leased();
    story.take();
    expect(ask(story, 1)).toBe(1);
    expect(story.take()).toEqual([]);
    story.only([1], [2, 3]);
    story.pass(40);
    expect(ask(story, 1)).toBe(1);
    story.pass(80);
    expect(ask(story, 1)).toBe(0);
  });

  test("grantors promise nothing to another ballot meanwhile, and say for how long", () => {
    const story = leased();
    story.take();
    story.deliver(3, 2, { kind: "prepare", ballot: ballot("9.3"), fromSlot: 1 });
    expect(story.take().at(-1)).toMatch(/^2>3 reject 9\.3 promised 1\.1 content leased \d+ ms$/);
    expect(story.replica(2).status().promised).toEqual(ballot("1.1"));
  });

  test("nobody campaigns while its own grant lasts", () => {
    const story = led({ ...withLease(), lease: { durationMs: 10 * TIMEOUT_MS, driftPercent: 0 } });
    story.pass(4 * TIMEOUT_MS);
    story.crash(1);
    const campaigns = (): number =>
      [2, 3].flatMap((id) => story.actor(id).notices).filter((n) => n.kind === "campaign").length;
    // The last grant is at most a quarter of its time old.
    story.pass(7 * TIMEOUT_MS);
    expect(campaigns()).toBe(0);
    story.pass(6 * TIMEOUT_MS);
    expect(campaigns()).toBeGreaterThan(0);
    expect(story.leaders).toHaveLength(1);
  });

  test("the longest lease is on disk before the grant leaves, and once", () => {
    const story = new Story(withLease());
    story.holdWrites(2);
    story.elect();
    story.pass(4 * ROUND_MS);
    expect(story.take().filter((line) => line.startsWith("2>1 leaseGrant"))).toEqual([]);
    story.flush(2);
    expect(story.actor(2).disk.leaseMs).toBe(boundMs(TERMS));
    expect(story.take().filter((line) => line.startsWith("2>1 leaseGrant")).length).toBeGreaterThan(0);
    const { writes } = story.actor(2);
    story.pass(5 * ROUND_MS);
    expect(story.actor(2).writes).toBe(writes);
  });

  test("a grantor that restarts waits before it promises", () => {
    const story = leased();
    story.crash(2);
    story.start(2);
    story.take();
    story.deliver(3, 2, { kind: "prepare", ballot: ballot("9.3"), fromSlot: 1 });
    expect(story.take().at(-1)).toMatch(/leased 110 ms$/);
    story.lose((from, to) => from !== 3 || to !== 2);
    story.pass(120);
    story.heal();
    story.deliver(3, 2, { kind: "prepare", ballot: ballot("9.3"), fromSlot: 1 });
    expect(story.take()).toContain("2>3 promise 9.3 1.. {} upto 0");
  });

  test("a leader that stood still asks for a lease anew", () => {
    const story = leased();
    story.do(1, (replica) => replica.tick(story.now + TERMS.durationMs / 2 + 1, 0));
    expect(story.actor(1).notices).toContainEqual({ kind: "leaseDropped", reason: "the process stood still" });
    story.lose(() => true);
    expect(ask(story, 1)).toBe(0);
  });

  test("a deposed leader uses its lease no more before it says so", () => {
    const story = leased();
    story.take();
    story.deliver(2, 1, { kind: "beatReply", round: 1, ...factsAbove() });
    story.deliver(2, 1, { kind: "accept", ballot: ballot("9.2"), firstSlot: 1, values: [X], chosenUpTo: 0 });
    // The leader itself is bound by its own lease.
    expect(story.take().some((line) => line.includes("leased"))).toBe(true);
    story.deliver(2, 1, {
      kind: "reject",
      ballot: ballot("1.1"),
      promised: ballot("9.2"),
      content: true,
      leaderBallot: ballot("9.2"),
      leaseLeftMs: 0,
    });
    expect(story.take()).toContainEqual(expect.stringMatching(/^1>2 leaseRelease 1\.1 #\d+$/));
    expect(story.replica(1).leaseUntilMs).toBeNull();
  });
});

function factsAbove() {
  return {
    candidacy: null,
    promised: ballot("1.1"),
    leaderBallot: ballot("1.1"),
    content: true,
    chosenUpTo: 0,
    durableUpTo: 0,
    impaired: false,
    priority: 0,
  };
}

test.each([undefined, { ...TERMS, driftPercent: TERMS.driftPercent + 1 }, { ...TERMS, durationMs: 1 }])(
  "no change of the members brings another lease than the one of the founders: %o",
  (lease) => {
    const story = led(withLease());
    const { lease: _, ...others } = story.configuration;
    const configuration = { ...others, epoch: 2, ...(lease === undefined ? {} : { lease }) };
    const value = encodeConfigurationValue({ stamp: 1, changeId: "c", configuration });
    story.do(1, (replica) => replica.change(value));
    expect(story.actor(1).notices.at(-1)).toEqual({ kind: "changeAnswered", sequence: 1, refused: "invalid" });
  },
);
