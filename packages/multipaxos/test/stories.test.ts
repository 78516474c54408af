import { describe, expect, test } from "vitest";
import { led, ROUND_MS, type Story, TIMEOUT_MS } from "./story.js";
import { accept, ballot } from "./support.js";

describe("steady state", () => {
  test("a command costs one round trip; the next message says that it is chosen", () => {
    const story = led();
    story.propose(1, "a");
    expect(story.take()).toEqual([
      "1>2 accept 1.1 s1 a upto 0",
      "1>3 accept 1.1 s1 a upto 0",
      "2>1 accepted 1.1 [1] upto 0",
      "3>1 accepted 1.1 [1] upto 0",
      "1>2 commit 1.1 upto 1",
      "1>3 commit 1.1 upto 1",
    ]);
    story.propose(1, "b", "c");
    expect(story.take()).toEqual([
      "1>2 accept 1.1 s2 b c upto 1",
      "1>3 accept 1.1 s2 b c upto 1",
      "2>1 accepted 1.1 [2..3] upto 1",
      "3>1 accepted 1.1 [2..3] upto 1",
      "1>2 commit 1.1 upto 3",
      "1>3 commit 1.1 upto 3",
    ]);
    expect(story.executed).toEqual([
      ["a", "b", "c"],
      ["a", "b", "c"],
      ["a", "b", "c"],
    ]);
  });

  test.each([3, 5])("of %i nodes: messages and writes per command are exactly these", (nodes) => {
    const story = led(nodes);
    const before = story.configuration.members.map(({ id }) => story.actor(id).writes);
    const commands = 100;
    for (let i = 0; i < commands; i++) story.propose(1, `v${i}`);
    const count = (kind: string): number => story.trace.filter((line) => line.includes(` ${kind} `)).length;
    const peers = nodes - 1;
    expect([count("accept"), count("accepted"), count("commit")]).toEqual([
      commands * peers,
      commands * peers,
      commands * peers,
    ]);
    expect(story.trace.length).toBe(3 * commands * peers);
    story.configuration.members.forEach(({ id }, i) =>
      expect(story.actor(id).writes).toBe((before[i] ?? 0) + commands),
    );
  });

  test("what waits in a turn shares one frame, one answer and one write", () => {
    const story = led();
    const before = story.actor(2).writes;
    story.propose(1, ...Array.from({ length: 50 }, (_, i) => `v${i}`));
    expect(story.take().map((line) => line.replace(/ v.* upto/, " upto"))).toEqual([
      "1>2 accept 1.1 s1 upto 0",
      "1>3 accept 1.1 s1 upto 0",
      "2>1 accepted 1.1 [1..50] upto 0",
      "3>1 accepted 1.1 [1..50] upto 0",
      "1>2 commit 1.1 upto 50",
      "1>3 commit 1.1 upto 50",
    ]);
    expect(story.actor(2).writes).toBe(before + 1);
  });

  test("the own vote counts only once it is on the own disk", () => {
    const story = led();
    story.holdWrites(1);
    story.only([1, 2]);
    story.propose(1, "a");
    expect(story.take()).toEqual(["1>2 accept 1.1 s1 a upto 0", "2>1 accepted 1.1 [1] upto 0"]);
    expect(story.actor(1).executed).toEqual([]);
    story.flush(1);
    expect(story.actor(1).executed).toEqual(["a"]);
  });

  test("a chosen slot above a gap is not announced again and again", () => {
    const story = led();
    story.lose((_from, _to, message) => message.kind === "accept" && message.firstSlot === 1);
    story.propose(1, "a");
    story.propose(1, "b");
    expect(story.take().filter((line) => line.includes("commit"))).toEqual([]);
  });
});

