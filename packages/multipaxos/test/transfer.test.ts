import { SynodError } from "@synod/interface";
import { describe, expect, test } from "vitest";
import { Health } from "../src/health.js";
import type { Replica } from "../src/index.js";
import { led, ROUND_MS, type Story, TIMEOUT_MS } from "./story.js";
import { ballot } from "./support.js";

const begin = (story: Story, to?: number, timeoutMs = 4 * TIMEOUT_MS): void =>
  story.do(1, (replica) => void replica.transferLeadership({ timeoutMs, ...(to === undefined ? {} : { to }) }));

const refusal = (action: () => unknown): string => {
  try {
    action();
    return "none";
  } catch (error) {
    return error instanceof SynodError ? error.code : "another error";
  }
};

const capacity = (story: Story, id: number): number => {
  let capacity = -1;
  story.do(id, (replica: Replica) => {
    capacity = replica.capacity();
  });
  return capacity;
};

describe("an orderly transfer", () => {
  test("the target leads at once, with everything, and nobody waits for a timeout", () => {
    const story = led();
    story.propose(1, "a", "b");
    begin(story, 3);
    story.pass(ROUND_MS);
    expect(story.leaders).toEqual([3]);
    story.propose(3, "c");
    story.pass(TIMEOUT_MS);
    expect(story.executed).toEqual([1, 2, 3].map(() => ["a", "b", "c"]));
    expect(story.elections.length).toBe(2);
  });

  test("nothing is proposed from when the target is told until it leads or the time is over; then this leader goes on", () => {
    const story = led();
    story.lose((_from, _to, message) => message.kind === "transferTo");
    begin(story, 2);
    expect(capacity(story, 1)).toBe(0);
    expect(story.replica(1).propose(Uint8Array.of(3, 1))).toBe(null);
    story.pass(TIMEOUT_MS);
    expect([capacity(story, 1), story.replica(1).status().transferringTo]).toEqual([0, 2]);
    // Two timeouts without proposals are the most, whatever the caller allows.
    story.pass(TIMEOUT_MS + 2 * ROUND_MS);
    expect([capacity(story, 1) > 0, story.replica(1).status().transferringTo]).toEqual([true, null]);
    story.heal();
    story.propose(1, "a");
    story.pass(TIMEOUT_MS);
    expect([story.leaders, story.executed]).toEqual([[1], [["a"], ["a"], ["a"]]]);
  });

  test("a leader waits for a target that lacks much no longer than its caller allows, and goes on all the while", () => {
    const story = led();
    story.lose((_from, to, { kind }) => to === 2 && kind !== "beat" && kind !== "beatReply");
    for (let i = 0; i < 300; i++) story.propose(1, `v${i}`);
    story.pass(TIMEOUT_MS);
    begin(story, 2, ROUND_MS);
    const seen = (): unknown[] => [story.replica(1).status().transferringTo, capacity(story, 1) > 0];
    expect(seen()).toEqual([2, true]);
    story.pass(2 * ROUND_MS);
    expect(seen()).toEqual([null, true]);
    expect(story.actor(1).notices).toContainEqual({
      kind: "transferEnded",
      to: 2,
      done: false,
      reason: "node 2 did not take over in time",
    });
    expect(story.sent.filter(({ kind }) => kind === "transferTo")).toEqual([]);
  });

  test("the leader tells nobody before all that it proposed is chosen", () => {
    const story = led();
    story.lose((_from, _to, message) => message.kind === "accepted");
    story.propose(1, "a");
    begin(story, 2);
    expect(story.sent.filter(({ kind }) => kind === "transferTo")).toEqual([]);
  });

  test("an old request is no reason to campaign", () => {
    const story = led();
    story.propose(1, "a");
    story.pass(TIMEOUT_MS);
    story.deliver(1, 2, { kind: "transferTo", ballot: ballot("1.1"), chosenUpTo: 0 });
    story.deliver(3, 2, { kind: "transferTo", ballot: ballot("1.1"), chosenUpTo: 1 });
    story.deliver(3, 2, { kind: "transferTo", ballot: ballot("0.3"), chosenUpTo: 1 });
    story.pass(TIMEOUT_MS);
    expect([story.leaders, story.elections.length]).toEqual([[1], 1]);
  });

  test("a target that hears no quorum does not disturb", () => {
    const story = led(5);
    story.only([1, 2], [1, 3, 4, 5]);
    story.pass(2 * TIMEOUT_MS);
    expect(refusal(() => begin(story, 2))).toBe("none");
    story.pass(3 * TIMEOUT_MS);
    expect([story.leaders, story.elections.length]).toEqual([[1], 1]);
  });

  test("mistakes are told apart", () => {
    const story = led();
    expect(refusal(() => story.replica(2).transferLeadership({ timeoutMs: 1 }))).toBe("NotTransferred");
    for (const to of [1, 9]) expect(refusal(() => begin(story, to))).toBe("InvalidArgument");
    story.lose((_from, _to, message) => message.kind === "transferTo");
    begin(story, 2);
    expect(refusal(() => begin(story, 3))).toBe("NotTransferred");
  });

  test("a lost connection to the target ends it at once", () => {
    const story = led();
    story.lose((_from, _to, message) => message.kind === "transferTo");
    begin(story, 2);
    story.do(1, (replica) => replica.peerLost(2));
    expect(capacity(story, 1)).toBeGreaterThan(0);
  });
});

