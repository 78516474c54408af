import { describe, expect, test } from "vitest";
import type { Configuration, Learning, QuorumSpec } from "@synod/interface";
import { encodeConfigurationValue } from "../src/index.js";
import { VoteCounts } from "../src/vote-counts.js";
import { configurationOf, valueOf } from "./disk.js";
import { led, type Story, TIMEOUT_MS } from "./story.js";
import { accept, ballot, majorityOf } from "./support.js";

function learning(nodes: number, how: Learning, alpha = 64, quorum?: QuorumSpec): Configuration {
  return { ...configurationOf(nodes, alpha, quorum), learning: how };
}

/** No follower hears the leader say what is chosen. */
const unannounced = (story: Story): void => {
  story.lose((_from, _to, { kind }) => kind === "commit" || kind === "beat");
};

const kinds = (story: Story, kind: string): string[] => story.take().filter((line) => line.includes(` ${kind} `));

describe("votes that are counted by everybody", () => {
  const quorums = majorityOf(1, 2, 3, 4, 5);

  test("are those of one ballot, of different members, that the configuration lists", () => {
    const counts = new VoteCounts();
    const of = (b: string, ...from: number[]): boolean => {
      for (const id of from) counts.add(7, ballot(b), id, quorums);
      return counts.isChosen(7, ballot(b));
    };
    expect(of("2.1", 1, 1, 2, 2, 9)).toBe(false);
    expect(of("3.2", 2, 3)).toBe(false);
    // Of a leader that is gone.
    expect(of("2.1", 3, 4, 5)).toBe(false);
    expect(of("3.2", 4)).toBe(true);
    expect(counts.isChosen(7, ballot("4.1"))).toBe(false);
    expect(counts.isChosen(8, ballot("3.2"))).toBe(false);
    counts.covered(6);
    expect(counts.isChosen(7, ballot("3.2"))).toBe(true);
    counts.settled(7);
    expect(counts.isChosen(7, ballot("3.2"))).toBe(false);
  });

  test("are forgotten below a snapshot", () => {
    const counts = new VoteCounts();
    for (const id of [1, 2, 3]) counts.add(7, ballot("3.2"), id, quorums);
    counts.covered(7);
    expect(counts.isChosen(7, ballot("3.2"))).toBe(false);
  });
});

describe("all-to-all", () => {
  test("members execute what a quorum voted for, without a word of the leader", () => {
    const story = led(learning(5, "allToAll"));
    unannounced(story);
    story.propose(1, "a");
    expect(story.executed).toEqual([["a"], ["a"], ["a"], ["a"], ["a"]]);
    // Four voters tell four others, and the leader does.
    expect(kinds(story, "accepted")).toHaveLength(20);
  });

  test("a vote counts once it is on disk, the own one too", () => {
    const story = led(learning(3, "allToAll"));
    unannounced(story);
    for (const id of [1, 3]) story.holdWrites(id);
    story.propose(1, "a");
    expect(story.executed).toEqual([[], [], []]);
    story.flush(3);
    expect(story.executed).toEqual([["a"], ["a"], ["a"]]);
  });

  test("a member that hears of the votes first learns as soon as it has the value in the same ballot", () => {
    const story = led(learning(3, "allToAll"));
    const voted = { chosenUpTo: 0, durableUpTo: 0, applied: 0, creditBytes: 1, kind: "accepted" } as const;
    story.only([1], [2], [3]);
    for (const from of [1, 2]) story.deliver(from, 3, { ...voted, ballot: ballot("1.1"), slots: [[1, 1]] });
    expect(story.executed[2]).toEqual([]);
    story.deliver(1, 3, accept("1.1", 1, ["a"]));
    expect(story.executed[2]).toEqual(["a"]);
  });

  test("votes of one ballot say nothing of the own vote of another", () => {
    const story = led(learning(3, "allToAll"));
    const voted = { chosenUpTo: 0, durableUpTo: 0, applied: 0, creditBytes: 1, kind: "accepted" } as const;
    story.only([1], [2], [3]);
    story.deliver(1, 3, accept("1.1", 1, ["a"]));
    for (const from of [1, 2]) story.deliver(from, 3, { ...voted, ballot: ballot("2.2"), slots: [[1, 1]] });
    expect(story.executed[2]).toEqual([]);
  });

  test("slots whose configuration is not known yet are left to the leader", () => {
    const story = led(learning(3, "allToAll", 2));
    const voted = { chosenUpTo: 0, durableUpTo: 0, applied: 0, creditBytes: 1, kind: "accepted" } as const;
    story.only([1], [2], [3]);
    for (const from of [1, 2]) story.deliver(from, 3, { ...voted, ballot: ballot("1.1"), slots: [[1, 3]] });
    story.deliver(1, 3, accept("1.1", 1, ["a", "b", "c"]));
    expect(story.executed[2]).toEqual(["a", "b"]);
  });
});