describe("a leader dies", () => {
  test("what it had voted for with one other is finished by the next", () => {
    const story = led();
    story.propose(1, "a");
    story.lose((_from, to) => to === 3);
    story.propose(1, "b");
    story.lose((_from, to) => to === 1);
    story.crash(1);
    story.take();
    expect(story.elect()).toBe(2);
    // Node 2 was told that b is chosen; node 3 sees by its beat that something is missing.
    expect(story.take()).toEqual([
      "3>2 fetch 2..2",
      "2>3 learn s2 b upto 2",
      "2>3 prepare 2.2 from 3",
      "3>2 promise 2.2 3.. {} upto 2",
      "2>3 commit 2.2 upto 2",
    ]);
    expect(story.executed.slice(1)).toEqual([
      ["a", "b"],
      ["a", "b"],
    ]);
  });

  test("a vote of one survivor is proposed again in the new ballot", () => {
    const story = led();
    story.propose(1, "a");
    // Node 2 votes for b, but nobody hears of it.
    story.lose((from, to) => to === 3 || from === 2);
    story.propose(1, "b");
    story.crash(1);
    story.heal();
    story.take();
    expect(story.elect()).toBe(2);
    expect(story.take()).toEqual([
      "2>1 prepare 2.2 from 2",
      "2>3 prepare 2.2 from 2",
      "3>2 promise 2.2 2.. {} upto 1",
      "2>1 accept 2.2 s2 b upto 1",
      "2>3 accept 2.2 s2 b upto 1",
      "3>2 accepted 2.2 [2] upto 1",
      "2>1 commit 2.2 upto 2",
      "2>3 commit 2.2 upto 2",
    ]);
    expect(story.executed.slice(1)).toEqual([
      ["a", "b"],
      ["a", "b"],
    ]);
  });

  test("a proposal that no survivor saw is gone, and its slot goes to another", () => {
    const story = led();
    story.only();
    story.propose(1, "lost");
    story.crash(1);
    story.heal();
    expect(story.elect()).toBe(2);
    story.propose(2, "b");
    story.start(1);
    story.pass(2 * TIMEOUT_MS);
    expect(story.executed).toEqual([["b"], ["b"], ["b"]]);
    expect(story.elections).toEqual(["1.1", "2.2"]);
  });

  test("a gap below a vote is filled with a no-op", () => {
    const story = led();
    story.lose((_from, to, message) => message.kind === "accept" && (to === 3 || message.firstSlot === 1));
    story.holdWrites(1);
    story.propose(1, "a");
    story.propose(1, "b");
    story.crash(1);
    story.heal();
    expect(story.elect()).toBe(2);
    expect(story.executed.slice(1)).toEqual([
      ["noop", "b"],
      ["noop", "b"],
    ]);
    // The old leader had a on its way to its own disk only. It learns otherwise.
    story.start(1);
    story.pass(TIMEOUT_MS);
    expect(story.actor(1).executed).toEqual(["noop", "b"]);
  });

  test("what the next leader knows as chosen above a gap is proposed again, not disputed", () => {
    const story = led(3, { frameValueBytesMax: 1 });
    // Node 2 misses slot 1 but hears that both are chosen; node 3 has both votes and does not hear it.
    story.lose((_from, to, message) =>
      to === 2 ? message.kind === "accept" && message.firstSlot === 1 : message.kind === "commit",
    );
    story.propose(1, "a", "b");
    expect(story.replica(2).status().chosenUpTo).toBe(0);
    story.crash(1);
    story.lose((_from, _to, message) => message.kind === "fetch");
    expect(story.elect()).toBe(2);
    expect(story.executed.slice(1)).toEqual([
      ["a", "b"],
      ["a", "b"],
    ]);
  });

  test("it comes back with its old proposals and changes nothing", () => {
    const story = led();
    story.propose(1, "a");
    story.only([2, 3], [1]);
    story.propose(1, "old");
    story.pass(3 * TIMEOUT_MS);
    expect(story.leaders).toEqual([2]);
    story.propose(2, "new");
    story.heal();
    story.deliver(1, 3, accept("1.1", 2, ["old"], 1));
    expect(story.take().slice(-2)).toEqual(["1>3 accept 1.1 s2 old upto 1", "3>1 reject 1.1 promised 2.2 content"]);
    story.pass(2 * TIMEOUT_MS);
    expect(story.executed).toEqual([
      ["a", "new"],
      ["a", "new"],
      ["a", "new"],
    ]);
    expect(story.elections).toEqual(["1.1", "2.2"]);
    expect(story.actor(1).notices).toContainEqual(
      expect.objectContaining({ kind: "leadershipEnded", ballot: ballot("1.1") }),
    );
  });
});

