import { describe, expect, test } from "vitest";
import type { Configuration, Member, QuorumSpec } from "@synod/interface";
import {
  checkConfiguration,
  ConfigurationHistory,
  decodeConfigurationValue,
  encodeConfigurationValue,
  NOOP,
  Replica,
  votersOf,
} from "../src/index.js";
import { configurationOf, textOf, valueOf } from "./disk.js";
import { led, ROUND_MS, Story, TIMEOUT_MS } from "./story.js";
import { accept, ballot } from "./support.js";

/** The last of the members only vote. */
function withWitnesses(nodes: number, witnesses: number, quorum?: QuorumSpec): Configuration {
  const configuration = configurationOf(nodes, 64, quorum);
  const members = configuration.members.map((m): Member => (m.id > nodes - witnesses ? { ...m, role: "witness" } : m));
  return { ...configuration, members };
}

/** A slot costs 66 bytes with a letter in it. */
const SETTINGS = { retainedBytesMax: 130 };
const LETTERS = ["a", "b", "c", "d", "e"];

const sentBy = (story: Story, from: number, kind: string): string[] =>
  story.take().filter((line) => line.startsWith(`${from}>`) && line.includes(` ${kind} `));

describe("a configuration with witnesses", () => {
  test("counts them as voters, and needs somebody who can lead", () => {
    expect(votersOf(withWitnesses(3, 1))).toEqual([1, 2, 3]);
    expect(checkConfiguration(withWitnesses(3, 2)).phase2(new Set([2, 3]))).toBe(true);
    expect(() => checkConfiguration(withWitnesses(3, 3))).toThrow(/could lead/);
  });

  test("has layout 2", () => {
    const configuration = { ...withWitnesses(3, 1), epoch: 2 };
    const value = encodeConfigurationValue({ stamp: 1, changeId: "c", configuration });
    expect(value[1]).toBe(2);
    expect(decodeConfigurationValue(value).configuration).toEqual(configuration);
    // What an older release would take for malformed, and so for no change, has to be malformed here as well.
    const older = Uint8Array.from(value);
    older[1] = 1;
    expect(() => decodeConfigurationValue(older)).toThrow(/unknown role/);
  });
});

describe("a witness", () => {
  test("votes, and makes a quorum where a full member is missing", () => {
    const story = led(withWitnesses(3, 1));
    story.crash(2);
    story.propose(1, "a");
    expect(story.executed[0]).toEqual(["a"]);
  });

  test("never campaigns, whatever it knows and whoever is missing", () => {
    const story = new Story(withWitnesses(3, 2));
    story.eager = 3;
    expect(story.elect()).toBe(1);
    story.crash(1);
    story.pass(20 * TIMEOUT_MS);
    expect(story.leaders).toEqual([]);
    expect([2, 3].map((id) => story.actor(id).notices.some(({ kind }) => kind === "campaign"))).toEqual([false, false]);
    story.start(1);
    expect(story.elect()).toBe(1);
  });

  test("is not handed the leadership", () => {
    const story = led(withWitnesses(3, 1));
    const transfer = (to?: number): number =>
      story.replica(1).transferLeadership({ timeoutMs: 100, ...(to === undefined ? {} : { to }) });
    expect(() => transfer(3)).toThrow(/no other full member/);
    story.crash(2);
    story.pass(2 * TIMEOUT_MS);
    expect(() => transfer()).toThrow(/no other member answers/);
    expect(() => story.replica(3).transferLeadership({ timeoutMs: 100 })).toThrow(/only the leader/);
  });

  test("is told to campaign in vain", () => {
    const story = led(withWitnesses(3, 1));
    story.deliver(1, 3, { kind: "transferTo", ballot: ballot("1.1"), chosenUpTo: 0 });
    story.pass(ROUND_MS);
    expect(story.leaders).toEqual([1]);
  });

  test("has nothing to read", () => {
    const story = led(withWitnesses(3, 1));
    expect(() => story.replica(3).read(1)).toThrow(/nothing to read/);
  });

  test("has to be what the log says", () => {
    const recovered = { promised: null, votes: [], chosen: [], chosenUpTo: 0, leaseMs: 0, snapshot: null };
    const make = (nodeId: number, witness: boolean) => (): Replica =>
      new Replica({ nodeId, bootId: "b", configuration: withWitnesses(3, 1), recovered, witness });
    expect(make(1, true)).toThrow(/node 1 is a full member of the cluster, but it runs as a witness/);
    expect(make(3, false)).toThrow(/node 3 is a witness of the cluster, but it runs as a full member/);
    expect(make(4, true)().status().role).toBe("follower");
  });

  test("keeps a leader whose disk hangs, where nobody else can lead", () => {
    const alone = led(withWitnesses(3, 2));
    alone.holdWrites(1);
    alone.propose(1, "a");
    alone.pass(6 * TIMEOUT_MS);
    expect(alone.leaders).toEqual([1]);
    const spare = led(withWitnesses(3, 1));
    spare.holdWrites(1);
    spare.propose(1, "a");
    spare.pass(6 * TIMEOUT_MS);
    expect(spare.leaders).toEqual([2]);
  });
});

