import { describe, expect, test } from "vitest";
import { Replica } from "../src/index.js";
import { QuorumReads } from "../src/quorum-reads.js";
import { configurationOf } from "./disk.js";
import { led, type Story, TIMEOUT_MS } from "./story.js";
import { majorityOf } from "./support.js";

const members = majorityOf(1, 2, 3);
const others = majorityOf(2, 3, 4);
const nothing = { highestVote: 0, chosenUpTo: 0, snapshotIndex: 0 };
const same = () => members;

describe("rounds of a reader", () => {
  const asked = (...tokens: number[]): QuorumReads => {
    const reads = new QuorumReads();
    for (const token of tokens) reads.add(token);
    reads.start(members, 0);
    return reads;
  };

  test.each(["highestVote", "chosenUpTo", "snapshotIndex"] as const)("%s counts", (field) => {
    const reads = asked(1);
    expect(reads.onReply(1, 1, nothing, 0, 0)).toBe(false);
    expect(reads.onReply(1, 1, nothing, 0, 0)).toBe(false);
    expect(reads.onReply(2, 1, { ...nothing, [field]: 7 }, 0, 0)).toBe(true);
    expect(reads.settle(6, same, 0)).toEqual([]);
    expect(reads.settle(7, same, 0)).toEqual([{ tokens: [1], index: 7 }]);
  });

  test("who comes during a round shares the next, and an answer to another number counts for none", () => {
    const reads = asked(1);
    reads.add(2);
    reads.add(3);
    expect(reads.start(members, 0)).toBeNull();
    expect([reads.onReply(2, 0, nothing, 0, 0), reads.onReply(3, 2, nothing, 0, 0)]).toEqual([false, false]);
    for (const id of [2, 3]) reads.onReply(id, 1, nothing, 0, 0);
    expect(reads.settle(0, same, 0)).toEqual([{ tokens: [1], index: 0 }]);
    expect(reads.start(members, 0)).toEqual({ nonce: 2, to: [1, 2, 3] });
    for (const id of [1, 3]) reads.onReply(id, 2, nothing, 0, 0);
    expect(reads.settle(0, same, 0)).toEqual([{ tokens: [2, 3], index: 0 }]);
  });

  test("another configuration above the index is asked, too", () => {
    const reads = asked(1);
    for (const id of [1, 2]) reads.onReply(id, 1, { ...nothing, highestVote: 5 }, 0, 0);
    expect(reads.settle(5, (slot) => (slot > 5 ? others : members), 0)).toEqual([]);
    expect(reads.start(others, 0)).toEqual({ nonce: 2, to: [2, 3, 4] });
    for (const id of [1, 4]) reads.onReply(id, 2, { ...nothing, highestVote: 8 }, 5, 0);
    expect(reads.settle(8, () => others, 0)).toEqual([]);
    reads.onReply(3, 2, nothing, 8, 0);
    expect(reads.settle(8, () => others, 0)).toEqual([{ tokens: [1], index: 8 }]);
  });

  test("without progress readers are given up, with progress they are not", () => {
    const silent = asked(1);
    silent.onReply(1, 1, nothing, 0, 50);
    expect(silent.stuck(99, 50)).toEqual([]);
    expect(silent.stuck(100, 50)).toEqual([1]);

    const orphan = asked(2);
    for (const id of [1, 2]) orphan.onReply(id, 1, { ...nothing, highestVote: 3 }, 0, 0);
    orphan.settle(1, same, 40);
    expect(orphan.stuck(60, 50)).toEqual([]);
    orphan.settle(1, same, 80);
    expect(orphan.stuck(90, 50)).toEqual([2]);
  });

  test("who does not care any more is gone everywhere", () => {
    const reads = asked(1);
    reads.add(2);
    reads.cancel(1);
    reads.cancel(2);
    for (const id of [1, 2]) reads.onReply(id, 1, nothing, 0, 0);
    expect([reads.settle(0, same, 0), reads.start(members, 0)]).toEqual([[], null]);
  });

  test("who gives up while its index is not applied leaves no group behind", () => {
    const reads = asked(1, 2);
    for (const id of [1, 2]) reads.onReply(id, 1, { ...nothing, highestVote: 7 }, 0, 0);
    reads.add(3);
    reads.start(members, 0);
    for (const id of [1, 2]) reads.onReply(id, 2, { ...nothing, highestVote: 8 }, 0, 0);
    reads.cancel(3);
    reads.cancel(1);
    expect(reads.settle(8, same, 0)).toEqual([{ tokens: [2], index: 7 }]);
  });
});

describe("in a cluster", () => {
  const read = (story: Story, id: number): void => story.do(id, (replica) => replica.read(1, "quorum"));

  test("a follower reads without its leader", () => {
    const story = led();
    story.propose(1, "a");
    story.only([2, 3]);
    read(story, 3);
    expect(story.actor(3).reads).toEqual([{ token: 1, index: 1 }]);
  });

  test("a vote above the log of an idle leader does not hold a read up for ever", () => {
    const story = led();
    story.lose((_from, to, message) => message.kind === "accept" && to === 3);
    story.propose(1, "a");
    // Node 3 has a vote that nobody else has.
    story.deliver(1, 3, {
      kind: "accept",
      ballot: { round: 1, node: 1 },
      firstSlot: 9,
      values: [Uint8Array.of(3, 9)],
      chosenUpTo: 0,
    });
    read(story, 3);
    expect(story.actor(3).reads).toEqual([]);
    story.pass(3 * TIMEOUT_MS);
    expect(story.actor(3).reads).toEqual([{ token: 1, index: 1 }]);
    expect(story.actor(3).notices.map(({ kind }) => kind)).toContain("quorumReadFellBack");
  });

  test("an answer to an earlier life is none", () => {
    const story = led();
    story.crash(3);
    story.start(3);
    story.lose((from, to) => to === 3 || from === 3);
    read(story, 3);
    story.deliver(1, 3, { kind: "quorumReadReply", bootId: "3:1", nonce: 1, ...nothing });
    expect(story.actor(3).reads).toEqual([]);
    story.deliver(1, 3, { kind: "quorumReadReply", bootId: "3:2", nonce: 1, ...nothing });
    expect(story.actor(3).reads).toEqual([{ token: 1, index: 0 }]);
  });

  test("who is no member any more does not answer: what it does not know of proves nothing", () => {
    const configuration = configurationOf(3, 64);
    const left = configuration.members.filter(({ id }) => id !== 1);
    const recovered = { promised: null, votes: [], chosen: [], chosenUpTo: 0, leaseMs: 0, snapshot: null };
    for (const who of [configuration.members, left]) {
      const replica = new Replica({
        nodeId: 1,
        bootId: "1:1",
        configuration: { ...configuration, members: who },
        recovered,
      });
      replica.receive(2, { kind: "quorumReadAsk", bootId: "2:1", nonce: 1 });
      const replies = replica.takeEffects().sends.filter(({ message }) => message.kind === "quorumReadReply");
      expect(replies).toHaveLength(who === left ? 0 : 1);
    }
  });
});
