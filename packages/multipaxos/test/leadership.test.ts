import { describe, expect, test } from "vitest";
import type { Ballot } from "@synod/interface";
import type { Message } from "../src/index.js";
import { configurationOf, valueOf } from "./disk.js";
import { led, ROUND_MS, Story, TIMEOUT_MS } from "./story.js";
import { accept, ballot } from "./support.js";

test("what waits for the own disk of a leader is bounded, also where the disks of the others are faster", () => {
  const story = led(3, { writeBytesMax: 1_000, inFlightBytesMax: 3_000 });
  story.holdWrites(1);
  let proposed = 0;
  for (let round = 0; round < 300; round++) {
    for (let i = 0; i < 4 && story.replica(1).capacity() > 0; i++, proposed++) story.propose(1, "x".repeat(936));
    // One write of about a command ends in each round: nothing that would look like a disk that stands still.
    story.actor(1).waiting.shift()?.();
    story.pass(ROUND_MS);
  }
  const { chosenUpTo, durableUpTo, phase } = story.replica(1).status();
  expect([phase, proposed > 250, chosenUpTo > 250]).toEqual(["lead", true, true]);
  expect(chosenUpTo - durableUpTo).toBeLessThan(6);
});

describe("what a leader may announce", () => {
  test("one that learns a rival's value ends, and never says that the slot is chosen", () => {
    const story = led(5);
    const said = (message: Message): boolean =>
      (message.kind === "commit" || message.kind === "accept") && message.ballot.node === 1 && message.chosenUpTo > 0;
    // Node 5 alone votes for the old value.
    story.lose((_from, to) => to !== 5);
    story.propose(1, "old");
    // Nodes 2, 3 and 4 choose another one.
    story.only([2, 3, 4]);
    story.pass(3 * TIMEOUT_MS);
    expect(story.leaders).toEqual([2]);
    story.propose(2, "new");
    expect(story.actor(2).executed).toEqual(["new"]);
    story.only([1, 5]);
    story.deliver(3, 5, { kind: "fetch", firstSlot: 1, lastSlot: 1 });
    story.pass(TIMEOUT_MS);
    expect(story.sent.filter(said)).toEqual([]);
    expect(story.actor(5).executed).toEqual([]);
    story.heal();
    story.pass(3 * TIMEOUT_MS);
    expect(story.executed).toEqual(Array.from({ length: 5 }, () => ["new"]));
    expect(story.sent.filter(said)).toEqual([]);
  });

  test.each([
    ["another value than the open one", "new", true],
    ["the open value itself", "old", false],
  ])("a leader fetches %s", (_what, text, ends) => {
    const story = led(3);
    story.only();
    story.propose(1, "old");
    const before = story.sent.length;
    story.deliver(2, 1, { kind: "learn", firstSlot: 1, values: [valueOf(text)], chosenUpTo: 1 });
    expect(story.replica(1).status().role).toBe(ends ? "follower" : "leader");
    const announced = story.sent.slice(before).filter((message) => message.kind === "commit");
    expect(announced.length).toBe(ends ? 0 : 1);
    expect(story.actor(1).executed).toEqual([text]);
  });

  test("a report that a slot beyond its own is chosen ends a leadership", () => {
    const story = led();
    story.propose(1, "a");
    story.deliver(2, 1, {
      kind: "accepted",
      ballot: ballot("1.1"),
      slots: [],
      chosenUpTo: 2,
      durableUpTo: 0,
      applied: 0,
      creditBytes: 1,
    });
    expect(story.replica(1).status().role).toBe("follower");
  });
});