describe("phase 1 in pages", () => {
  /** Only node 3 has the votes, and frames hold one value; node 2 is the next leader. */
  function threeVotes(): Story {
    const story = led(3, { frameValueBytesMax: 1 });
    story.lose((from, to) => to === 2 || from === 3);
    story.propose(1, "a", "b", "c");
    story.crash(1);
    story.heal();
    story.take();
    return story;
  }

  test("a promise counts once its last page is there", () => {
    const story = threeVotes();
    expect(story.elect()).toBe(2);
    expect(story.take().filter((line) => /^(2>3 prepare|3>2 promise|2>3 accept )/.test(line))).toEqual([
      "2>3 prepare 2.2 from 1",
      "3>2 promise 2.2 1..1 {1:1.1=a} upto 0",
      "2>3 prepare 2.2 from 2",
      "3>2 promise 2.2 2..2 {2:1.1=b} upto 0",
      "2>3 prepare 2.2 from 3",
      "3>2 promise 2.2 3.. {3:1.1=c} upto 0",
      "2>3 accept 2.2 s1 a upto 0",
      "2>3 accept 2.2 s2 b upto 0",
      "2>3 accept 2.2 s3 c upto 0",
    ]);
    expect(story.actor(2).executed).toEqual(["a", "b", "c"]);
  });

  test("a lost page is asked for again, from where the pages end", () => {
    const story = threeVotes();
    let lost = 0;
    story.lose((_from, _to, message) => message.kind === "promise" && message.firstSlot === 2 && lost++ === 0);
    story.pass(TIMEOUT_MS);
    expect(story.elect()).toBe(2);
    expect(story.take().filter((line) => line.startsWith("2>3 prepare"))).toEqual([
      "2>3 prepare 2.2 from 1",
      "2>3 prepare 2.2 from 2",
      "2>3 prepare 2.2 from 2",
      "2>3 prepare 2.2 from 3",
    ]);
    expect(story.actor(2).executed).toEqual(["a", "b", "c"]);
  });

  test("pages may come from two lives of one acceptor", () => {
    const story = threeVotes();
    let restarted = false;
    story.lose((_from, to, message) => {
      if (to !== 2 || message.kind !== "promise" || message.firstSlot !== 2 || restarted) return false;
      restarted = true;
      story.crash(3);
      story.start(3);
      return true;
    });
    story.pass(TIMEOUT_MS);
    expect(story.elect()).toBe(2);
    expect(story.actor(2).executed).toEqual(["a", "b", "c"]);
  });
});

describe("catching up", () => {
  test("a lost accept is repaired by a fetch, without an election", () => {
    const story = led();
    story.lose((_from, to, message) => to === 3 && message.kind === "accept");
    story.propose(1, "a");
    story.heal();
    story.propose(1, "b");
    expect(story.actor(3).executed).toEqual([]);
    story.take();
    story.pass(2 * ROUND_MS);
    expect(story.take()).toEqual(["3>1 fetch 1..1", "1>3 learn s1 a upto 2"]);
    expect(story.actor(3).executed).toEqual(["a", "b"]);
    expect(story.elections).toEqual(["1.1"]);
  });

  test("an accept that no quorum saw is sent again, with growing pauses and only to those without a vote", () => {
    const story = led(5, { resendMs: ROUND_MS });
    story.lose((_from, to, message) => to !== 2 && message.kind === "accept");
    story.propose(1, "a");
    const rounds: number[] = [];
    story.lose((_from, _to, message) => message.kind === "accept");
    for (let round = 1; round <= 12; round++) {
      const before = story.sent.length;
      story.pass(ROUND_MS);
      const again = story.sent.slice(before).filter((message) => message.kind === "accept");
      if (again.length > 0) rounds.push(round);
      expect([0, 3]).toContain(again.length);
    }
    expect(rounds).toEqual([1, 3, 7, 11]);
    story.heal();
    story.pass(4 * ROUND_MS);
    expect(story.executed).toEqual([["a"], ["a"], ["a"], ["a"], ["a"]]);
    expect(story.elections).toEqual(["1.1"]);
  });

  test("a restarted node knows what its disk marks as chosen and fetches the rest", () => {
    const story = led();
    story.propose(1, "a");
    story.propose(1, "b");
    story.crash(3);
    story.propose(1, "c");
    story.start(3);
    // The mark rides on the next write: that of b says that a is chosen.
    expect(story.actor(3).executed).toEqual(["a"]);
    story.pass(3 * ROUND_MS);
    expect(story.actor(3).executed).toEqual(["a", "b", "c"]);
  });

  test("a leader that knows less than its voters fetches below the base before it serves", () => {
    const story = led();
    story.only([1, 3]);
    story.propose(1, "a", "b");
    story.crash(1);
    story.heal();
    story.lose((_from, _to, message) => message.kind === "fetch");
    expect(story.elect()).toBe(2);
    expect(story.replica(2).status().chosenUpTo).toBe(0);
    story.propose(2, "c");
    story.do(2, (replica) => replica.read(1));
    const proposed = story.sent.filter((message) => message.kind === "accept" && message.ballot.node === 2);
    expect(proposed).toEqual([accept("2.2", 3, ["c"])]);
    expect(story.actor(2).reads).toEqual([]);
    story.heal();
    story.pass(2 * TIMEOUT_MS);
    expect(story.executed.slice(1)).toEqual([
      ["a", "b", "c"],
      ["a", "b", "c"],
    ]);
    expect(story.actor(2).reads).toEqual([{ token: 1, index: 3 }]);
  });
});