describe("on accept", () => {
  test("three servers: the leader votes before it sends, and each other executes by its own vote and the leader's", () => {
    const story = led(learning(3, "onAccept"));
    story.lose((_from, to, { kind }) => to === 1 || kind === "commit" || kind === "beat");
    story.holdWrites(1);
    story.propose(1, "a");
    expect(kinds(story, "accept")).toEqual([]);
    story.flush(1);
    expect(story.executed).toEqual([[], ["a"], ["a"]]);
    expect(kinds(story, "accept")).toEqual(["1>2 accept 1.1 s1 a upto 0 voted", "1>3 accept 1.1 s1 a upto 0 voted"]);
  });

  test("behind a write of the leader that hangs each value waits once, however overdue it is", () => {
    const story = led(learning(3, "onAccept"));
    story.holdWrites(1);
    story.propose(1, "a");
    story.pass(20 * TIMEOUT_MS);
    story.lose((_from, to, { kind }) => to === 1 || kind === "commit" || kind === "beat");
    story.flush(1);
    expect(kinds(story, "accept").length).toBe(2);
  });

  test("the own vote counts once it is on disk", () => {
    const story = led(learning(3, "onAccept"));
    unannounced(story);
    story.holdWrites(2);
    story.propose(1, "a");
    expect(story.executed).toEqual([["a"], [], ["a"]]);
    story.flush(2);
    expect(story.executed[1]).toEqual(["a"]);
  });

  test("five servers wait for the leader, which waits for nothing", () => {
    const story = led(learning(5, "onAccept"));
    unannounced(story);
    story.holdWrites(1);
    story.propose(1, "a");
    expect(kinds(story, "accept")[0]).toBe("1>2 accept 1.1 s1 a upto 0");
    expect(story.executed).toEqual([["a"], [], [], [], []]);
  });

  test("five servers where two votes decide execute on accept", () => {
    const story = led(learning(5, "onAccept", 64, { kind: "sizes", phase1: 4, phase2: 2 }));
    story.lose((_from, to, { kind }) => to === 1 || kind === "commit" || kind === "beat");
    story.propose(1, "a");
    expect(story.executed).toEqual([[], ["a"], ["a"], ["a"], ["a"]]);
  });

  test("a value that is sent again was voted for before, too", () => {
    const story = led(learning(3, "onAccept"), { resendMs: 20 });
    story.lose((_from, _to, { kind }) => kind === "accept");
    story.propose(1, "a");
    story.lose((_from, to, { kind }) => to === 1 || kind === "commit" || kind === "beat");
    story.pass(40);
    expect(story.executed.slice(1)).toEqual([["a"], ["a"]]);
  });
});