describe("who leads", () => {
  test("a leader below a ballot of its log, which began elsewhere, comes back above it", () => {
    const story = led();
    const before = story.replica(1).leaderBallot;
    story.replica(1).outrank(ballot("1.1"));
    story.pass(ROUND_MS);
    expect(story.replica(1).leaderBallot).toEqual(before);
    story.replica(1).outrank(ballot("57.9"));
    // No candidate yet: whether it may promise anything is for the rules of elections to say.
    expect(story.replica(1).status()).toMatchObject({ phase: "idle", promised: before });
    story.pass(TIMEOUT_MS);
    expect(story.leaders).toEqual([1]);
    expect(story.replica(1).leaderBallot).toEqual(ballot("58.1"));
  });

  test("a ballot of its log that is no honest one's is approached, not taken", () => {
    const story = led();
    const wild = { round: Number.MAX_SAFE_INTEGER, node: 9 };
    story.replica(1).outrank(wild);
    story.pass(3 * TIMEOUT_MS);
    expect(story.leaders).toEqual([1]);
    story.only([2, 3]);
    story.pass(3 * TIMEOUT_MS);
    expect(story.leaders).toEqual([2]);
  });

  test("a follower that found a ballot in its log takes over above it, not at once", () => {
    const story = led();
    const before = story.replica(1).leaderBallot;
    story.replica(2).outrank(ballot("57.9"));
    story.pass(3 * TIMEOUT_MS);
    expect(story.replica(1).leaderBallot).toEqual(before);
    story.only([2, 3]);
    story.pass(3 * TIMEOUT_MS);
    expect(story.replica(2).leaderBallot).toEqual(ballot("58.2"));
  });

  test("a node that comes back does not depose a good leader", () => {
    const story = led();
    story.only([1, 2], [3]);
    story.pass(10 * TIMEOUT_MS);
    expect(story.replica(3).status().promised).toEqual(ballot("1.1"));
    story.heal();
    story.pass(4 * TIMEOUT_MS);
    expect(story.elections).toEqual(["1.1"]);
    expect(story.leaders).toEqual([1]);
  });

  test("a minority makes no progress, and its ballots do not grow", () => {
    const story = led(5);
    story.only([1, 2], [3, 4, 5]);
    story.propose(1, "lost");
    story.pass(10 * TIMEOUT_MS);
    expect(story.leaders).toEqual([3]);
    expect([1, 2].map((id) => story.replica(id).status().promised)).toEqual([ballot("1.1"), ballot("1.1")]);
    expect(story.replica(1).capacity()).toBe(0);
    story.propose(3, "a");
    story.heal();
    story.pass(2 * TIMEOUT_MS);
    expect(story.executed).toEqual(Array.from({ length: 5 }, () => ["a"]));
    expect(story.elections).toEqual(["1.1", "2.3"]);
  });

  test("a candidate that lost sight of a quorum gives up its candidacy", () => {
    const story = new Story(3);
    story.lose((_from, _to, message) => message.kind === "prepare");
    story.pass(2 * ROUND_MS);
    expect(story.replica(1).status().role).toBe("candidate");
    story.only([2, 3]);
    story.pass(3 * TIMEOUT_MS);
    expect(story.leaders).toEqual([2]);
    expect(story.replica(1).status().role).toBe("follower");
    const asked = story.sent.filter((message) => message.kind === "prepare" && message.ballot.node === 1).length;
    story.pass(4 * TIMEOUT_MS);
    expect(story.sent.filter((message) => message.kind === "prepare" && message.ballot.node === 1).length).toBe(asked);
  });

  test("a node with a stray higher promise gets a leader back from an idle cluster", () => {
    const story = led();
    // A candidacy of node 2 that reached node 3 only.
    story.deliver(2, 3, { kind: "prepare", ballot: ballot("5.2"), fromSlot: 1 });
    story.crash(3);
    story.start(3);
    story.pass(4 * TIMEOUT_MS);
    expect(story.elections).toEqual(["1.1", "6.1"]);
    expect([1, 2, 3].map((id) => story.replica(id).status().leader)).toEqual([1, 1, 1]);
  });

  test("a follower with a stray higher promise gets its leader back before the next command", () => {
    const story = led();
    story.deliver(2, 3, { kind: "prepare", ballot: ballot("5.2"), fromSlot: 1 });
    expect(story.replica(3).status()).toMatchObject({ content: true, leader: 1 });
    story.pass(2 * TIMEOUT_MS);
    expect([story.elections, story.leaders]).toEqual([["1.1", "6.1"], [1]]);
    story.take();
    story.propose(1, "a");
    expect(story.take().filter((line) => line.includes("reject"))).toEqual([]);
    expect(story.executed).toEqual([["a"], ["a"], ["a"]]);
  });

  test("a stray promise that is still fresh gets its owner one timeout, and refuses nothing meanwhile", () => {
    const story = led();
    story.deliver(2, 3, { kind: "prepare", ballot: ballot("5.2"), fromSlot: 1 });
    story.take();
    story.pass(TIMEOUT_MS / 2);
    expect(story.take()).toEqual([]);
    expect([story.elections, story.leaders]).toEqual([["1.1"], [1]]);
  });

  test("two nodes follow each other although a third has led one of them into huge rounds", () => {
    const story = new Story(3);
    story.crash(3);
    for (const factor of [1, 2, 3]) {
      const candidacy = { round: factor * 2 ** 32, node: 3 };
      const facts = {
        candidacy,
        promised: null,
        leaderBallot: null,
        content: false,
        chosenUpTo: 0,
        durableUpTo: 0,
        impaired: false,
        priority: 0,
      };
      story.deliver(3, 1, { kind: "beat", round: 1, ...facts });
    }
    story.only([1, 2]);
    story.pass(4 * TIMEOUT_MS);
    expect(story.leaders.length).toBe(1);
    expect(story.replica(2).status().leader).toBe(story.leaders[0]);
    expect(story.replica(1).status().promised?.round).toBeGreaterThan(3 * 2 ** 32);
  });

  test("an old leader that goes on sending does not take turns with the new one", () => {
    const story = led();
    const newer = { candidacy: ballot("2.2"), promised: ballot("2.2"), leaderBallot: ballot("2.2"), content: true };
    const older = { candidacy: ballot("1.1"), promised: ballot("1.1"), leaderBallot: ballot("1.1"), content: true };
    const rest = { kind: "beat", round: 1, chosenUpTo: 0, durableUpTo: 0, impaired: false, priority: 0 } as const;
    story.only();
    story.deliver(2, 3, { ...rest, ...newer });
    story.deliver(1, 3, { ...rest, ...older });
    story.deliver(1, 3, accept("1.1", 1, ["x"]));
    expect(story.replica(3).status().leader).toBe(2);
  });

  test("what a node that cannot hear reports does not hold up a new leader", () => {
    const story = led(5);
    // Node 5 alone hears that a is chosen; then it can speak but not hear.
    story.lose((_from, to, message) => to !== 5 && message.kind === "commit");
    story.propose(1, "a");
    story.crash(1);
    story.lose((from, to) => to === 5 || (from === 5 && to === 1));
    const leader = story.elect();
    story.propose(leader, "b");
    expect(story.actor(leader).executed).toEqual(["a", "b"]);
    story.pass(5 * TIMEOUT_MS);
    expect(story.leaders).toEqual([leader]);
  });

  test("each time that it cannot fetch its base a leader waits twice as long", () => {
    const story = led();
    story.only([1, 3]);
    story.propose(1, "a");
    story.crash(1);
    // Node 3, which alone has the slot, sees no quorum and leaves it to node 2.
    story.lose((_from, to, { kind }) => kind === "fetch" || (to === 3 && kind === "beatReply"));
    const rounds: number[] = [];
    for (let round = 0, since: number | null = null; round < 400; round++) {
      story.pass(ROUND_MS);
      const { leads } = story.replica(2);
      if (leads) since ??= round;
      else if (since !== null) {
        rounds.push(round - since);
        since = null;
      }
    }
    expect(rounds.map((n) => Math.round(n / 8))).toEqual([1, 2, 4, 8, 16]);
    // What it waited for is there: the next time it is as impatient as before.
    story.heal();
    story.pass(3 * TIMEOUT_MS);
    expect(story.executed.slice(1)).toEqual([["a"], ["a"]]);
  });

  test("the holder of the base dies: the leader gives up, and the next phase 1 finds the votes", () => {
    const story = led();
    story.only([1, 3]);
    story.propose(1, "a");
    story.crash(1);
    story.lose((_from, _to, message) => message.kind === "fetch");
    // Node 3 promises and reports that a is chosen, but nobody can fetch it before it dies.
    story.eager = 2;
    expect(story.elect()).toBe(2);
    story.crash(3);
    story.start(1);
    story.heal();
    expect(story.replica(1).status().chosenUpTo).toBe(0);
    story.pass(4 * TIMEOUT_MS);
    expect(
      story.actor(2).notices.flatMap((notice) => (notice.kind === "leadershipEnded" ? [notice.reason] : [])),
    ).toEqual(["nobody can serve the slots that were chosen before"]);
    expect(story.leaders.length).toBe(1);
    expect(story.executed.slice(0, 2)).toEqual([["a"], ["a"]]);
  });
});