describe("what a witness keeps", () => {
  test("goes once full members that are a quorum have it on disk as chosen", () => {
    const story = led(withWitnesses(3, 1), SETTINGS);
    for (const letter of LETTERS) story.propose(1, letter);
    expect(story.actor(3).dropped).toBe(0);
    story.pass(3 * ROUND_MS);
    // The mark of the last slot rides on the next write.
    expect(story.actor(3).dropped).toBe(4);
    expect(story.replica(3).status().snapshot?.index).toBe(4);
    expect(story.actor(1).dropped).toBe(0);
  });

  test("stays while it is little", () => {
    const story = led(withWitnesses(3, 1), { retainedBytesMax: 5 * 66 });
    for (const letter of LETTERS) story.propose(1, letter);
    story.pass(5 * ROUND_MS);
    expect(story.actor(3).dropped).toBe(0);
  });

  test("stays where no full member has it as chosen, whatever it is told", () => {
    const story = led(withWitnesses(3, 2), SETTINGS);
    story.holdWrites(1);
    for (const letter of LETTERS) story.propose(1, letter);
    story.pass(5 * ROUND_MS);
    expect(story.executed[1]).toEqual(LETTERS);
    expect([2, 3].map((id) => story.actor(id).dropped)).toEqual([0, 0]);
    // The leader forgets all of it; the witnesses still have it.
    story.crash(1);
    story.start(1);
    expect(story.elect()).toBe(1);
    expect(story.executed[0]?.slice(0, 5)).toEqual(LETTERS);
  });

  test("goes where it becomes too much and one full member has it", () => {
    const story = led(withWitnesses(3, 1), SETTINGS);
    story.crash(2);
    for (const letter of LETTERS) story.propose(1, letter);
    story.pass(3 * ROUND_MS);
    expect(story.actor(3).dropped).toBe(4);
  });

  test("goes as far as full members that are a quorum have it, though the one that answers now has less", () => {
    const story = led(withWitnesses(4, 1, { kind: "sizes", phase1: 3, phase2: 2 }), { retainedBytesMax: 7 * 66 });
    for (const letter of ["a", "b"]) story.propose(1, letter);
    story.pass(2 * ROUND_MS);
    story.lose((_from, to, { kind }) => to === 3 && !kind.startsWith("beat"));
    for (const letter of ["c", "d", "e"]) story.propose(1, letter);
    story.pass(2 * ROUND_MS);
    expect(story.actor(4).dropped).toBe(0);
    // Of 1 and 2 it hears no more what they have on their disks.
    story.lose((from, to, { kind }) =>
      to === 3 ? !kind.startsWith("beat") : from < 3 && to === 4 && kind.startsWith("beat"),
    );
    story.pass(TIMEOUT_MS + ROUND_MS);
    for (let i = 0; i < 9; i++) story.propose(1, "f");
    story.pass(2 * ROUND_MS);
    expect(story.replica(4).status().chosenUpTo).toBeGreaterThan(12);
    expect(story.actor(4).dropped).toBe(4);
  });

  test("is chosen for whoever asks later, never empty: the group waits for the member that has it", () => {
    const story = led(withWitnesses(3, 1), SETTINGS);
    story.crash(2);
    for (const letter of LETTERS) story.propose(1, letter);
    story.pass(3 * ROUND_MS);
    story.crash(1);
    story.crash(3);
    story.start(3);
    expect(story.replica(3).status().chosenUpTo).toBe(4);
    story.start(2);
    story.pass(20 * TIMEOUT_MS);
    expect(story.executed[1]).toEqual([]);
    story.start(1);
    story.pass(4 * TIMEOUT_MS);
    expect(story.executed[1]).toEqual(LETTERS);
  });

  test("is served to those that ask, after full members", () => {
    const story = led(withWitnesses(3, 1));
    story.only([1, 3]);
    story.propose(1, "a");
    story.only([2, 3]);
    story.pass(4 * TIMEOUT_MS);
    expect(story.leaders).toEqual([2]);
    expect(story.executed[1]).toEqual(["a"]);
    const other = led(withWitnesses(4, 1));
    other.only([1, 3, 4]);
    other.propose(1, "a");
    other.heal();
    other.take();
    other.pass(2 * ROUND_MS);
    expect(sentBy(other, 2, "fetch")[0]).toMatch(/^2>[13] /);
  });
});