describe("reads where members learn for themselves", () => {
  test("see all that was proposed: another may have answered from it", () => {
    const story = led(learning(3, "onAccept"));
    story.lose((_from, to, { kind }) => to === 1 && kind === "accepted");
    story.propose(1, "a");
    expect(story.executed).toEqual([[], ["a"], ["a"]]);
    story.do(1, (replica) => replica.read(7));
    expect(story.actor(1).reads).toEqual([]);
    story.heal();
    story.pass(TIMEOUT_MS);
    expect(story.actor(1).reads).toEqual([{ token: 7, index: 1 }]);
  });

  test("of a follower are answered once the leader knows their index as chosen", () => {
    const story = led(learning(3, "allToAll"));
    story.lose((_from, to, { kind }) => kind === "accept" || (to === 1 && kind === "fetch"));
    story.propose(1, "a");
    story.do(2, (replica) => replica.read(7));
    expect(story.actor(2).reads).toEqual([]);
    story.heal();
    story.pass(TIMEOUT_MS);
    expect(story.actor(2).reads).toEqual([{ token: 7, index: 1 }]);
  });

  test("go to the next leader where what they wait for is never chosen", () => {
    const story = led(learning(3, "allToAll"));
    story.lose((_from, _to, { kind }) => kind === "accept");
    story.propose(1, "lost");
    story.do(2, (replica) => replica.read(7));
    story.crash(1);
    story.heal();
    story.pass(4 * TIMEOUT_MS);
    expect(story.leaders).toEqual([2]);
    expect(story.actor(2).reads).toEqual([{ token: 7, index: 0 }]);
  });

  test("of a leader that is deposed go to the next one", () => {
    const story = led(learning(3, "allToAll"));
    story.lose((_from, _to, { kind }) => kind === "accept");
    story.propose(1, "lost");
    story.do(1, (replica) => replica.read(7));
    story.only([2, 3]);
    story.pass(4 * TIMEOUT_MS);
    story.heal();
    story.pass(4 * TIMEOUT_MS);
    expect(story.leaders).toEqual([2]);
    expect(story.actor(1).reads).toEqual([{ token: 7, index: 0 }]);
  });

  test("a reader that is no longer interested is forgotten", () => {
    const story = led(learning(3, "allToAll"));
    story.lose((_from, _to, { kind }) => kind === "accept");
    story.propose(1, "a");
    story.do(1, (replica) => replica.read(7));
    story.do(1, (replica) => replica.cancelRead(7));
    story.heal();
    story.pass(TIMEOUT_MS);
    expect(story.executed[0]).toEqual(["a"]);
    expect(story.actor(1).reads).toEqual([]);
  });

  test("wait for room in a full window, and nothing new takes it", () => {
    const story = led(learning(3, "allToAll", 2));
    story.lose((_from, _to, { kind }) => kind === "accept");
    story.propose(1, "a", "b");
    story.do(1, (replica) => replica.read(7));
    expect(kinds(story, "confirm")).toEqual([]);
    const voted = { chosenUpTo: 0, durableUpTo: 0, applied: 0, creditBytes: 1, kind: "accepted" } as const;
    let room = -1;
    story.do(1, (replica) => {
      replica.receive(2, { ...voted, ballot: ballot("1.1"), slots: [[1, 1]] });
      room = replica.capacity();
      expect(replica.propose(valueOf("c"))).toBe(null);
    });
    expect(room).toBe(0);
    expect(kinds(story, "confirm")).toHaveLength(2);
    expect(story.replica(1).capacity()).toBe(1);
    story.heal();
    story.pass(TIMEOUT_MS);
    expect(story.actor(1).reads).toEqual([{ token: 7, index: 2 }]);
  });

  test("by a lease see all that was proposed, too", () => {
    const lease = { durationMs: 400, driftPercent: 0 };
    const story = led({ ...learning(3, "onAccept"), lease });
    story.lose((_from, to, { kind }) => to === 1 && (kind === "accepted" || kind === "confirmReply"));
    story.propose(1, "a");
    story.do(1, (replica) => replica.read(7));
    expect(story.replica(1).leaseUntilMs).not.toBe(null);
    expect(story.actor(1).reads).toEqual([]);
    story.lose((_from, _to, { kind }) => kind === "confirm");
    story.pass(TIMEOUT_MS);
    expect(story.actor(1).reads).toEqual([{ token: 7, index: 1 }]);
  });
});

test("how members learn is not changed by a change of the members", () => {
  const story = led(learning(3, "allToAll"));
  const { learning: _, ...configuration } = story.configuration;
  const value = encodeConfigurationValue({ stamp: 1, changeId: "c", configuration: { ...configuration, epoch: 2 } });
  story.do(1, (replica) => replica.change(value));
  expect(story.actor(1).notices.at(-1)).toEqual({ kind: "changeAnswered", sequence: 1, refused: "invalid" });
});