describe("a node that stands still", () => {
  test("a leader whose write does not end makes room where others can do without it", () => {
    const story = led();
    story.holdWrites(1);
    story.propose(1, "a");
    story.pass(1.9 * TIMEOUT_MS);
    expect(story.leaders).toEqual([1]);
    story.pass(2 * TIMEOUT_MS);
    expect(story.leaders.length).toBe(1);
    expect(story.leaders).not.toEqual([1]);
    expect(story.replica(1).status().impaired).toBe("disk");
    story.flush(1);
    story.pass(TIMEOUT_MS);
    expect(story.replica(1).status().impaired).toBe(null);
    expect(story.leaders).not.toEqual([1]);
  });

  test("where its disk is needed anyway a leader stays", () => {
    const story = led(2);
    story.holdWrites(1);
    story.propose(1, "a");
    story.pass(6 * TIMEOUT_MS);
    expect([story.leaders, story.elections.length]).toEqual([[1], 1]);
  });

  test("where all disks stand still somebody leads, and stays", () => {
    const story = led();
    for (const id of [1, 2, 3]) story.holdWrites(id);
    story.propose(1, "a");
    story.pass(8 * TIMEOUT_MS);
    expect([story.leaders, story.elections.length]).toEqual([[1], 1]);
  });

  test("a leader whose event loop stood still makes room at once, and says why", () => {
    const story = led();
    story.do(1, (replica) => replica.tick(story.now + 2.5 * TIMEOUT_MS, 0));
    expect([story.replica(1).leads, story.replica(1).status().impaired]).toEqual([false, "loop"]);
    const [end] = story.actor(1).notices.filter(({ kind }) => kind === "leadershipEnded");
    expect(end).toMatchObject({ reason: "the event loop stood still" });
  });

  test("for one timeout after its event loop stood still a node leaves elections to others", () => {
    const story = led();
    const candidacies = (): string[] => story.take().filter((line) => /^1>2 prepare/i.test(line));
    // Nodes 2 and 3 hear nobody; node 1 hears both: it would be its turn.
    story.lose((from, to, { kind }) => (from !== 1 && to !== 1) || (from === 1 && kind === "beatReply"));
    const wakesMs = story.now + 2.5 * TIMEOUT_MS;
    story.do(1, (replica) => replica.tick(wakesMs, 0));
    while (story.now < wakesMs + TIMEOUT_MS) story.pass(ROUND_MS);
    expect(candidacies()).toEqual([]);
    story.pass(TIMEOUT_MS);
    expect(candidacies()).not.toEqual([]);
  });
});

describe("the watch over disk and event loop", () => {
  const late = (ms: number): Health => {
    const health = new Health(80);
    health.tick(0);
    health.tick(ms);
    return health;
  };

  test("a tick is late by what is above a round; two timeouts late is still, for one timeout", () => {
    expect([late(170).cause(170), late(171).cause(171), late(171).cause(251)]).toEqual([null, "loop", null]);
    expect([new Health(80).tick(1e6), late(10).tick(30)]).toEqual([0, 10]);
  });

  test("a write is still after two timeouts of a loop that was awake", () => {
    const health = new Health(80);
    health.tick(0);
    health.writeBegun(0);
    for (let ms = 10; ms <= 160; ms += 10) health.tick(ms);
    expect([health.cause(160), health.cause(161)]).toEqual([null, "disk"]);
    // 100 ms of the next 110 nobody was there to hear of the end.
    health.tick(270);
    expect(health.cause(270)).toBe("disk");
    health.writeDone();
    expect([health.cause(270), health.impaired(270), health.impaired(270 + 16 * 80)]).toEqual([null, true, false]);
  });
});