describe("a witness that was away", () => {
  const away = (settings = {}): Story => {
    const story = led(withWitnesses(3, 1), { retainedBytesMax: 1, ...settings });
    story.only([1, 2]);
    for (const letter of LETTERS) story.propose(1, letter);
    story.pass(TIMEOUT_MS + 2 * ROUND_MS);
    story.snapshot(1);
    story.pass(ROUND_MS);
    expect(story.replica(1).status().compactedUpTo).toBe(5);
    return story;
  };

  test("gets the configurations in place of a snapshot", () => {
    const story = away();
    story.heal();
    story.take();
    story.pass(TIMEOUT_MS);
    expect(sentBy(story, 3, "snapshotAsk")).toEqual([]);
    expect(story.replica(3).status()).toMatchObject({ chosenUpTo: 5, durableUpTo: 5, compactedUpTo: 5 });
    expect(story.actor(3).snapshots).toEqual(["forget"]);
  });

  test("goes on voting, and keeps what it has, while the one that offers them is the only full member known to hold it", () => {
    const story = led(withWitnesses(3, 1), { retainedBytesMax: 200 });
    story.only([1, 2]);
    for (const letter of LETTERS) story.propose(1, letter);
    story.pass(TIMEOUT_MS + 2 * ROUND_MS);
    story.snapshot(1);
    story.pass(ROUND_MS);
    expect(story.replica(1).status().compactedUpTo).toBe(2);
    story.only([1, 3]);
    for (const letter of ["x", "y", "z"]) story.propose(1, letter);
    expect(story.executed[0]).toHaveLength(8);
    story.pass(TIMEOUT_MS);
    expect(story.actor(3).snapshots).toEqual([]);
    expect(story.replica(3).status()).toMatchObject({ chosenUpTo: 0, compactedUpTo: 0 });
    // Too much to keep: the group waits for that member, then, should it go down.
    story.propose(1, "more");
    story.pass(TIMEOUT_MS);
    expect(story.actor(3).snapshots[0]).toBe("forget");
    expect(story.replica(3).status().chosenUpTo).toBe(9);
  });

  test("takes them where all full members have it, though they are too few to be a quorum", () => {
    const story = led(withWitnesses(3, 2), { retainedBytesMax: 200 });
    story.only([1, 2]);
    for (const letter of LETTERS) story.propose(1, letter);
    story.pass(TIMEOUT_MS + 2 * ROUND_MS);
    story.snapshot(1);
    story.pass(ROUND_MS);
    story.only([1, 3]);
    story.pass(TIMEOUT_MS);
    expect(story.replica(3).status().chosenUpTo).toBe(5);
  });

  test("that joins takes them at once: it votes nowhere yet", () => {
    const members: Member[] = [{ id: 1 }, { id: 2 }, { id: 3, role: "joiningWitness" }];
    // Quorums that name their members, so that nobody promotes it meanwhile.
    const quorum: QuorumSpec = {
      kind: "weights",
      weights: [
        [1, 1],
        [2, 1],
      ],
      phase1: 2,
      phase2: 1,
    };
    const story = led({ ...configurationOf(3, 4, quorum), members }, { retainedBytesMax: 1 });
    story.only([1, 2]);
    for (const letter of LETTERS) story.propose(1, letter);
    story.pass(TIMEOUT_MS + 2 * ROUND_MS);
    story.snapshot(1);
    story.pass(ROUND_MS);
    story.only([1, 3]);
    story.pass(TIMEOUT_MS);
    expect(story.replica(3).status().chosenUpTo).toBe(5);
  });

  test("offers and serves no snapshot", () => {
    const story = away();
    story.heal();
    story.pass(TIMEOUT_MS);
    story.only([2, 3]);
    story.sent.length = 0;
    story.deliver(2, 3, { kind: "fetch", firstSlot: 1, lastSlot: 5 });
    story.deliver(2, 3, { kind: "snapshotAsk", index: 5, hash: "h", offset: 0, length: 1 });
    const kinds = story.sent.map(({ kind }) => kind);
    expect(kinds).toContain("learn");
    expect(kinds.filter((kind) => kind.startsWith("snapshot"))).toEqual([]);
    expect(story.actor(3).snapshots).toEqual(["forget"]);
  });

  test("takes no snapshot from one that does not know what it is", () => {
    const story = led(withWitnesses(3, 1));
    story.deliver(1, 3, { kind: "snapshotOffer", index: 9, hash: "x", bytes: 10 });
    expect(story.actor(3).snapshots).toEqual([]);
    expect(story.actor(3).notices.at(-1)).toMatchObject({ reason: "whole snapshot offered to a witness" });
    story.deliver(1, 3, { kind: "snapshotOffer", index: 9, hash: "x", bytes: 10, head: Uint8Array.of(1, 9, 9) });
    expect(story.actor(3).notices.at(-1)).toMatchObject({ reason: "malformed head of a snapshot" });
    expect(story.actor(3).snapshots).toEqual([]);
  });
});