describe("reads", () => {
  test("a follower asks the leader, which asks a quorum", () => {
    const story = led();
    story.propose(1, "a");
    story.take();
    story.do(2, (replica) => replica.read(7));
    expect(story.take()).toEqual([
      "2>1 readIndexAsk #1",
      "1>2 confirm 1.1 #1",
      "1>3 confirm 1.1 #1",
      "2>1 confirmReply 1.1 #1",
      "3>1 confirmReply 1.1 #1",
      "1>2 readIndexReply #1 1",
    ]);
    expect(story.actor(2).reads).toEqual([{ token: 7, index: 1 }]);
  });

  test("a read that arrives during a round waits for the next one", () => {
    const story = led();
    story.only();
    story.do(1, (replica) => replica.read(1));
    story.do(1, (replica) => replica.read(2));
    story.heal();
    story.deliver(2, 1, { kind: "confirmReply", ballot: ballot("1.1"), nonce: 1 });
    expect(story.actor(1).reads.map(({ token }) => token)).toEqual([1, 2]);
    expect(story.take().filter((line) => line.includes("1>2 confirm"))).toEqual(["1>2 confirm 1.1 #2"]);
  });

  test.each([
    ["an older round", "1.1", 0],
    ["an older ballot", "1.2", 1],
  ])("a late confirmation of %s proves nothing", (_what, b, nonce) => {
    const story = led();
    story.only();
    story.do(1, (replica) => replica.read(1));
    story.deliver(2, 1, { kind: "confirmReply", ballot: ballot(b), nonce });
    expect(story.actor(1).reads).toEqual([]);
    story.deliver(2, 1, { kind: "confirmReply", ballot: ballot("1.1"), nonce: 1 });
    expect(story.actor(1).reads).toEqual([{ token: 1, index: 0 }]);
  });

  test("a node that promised a higher ballot confirms nothing", () => {
    const story = led();
    story.only([2, 3]);
    story.pass(3 * TIMEOUT_MS);
    expect(story.leaders).toEqual([2]);
    story.take();
    story.heal();
    story.deliver(1, 3, { kind: "confirm", ballot: ballot("1.1"), nonce: 1 });
    expect(story.take()).toEqual(["1>3 confirm 1.1 #1", "3>1 reject 1.1 promised 2.2 content"]);
  });

  test("a deposed leader answers no read", () => {
    const story = led();
    story.only([1], [2, 3]);
    story.do(1, (replica) => replica.read(1));
    story.pass(TIMEOUT_MS);
    expect(story.actor(1).reads).toEqual([]);
    story.pass(3 * TIMEOUT_MS);
    story.propose(2, "a");
    story.heal();
    story.pass(2 * TIMEOUT_MS);
    // It asks the new leader instead.
    expect(story.actor(1).reads).toEqual([{ token: 1, index: 1 }]);
  });

  test("a new leader answers only after everything that phase 1 found is executed", () => {
    const story = led();
    story.lose((from, to) => to === 3 || from === 2);
    story.propose(1, "a");
    story.crash(1);
    story.lose((_from, _to, message) => message.kind === "accept");
    expect(story.elect()).toBe(2);
    story.do(2, (replica) => replica.read(1));
    expect(story.take().filter((line) => line.includes("confirm"))).toEqual([]);
    story.heal();
    story.pass(TIMEOUT_MS);
    expect(story.actor(2).reads).toEqual([{ token: 1, index: 1 }]);
  });
});