test("values go to witnesses last where the leader is thrifty", () => {
  const story = led(
    { ...configurationOf(3, 64), members: [{ id: 1 }, { id: 2, role: "witness" }, { id: 3 }] },
    { thrifty: true },
  );
  story.propose(1, "a");
  expect(sentBy(story, 1, "accept")).toEqual(["1>3 accept 1.1 s1 a upto 0"]);
});

describe("changes of the members", () => {
  const change = (story: Story, members: readonly Member[], quorum = story.configuration.quorum): void => {
    const configuration = { ...story.configuration, epoch: 2, members, quorum };
    const value = encodeConfigurationValue({ stamp: 1, changeId: "c", configuration });
    story.do(1, (replica) => replica.change(value));
  };

  test("nobody becomes a witness, and no witness a full member", () => {
    for (const members of [
      [{ id: 1 }, { id: 2 }, { id: 3 }],
      [{ id: 1 }, { id: 2, role: "witness" }, { id: 3, role: "witness" }],
      [{ id: 1 }, { id: 2, role: "joiningWitness" }, { id: 3, role: "witness" }],
    ] satisfies Member[][]) {
      const story = led(withWitnesses(3, 1));
      change(story, members);
      expect(story.actor(1).notices.at(-1)).toMatchObject({ kind: "changeAnswered", refused: "invalid" });
    }
  });

  /** A witness has forgotten what 1 and 2 hold; then 4 takes the place of 2, and is not there. */
  const replaced = (): Story => {
    const members: Member[] = [
      { id: 1 },
      { id: 2 },
      { id: 3, role: "witness" },
      { id: 4, role: "learner" },
      { id: 5, role: "learner" },
    ];
    const story = led({ ...configurationOf(5, 16), members }, SETTINGS);
    story.only([1, 2, 3]);
    for (const letter of LETTERS) story.propose(1, letter);
    story.pass(3 * ROUND_MS);
    expect(story.actor(3).dropped).toBe(4);
    change(story, [{ id: 1 }, { id: 4 }, { id: 3, role: "witness" }, { id: 5, role: "learner" }]);
    story.pass(4 * TIMEOUT_MS);
    return story;
  };

  test("are not complete while one full member holds what a witness has forgotten: losing its disk would lose that", () => {
    const story = replaced();
    const { last, settled, complete } = story.replica(1).membership();
    expect({ epoch: last.epoch, settled, complete }).toEqual({ epoch: 2, settled: true, complete: false });
    expect(story.replica(2).membership().removed).toEqual({ epoch: 2, mayStop: false });
    // The disk of 1 is lost. What was acknowledged is on that of 2, which nobody may have thrown away.
    story.crash(1);
    story.only([2, 3, 4]);
    story.pass(8 * TIMEOUT_MS);
    expect(story.leaders).toEqual([4]);
    expect(story.executed[3]?.slice(0, 5)).toEqual(LETTERS);
    // Both full voters had it by then.
    expect(story.replica(2).membership().removed).toEqual({ epoch: 2, mayStop: true });
  });

  test("that are settled let the next one start: a new member that died may be replaced as well", () => {
    const story = replaced();
    const configuration: Configuration = {
      ...story.configuration,
      epoch: 3,
      members: [{ id: 1 }, { id: 5 }, { id: 3, role: "witness" }],
    };
    const value = encodeConfigurationValue({ stamp: 2, changeId: "d", configuration });
    story.only([1, 2, 3, 5]);
    story.pass(TIMEOUT_MS);
    story.lose((from, to, { kind }) => [from, to].includes(4) || ([from, to].includes(5) && kind !== "beat"));
    story.do(1, (replica) => replica.change(value));
    const answers = story.actor(1).notices.filter(({ kind }) => kind === "changeAnswered");
    expect(answers.at(-1)).toMatchObject({ refused: null });
    story.pass(4 * TIMEOUT_MS);
    const status = story.replica(1).membership();
    expect([status.last.epoch, status.settled, status.complete]).toEqual([3, true, false]);
    expect(status.unfinished.map(({ epoch }) => epoch)).toEqual([1, 2]);
    // Removed two changes ago, and still needed.
    expect([2, 4].map((id) => status.isGone(id))).toEqual([false, false]);
    expect(story.replica(2).membership().removed).toEqual({ epoch: 2, mayStop: false });
    story.only([1, 2, 3, 5]);
    story.pass(4 * TIMEOUT_MS);
    expect(story.replica(1).membership()).toMatchObject({ complete: true, unfinished: [] });
    expect([2, 4].map((id) => story.replica(1).membership().isGone(id))).toEqual([true, true]);
    expect(story.replica(2).membership().removed).toEqual({ epoch: 2, mayStop: true });
  });

  test("leave a witness that they removed with what it has, as long as somebody may need it", () => {
    const members: Member[] = [{ id: 1 }, { id: 2 }, { id: 3, role: "witness" }, { id: 4, role: "joiningWitness" }];
    // Quorums that name their members, so that nobody promotes 4 meanwhile.
    const weights = [1, 2, 3].map((id) => [id, 1] as const);
    const quorum: QuorumSpec = { kind: "weights", weights, phase1: 2, phase2: 2 };
    const story = led({ ...configurationOf(4, 4, quorum), members }, { retainedBytesMax: 900 });
    story.only([1, 2]);
    for (const letter of LETTERS) story.propose(1, letter);
    story.pass(TIMEOUT_MS + 2 * ROUND_MS);
    // Chosen by 1 and the witness, while 2 is down. Then 4 takes the place of the witness.
    story.snapshot(1);
    story.crash(2);
    story.only([1, 3]);
    for (const letter of ["x", "y", "z"]) story.propose(1, letter);
    expect(story.executed[0]).toEqual([...LETTERS, "x", "y", "z"]);
    story.only([1, 3], [1, 4]);
    story.lose((_, to, { kind }) => to === 2 || (to === 3 && (kind === "learn" || kind === "snapshotOffer")));
    story.pass(2 * TIMEOUT_MS);
    change(story, [{ id: 1 }, { id: 2 }, { id: 4, role: "witness" }], { kind: "majority" });
    story.pass(2 * TIMEOUT_MS);
    const { last, settled, complete } = story.replica(1).membership();
    expect([last.quorums.members, settled, complete]).toEqual([[1, 2, 4], true, false]);
    // Nobody has room for everything, but the witness has room for what it has.
    for (const letter of LETTERS) story.propose(1, letter);
    story.pass(TIMEOUT_MS);
    story.snapshot(1);
    story.only([1, 3], [1, 4]);
    story.pass(4 * TIMEOUT_MS);
    expect(story.replica(1).status().compactedUpTo).toBeGreaterThan(0);
    // Were it to forget, the disk of 1 would be the last that has them.
    expect(story.actor(3).snapshots).toEqual([]);
    expect([6, 7, 8].map((slot) => textOf(story.actor(3).disk.votes.get(slot)?.value ?? NOOP))).toEqual([
      "x",
      "y",
      "z",
    ]);
    // The change is complete, and nobody needs them any more, once 2 has everything too.
    story.start(2);
    story.only([1, 2, 4], [1, 3]);
    story.pass(8 * TIMEOUT_MS);
    expect(story.replica(1).membership()).toMatchObject({ complete: true });
    expect(story.replica(3).membership().removed).toMatchObject({ mayStop: true });
  });

  test("that are not complete stay in snapshots, whatever follows them, and too many of them are refused", () => {
    const story = replaced();
    const { epoch } = story.replica(1).membership().last;
    expect(epoch).toBe(2);
    const learners = Array.from({ length: 15 }, (_, i) => i + 6);
    const answers = learners.map((id, i) => {
      const stamp = epoch + i;
      const members: Member[] = [{ id: 1 }, { id: 4 }, { id: 3, role: "witness" }, { id, role: "learner" }];
      const configuration: Configuration = { ...story.configuration, epoch: stamp + 1, members };
      const value = encodeConfigurationValue({ stamp, changeId: `${stamp}`, configuration });
      story.do(1, (replica) => replica.change(value));
      story.pass(4 * TIMEOUT_MS);
      return story
        .actor(1)
        .notices.flatMap((n) => (n.kind === "changeAnswered" ? [n.refused] : []))
        .at(-1);
    });
    expect(answers).toEqual(learners.map((_, i) => (i < 14 ? null : "changeUnderWay")));
    const head = story.replica(1).snapshotHead(story.executed[0]?.length ?? 0);
    const history = new ConfigurationHistory(story.configuration);
    history.restore(head);
    expect(history.entries.map((entry) => entry.epoch)).toEqual(Array.from({ length: 16 }, (_, i) => i + 1));
    // Who starts from it still asks the one that was removed first.
    expect(history.entries[0]?.configuration.members.map(({ id }) => id)).toContain(2);
  });

  test("that leave the voters alone are complete as soon as they are settled, whichever full member is down", () => {
    const members: Member[] = [{ id: 1 }, { id: 2 }, { id: 3, role: "witness" }, { id: 4, role: "learner" }];
    const story = led({ ...configurationOf(4, 8), members }, SETTINGS);
    story.crash(2);
    change(story, members.slice(0, 3));
    story.pass(2 * TIMEOUT_MS);
    expect(story.replica(1).membership()).toMatchObject({ last: { epoch: 2 }, complete: true });
  });

  test("are complete only when a full member has all that was chosen before", () => {
    const story = led(withWitnesses(4, 2));
    story.only([1, 3, 4]);
    change(story, [{ id: 2 }, { id: 3, role: "witness" }, { id: 4, role: "witness" }]);
    story.pass(4 * TIMEOUT_MS);
    const status = story.replica(1).membership();
    expect([status.last.epoch, status.settled, status.complete]).toEqual([2, false, false]);
    story.heal();
    story.pass(8 * TIMEOUT_MS);
    expect(story.replica(2).membership()).toMatchObject({ complete: true });
    expect(story.leaders).toEqual([2]);
  });
});

test("a joining witness is made one as soon as it has caught up", () => {
  const members: Member[] = [{ id: 1 }, { id: 2 }, { id: 3, role: "joiningWitness", name: "w" }];
  const history = new ConfigurationHistory({ ...configurationOf(2, 4), members });
  expect(history.last.quorums.members).toEqual([1, 2]);
  const story = new Story({ ...configurationOf(2, 4), members });
  story.elect();
  story.pass(2 * TIMEOUT_MS);
  const { last } = story.replica(1).membership();
  expect(last.configuration.members).toEqual([{ id: 1 }, { id: 2 }, { id: 3, role: "witness", name: "w" }]);
  expect(last.quorums.members).toEqual([1, 2, 3]);
});

test("an accept for a slot that was forgotten gets no vote, and the word that it is chosen", () => {
  const story = led(withWitnesses(3, 1), SETTINGS);
  for (const letter of LETTERS) story.propose(1, letter);
  story.pass(3 * ROUND_MS);
  story.only([2, 3]);
  story.take();
  story.sent.length = 0;
  story.deliver(1, 3, accept("9.1", 2, ["x"]));
  expect(story.sent.find(({ kind }) => kind === "accepted")).toMatchObject({ slots: [], chosenUpTo: 5 });
  expect(story.replica(1).propose(valueOf("z"))).toBe(6);
});