test("only the first beat of a leader gives it time: one that no quorum follows does not keep its followers", () => {
  const story = led();
  story.crash(1);
  story.crash(3);
  const leaderBallot = ballot("1.1");
  const facts = {
    candidacy: null,
    promised: leaderBallot,
    leaderBallot,
    content: false,
    chosenUpTo: 0,
    durableUpTo: 0,
  };
  for (let round = 1; round <= 24; round++) {
    story.deliver(1, 2, { kind: "beat", round, ...facts, impaired: false, priority: 0 });
    story.pass(TIMEOUT_MS / 8);
  }
  expect(story.replica(2).status()).toMatchObject({ leader: 1, content: false });
});

describe("forwards", () => {
  test("a follower hands a command to the leader", () => {
    const story = led();
    story.do(2, (replica) => expect(replica.forward(valueOf("a"))).toBe(1));
    expect(story.take()).toEqual(["2>1 forward #1 a"]);
    story.do(1, (replica) => replica.replyForward(2, "2:1", 1, "queued"));
    expect(story.take()).toEqual(["1>2 forwardReply #1 queued"]);
  });

  test("a node that does not lead says so; a leader forwards to nobody", () => {
    const story = led();
    story.deliver(2, 3, { kind: "forward", ballot: ballot("1.1"), bootId: "2:1", sequence: 1, body: valueOf("a") });
    expect(story.take().at(-1)).toBe("3>2 forwardReply #1 notProposed");
    expect(story.replica(1).forward(valueOf("a"))).toBeNull();
  });

  const copyIn = (at: string): Extract<Message, { kind: "forward" }> => ({
    kind: "forward",
    ballot: ballot(at),
    bootId: "2:1",
    sequence: 1,
    body: valueOf("a"),
  });

  test("a late frame that finds the same node leading in a later ballot is not proposed", () => {
    const story = led();
    story.lose((from, to) => from === 1 || to === 1);
    story.pass(3 * TIMEOUT_MS);
    story.heal();
    const { ballot: now } = story.replica(story.elect()).status();
    expect(now).not.toEqual(ballot("1.1"));
    story.take();
    story.deliver(2, 1, copyIn("1.1"));
    expect(story.take()).toEqual(["2>1 forward #1 a", "1>2 forwardReply #1 notProposed"]);
  });

  test("a node that was restarted does not say of a frame to its earlier life that it was not proposed: a copy may have been", () => {
    const story = led();
    const copy = copyIn("1.1");
    story.crash(1);
    story.start(1);
    story.deliver(2, 1, copy);
    expect(story.elect()).toBe(1);
    story.take();
    story.deliver(2, 1, copy);
    expect(story.take()).toEqual(["2>1 forward #1 a"]);
    const now = story.replica(1).leaderBallot as Ballot;
    story.deliver(2, 1, { ...copy, ballot: now, sequence: 2 });
    expect(story.take()).toEqual(["2>1 forward #2 a"]);
  });
});

test("one node alone leads and decides", () => {
  const story = led(1);
  story.propose(1, "a", "b");
  story.do(1, (replica) => replica.read(1));
  expect(story.actor(1).executed).toEqual(["a", "b"]);
  expect(story.actor(1).reads).toEqual([{ token: 1, index: 2 }]);
});

test("the window holds proposals back", () => {
  const story = led(configurationOf(3, 2));
  story.only();
  expect(story.replica(1).capacity()).toBe(2);
  story.propose(1, "a", "b");
  expect(story.replica(1).capacity()).toBe(0);
  expect(story.replica(1).propose(valueOf("c"))).toBeNull();
  story.heal();
  story.pass(TIMEOUT_MS);
  expect(story.replica(1).capacity()).toBe(2);
});
