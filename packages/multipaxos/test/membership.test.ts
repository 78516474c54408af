import { describe, expect, test } from "vitest";
import type { Configuration, Member, NodeId } from "@synod/interface";
import { ChosenLog, ConfigurationHistory, encodeConfigurationValue, NOOP, Proposer, Replica } from "../src/index.js";
import { configurationOf, textOf, valueOf } from "./disk.js";
import { Links } from "./links.js";
import { ROUND_MS, Story, TIMEOUT_MS } from "./story.js";
import { ballot, promise, vote } from "./support.js";

const members = (...ids: (NodeId | Member)[]): Member[] => ids.map((id) => (typeof id === "number" ? { id } : id));

/** Asks a node for a change of the configuration that it knows. */
function ask(links: Links, at: NodeId, change: Partial<Configuration>, changeId = "c"): void {
  const replica = links.replica(at);
  const { last } = replica.membership();
  const configuration = { ...last.configuration, ...change, epoch: last.epoch + 1 };
  replica.change(encodeConfigurationValue({ stamp: last.epoch, changeId, configuration }));
}

const said = (links: Links, at: NodeId): string[] =>
  links.machine(at).notices.flatMap(({ notice }) => {
    if (notice.kind === "changeAnswered") return [notice.refused ?? "proposed"];
    if (notice.kind === "removed") return [`removed${notice.mayStop ? ", may stop" : ""}`];
    return notice.kind === "leadershipEnded" ? [`ends: ${notice.reason}`] : [];
  });

const votersAt = (links: Links, at: NodeId): readonly NodeId[] =>
  links.replica(at).membership().governing.quorums.members;

function cluster(founders: number, all: number, alpha = 8): Links {
  const links = new Links({
    // The first is the most eager to lead, then those that are no founders.
    nodes: Array.from({ length: all }, (_, i) => ({ random: i === 0 ? 0 : i < founders ? 0.9 : 0.05 })),
    founders,
    alpha,
    bytesPerMs: 1e9,
    settings: { electionTimeoutMs: 80 },
  });
  links.run(400, () => links.replica(1).leads);
  expect(links.replica(1).leads).toBe(true);
  links.run(20);
  return links;
}

describe("a change of the members", () => {
  test("takes effect in an idle cluster and is complete everywhere", () => {
    const links = cluster(3, 4);
    ask(links, 2, { members: members(1, 2, 3, { id: 4, role: "joining" }) });
    const isDone = (id: NodeId): boolean => {
      const { governing, complete } = links.replica(id).membership();
      return governing.epoch === 3 && complete;
    };
    links.run(1_000, () => [1, 2, 3, 4].every(isDone));
    for (const id of [1, 2, 3, 4]) expect(votersAt(links, id)).toEqual([1, 2, 3, 4]);
    expect(said(links, 2)).toEqual(["proposed"]);
  });

  test("one at a time: the next is refused until the one before is complete", () => {
    const links = cluster(3, 3);
    ask(links, 1, { members: members(1, 2) }, "a");
    ask(links, 1, { alpha: 9 }, "b");
    links.run(1);
    expect(said(links, 1)).toEqual(["proposed", "changeUnderWay"]);
    // Known, but not complete: nobody has said yet that it holds everything.
    links.run(100, () => links.replica(1).membership().last.epoch === 2);
    expect(links.replica(1).membership().complete).toBe(false);
    ask(links, 1, { alpha: 9 }, "c");
    links.run(1);
    expect(said(links, 1).at(-1)).toBe("changeUnderWay");
    links.run(400, () => links.replica(1).membership().complete);
    ask(links, 1, { alpha: 9 }, "d");
    links.run(1);
    expect(said(links, 1).at(-1)).toBe("proposed");
  });

  test("a late copy of a frame whose change was refused is not proposed: its caller was told so", () => {
    const links = cluster(3, 3);
    ask(links, 1, { members: members(1, 2) });
    links.run(100, () => links.replica(1).membership().last.epoch === 2);
    expect(links.replica(1).membership().complete).toBe(false);
    const configuration = { ...links.replica(1).membership().last.configuration, epoch: 3, alpha: 10 };
    const value = encodeConfigurationValue({ stamp: 2, changeId: "late", configuration });
    const asked = links.replica(1).leaderBallot ?? ballot("0.1");
    const frame = { kind: "change", ballot: asked, bootId: "b", sequence: 1, value } as const;
    links.replica(1).receive(2, frame);
    links.run(400, () => links.replica(1).membership().complete);
    links.replica(1).receive(2, frame);
    links.run(200);
    expect(links.replica(1).membership().last.epoch).toBe(2);
    // Nor in a ballot that it was not asked in, where nobody knows of the first copy: a leader that was restarted is in another one.
    for (const other of ["9.1", "0.1"]) {
      links.replica(1).receive(2, { ...frame, ballot: ballot(other), bootId: other });
      links.run(200);
      expect(links.replica(1).membership().last.epoch).toBe(2);
    }
    // Asked for anew it is another matter.
    links.replica(1).receive(2, { ...frame, sequence: 2 });
    links.run(400, () => links.replica(1).membership().last.epoch === 3);
    expect(links.replica(1).membership().last.epoch).toBe(3);
  });

  test("a copy of a change that was proposed gets the same answer and is not proposed again", () => {
    const links = cluster(3, 3);
    ask(links, 1, { alpha: 9 });
    ask(links, 1, { alpha: 9 });
    links.run(400, () => links.replica(1).membership().complete && links.replica(1).membership().last.epoch === 2);
    const made = links.replica(1).madeBy("c");
    const configuration = { ...configurationOf(3, 9), epoch: 2 };
    links.replica(1).change(encodeConfigurationValue({ stamp: 1, changeId: "c", configuration }));
    links.run(400);
    expect(said(links, 1)).toEqual(["proposed", "proposed", "proposed"]);
    expect(links.replica(1).membership().last).toBe(made);
  });

  test("what cannot be is refused, each with its reason", () => {
    const links = cluster(3, 3);
    ask(links, 1, { quorum: { kind: "sizes", phase1: 1, phase2: 1 } }, "split");
    const stale = { stamp: 7, changeId: "stale", configuration: { ...configurationOf(3, 8), epoch: 8 } };
    links.replica(1).change(encodeConfigurationValue(stale));
    links.run(1);
    expect(said(links, 1)).toEqual(["invalid", "epoch"]);
    ask(links, 1, { members: members(1, 2) }, "out");
    links.run(800, () => links.replica(1).membership().last.epoch === 2 && links.replica(1).membership().complete);
    ask(links, 1, { members: members(1, 2, 3) }, "back");
    links.run(1);
    expect(said(links, 1).at(-1)).toBe("retiredId");
  });

  test("a joining member is promoted only when it is within one window of the log", () => {
    const links = cluster(3, 4, 4);
    const { replica } = links.machine(1);
    for (let i = 0; i < 200; i++) {
      replica.propose(valueOf("x"));
      links.run(4);
    }
    const { chosenUpTo } = replica.status();
    expect(chosenUpTo).toBeGreaterThan(100);
    ask(links, 1, { members: members(1, 2, 3, 9) }, "unheard");
    links.run(1);
    expect(said(links, 1)).toEqual(["learnerBehind"]);
    const facts = { candidacy: null, promised: null, leaderBallot: null, content: true, impaired: false, priority: 0 };
    // It answers the round of now, whichever that is: replies to later ones do not count.
    for (let round = 1; round < 1_000; round++) {
      replica.receive(9, { kind: "beatReply", round, ...facts, chosenUpTo: 0, durableUpTo: 0 });
    }
    ask(links, 1, { members: members(1, 2, 3, 9) }, "heard, and behind");
    links.run(1);
    expect(said(links, 1)).toEqual(["learnerBehind", "learnerBehind"]);
    ask(links, 1, { members: members(1, 2, 3, { id: 4, role: "joining" }) });
    let lag: number | null = null;
    links.run(
      3_000,
      () => links.replica(1).membership().last.epoch === 3,
      () => {
        const { last, reported } = replica.membership();
        if (last.epoch === 2) lag = replica.status().chosenUpTo - (reported(4) ?? 0);
      },
    );
    expect(links.replica(1).membership().last.epoch).toBe(3);
    expect(lag).toBeLessThanOrEqual(4);
  });

  test("a joining member that is gone again is not promoted: those who are there go on without it", () => {
    // Node 3 is down, and so is node 4 by now.
    const links = new Links({
      nodes: [{ random: 0 }, { random: 0.9 }, null, null],
      founders: 3,
      alpha: 8,
      bytesPerMs: 1e9,
      settings: { electionTimeoutMs: 80 },
    });
    const { replica } = links.machine(1);
    links.run(800, () => replica.leads);
    links.run(20);
    const { chosenUpTo } = replica.status();
    const facts = { candidacy: null, promised: null, leaderBallot: null, content: false, impaired: false, priority: 0 };
    replica.receive(4, { kind: "beat", round: 1, ...facts, chosenUpTo, durableUpTo: chosenUpTo });
    links.run(400);
    ask(links, 1, { members: members(1, 2, 3, { id: 4, role: "joining" }) });
    links.run(1_000);
    expect(replica.membership().last.epoch).toBe(2);
    ask(links, 1, { members: members(1, 2, 3, 4) }, "by hand");
    links.run(1);
    expect(said(links, 1)).toEqual(["proposed", "learnerBehind"]);
    // As a voter it would be missed: three of four are needed.
    const slot = replica.propose(valueOf("x"));
    links.run(100);
    expect(replica.status().chosenUpTo).toBe(slot);
  });

  test("a joining member that quorums of these sizes have no room for does not hold up the one behind it", () => {
    const links = cluster(3, 5);
    const quorum = { kind: "sizes", phase1: 2, phase2: 2 } as const;
    const waits = { id: 4, role: "joining" } as const;
    const { replica } = links.machine(1);
    ask(links, 1, { quorum, members: members(1, 2, 3, waits) }, "a");
    links.run(800, () => replica.membership().last.epoch === 2 && replica.membership().complete);
    ask(links, 1, { members: members(1, 2, 3, waits, { id: 5, role: "joining", replaces: 2 }) }, "b");
    links.run(2_000, () => replica.membership().last.epoch === 4);
    expect(replica.membership().last.quorums.members).toEqual([1, 3, 5]);
  });

  test("nobody is removed any more where a snapshot could not name all who were", () => {
    const configuration: Configuration = { ...configurationOf(1, 8), members: members(1, { id: 2, role: "learner" }) };
    const before = new ConfigurationHistory(configuration);
    (before.last.retired as NodeId[]).push(...Array.from({ length: 100_000 }, (_, i) => i + 10));
    const snapshot = { index: 5, bytes: 1 };
    const recovered = { promised: null, votes: [], chosen: [], chosenUpTo: 5, leaseMs: 0, snapshot };
    const replica = new Replica({ nodeId: 1, bootId: "1", configuration, snapshotHead: before.encode(5), recovered });
    const refused: unknown[] = [];
    const run = (ms: number): void => {
      for (let write = replica.takeWrite(); write !== null; write = replica.takeWrite()) replica.writeDone(write.id);
      replica.tick(ms, 0);
      const { chosen, notices } = replica.takeEffects();
      for (const notice of notices) if (notice.kind === "changeAnswered") refused.push(notice.refused);
      const last = chosen.at(-1);
      if (last !== undefined) replica.appliedUpTo(last.slot);
    };
    for (let ms = 0; ms < 1_000 && !replica.leads; ms += 10) run(ms);
    replica.change(
      encodeConfigurationValue({ stamp: 1, changeId: "c", configuration: { ...configuration, members: members(1) } }),
    );
    for (let ms = 1_000; ms < 2_000; ms += 10) run(ms);
    expect(() => new ConfigurationHistory(configuration).restore(replica.snapshotHead(5))).not.toThrow();
    const { chosenUpTo } = replica.status();
    expect(() => new ConfigurationHistory(configuration).restore(replica.snapshotHead(chosenUpTo))).not.toThrow();
    expect(refused).toEqual(["invalid"]);
  });

  test("a member that was taken back is promoted once more", () => {
    const links = cluster(3, 3);
    for (const [changeId, epoch] of [
      ["first", 3],
      ["second", 5],
    ] as const) {
      ask(links, 1, { members: members(1, 2, { id: 3, role: "joining" }) }, changeId);
      links.run(
        1_000,
        () => links.replica(1).membership().last.epoch === epoch && links.replica(1).membership().complete,
      );
      expect(links.replica(1).membership().last.quorums.members).toEqual([1, 2, 3]);
    }
  });

  test("a learner never campaigns and never counts", () => {
    const links = cluster(1, 2, 4);
    ask(links, 1, { members: members(1, { id: 2, role: "learner" }) });
    links.run(400, () => links.replica(2).membership().last.epoch === 2);
    expect(votersAt(links, 2)).toEqual([1]);
    expect(links.replica(2).status().chosenUpTo).toBe(links.replica(1).status().chosenUpTo);
    // The leader is gone for the learner; it hears nobody who could elect it.
    links.machine(2).notices.length = 0;
    for (let ms = 0; ms < 3_000; ms += 10) links.replica(2).tick(links.nowMs + ms, 0);
    expect(links.replica(2).status().role).toBe("follower");
  });

  test("a learner never campaigns, however eager, while the voters look for a leader", () => {
    const links = cluster(3, 4);
    ask(links, 1, { members: members(1, 2, 3, { id: 4, role: "learner" }) }, "a");
    links.run(800, () => links.replica(4).membership().last.epoch === 2 && links.replica(1).membership().complete);
    ask(links, 1, { members: members(2, 3, { id: 4, role: "learner" }) }, "b");
    links.run(1_600, () => links.replica(2).leads || links.replica(3).leads);
    expect(links.replica(2).leads || links.replica(3).leads).toBe(true);
    expect(links.machine(4).notices.filter(({ notice }) => notice.kind === "campaign")).toEqual([]);
  });

  test("a learner that hears a quorum of voters without a leader does not campaign", () => {
    const links = cluster(3, 4);
    ask(links, 1, { members: members(1, 2, 3, { id: 4, role: "learner" }) });
    links.run(800, () => links.replica(4).membership().last.epoch === 2 && links.replica(1).membership().complete);
    const learner = links.replica(4);
    for (let ms = 0; ms < 2_000; ms += 10) {
      learner.tick(links.nowMs + ms, 0);
      const beat = learner.takeEffects().sends.find(({ message }) => message.kind === "beat")?.message;
      if (beat?.kind !== "beat") continue;
      const facts = { ...beat, candidacy: null, leaderBallot: null, content: false };
      for (const from of [2, 3]) learner.receive(from, { ...facts, kind: "beatReply" });
    }
    expect(learner.status().role).toBe("follower");
  });

  test("a removed leader goes on until the change is complete, makes room, and may stop", () => {
    const links = cluster(3, 3);
    ask(links, 1, { members: members(2, 3) });
    links.run(800, () => said(links, 1).includes("removed, may stop"));
    expect(said(links, 1)).toEqual(["proposed", "removed", "ends: this node was removed", "removed, may stop"]);
    const { last, complete } = links.replica(1).membership();
    expect([complete, links.replica(2).status().durableUpTo >= last.from - 1]).toEqual([true, true]);
    links.run(800, () => links.replica(2).leads || links.replica(3).leads);
    expect(links.replica(1).leads).toBe(false);
    expect(links.replica(2).leads || links.replica(3).leads).toBe(true);
    links.run(400);
    // The two that are left agree without it.
    const leader = links.replica(links.replica(2).leads ? 2 : 3);
    const slot = leader.propose(valueOf("y"));
    links.run(100);
    expect(leader.status().chosenUpTo).toBeGreaterThanOrEqual(slot ?? Infinity);
  });
});

describe("a change that is complete", () => {
  test("takes with it what was known of the members that left", () => {
    const links = cluster(4, 4);
    expect(links.replica(1).membership().reported(3)).not.toBeNull();
    ask(links, 1, { members: members(1, 2, 4) });
    links.run(800, () => links.replica(1).membership().complete && links.replica(2).membership().complete);
    links.run(400);
    for (const id of [1, 2, 4]) {
      expect(links.replica(id).membership().isGone(3)).toBe(true);
      expect(links.replica(id).membership().reported(3)).toBeNull();
    }
    // It stays gone while the next change is under way.
    ask(links, 1, { members: members(1, 2) }, "d");
    links.run(100, () => links.replica(1).membership().last.epoch === 3);
    expect(links.replica(1).membership()).toMatchObject({ complete: false });
    expect(links.replica(1).membership().isGone(3)).toBe(true);
  });

  test("is made way for by a leader that is elected as one of the voters before", () => {
    const story = new Story(configurationOf(3, 8), { frameValueBytesMax: 1 });
    expect(story.elect()).toBe(1);
    const configuration = { ...configurationOf(3, 8), epoch: 2, members: members(1, 2, { id: 3, role: "learner" }) };
    const value = encodeConfigurationValue({ stamp: 1, changeId: "c", configuration });
    // Node 3 hears of the change, and not of the slots up to where it governs.
    story.lose((_, to, m) => to === 3 && (m.kind === "accept" || m.kind === "learn") && m.firstSlot > 1);
    story.do(1, (replica) => replica.change(value));
    story.pass(2 * TIMEOUT_MS);
    expect(story.replica(3).membership()).toMatchObject({ last: { epoch: 2 }, complete: true });
    expect(story.replica(3).status().chosenUpTo).toBe(1);
    story.eager = 3;
    for (const id of [1, 2]) story.crash(id);
    for (const id of [1, 2]) story.start(id);
    for (let rounds = 0; !story.replica(3).leads && rounds < 40; rounds++) story.pass(ROUND_MS);
    expect(story.replica(3).leads).toBe(true);
    story.heal();
    story.eager = null;
    story.pass(4 * TIMEOUT_MS);
    expect(story.replica(3).status()).toMatchObject({ role: "follower", chosenUpTo: 8 });
    expect(story.leaders).not.toEqual([3]);
    const ends = story.actor(3).notices.flatMap((n) => (n.kind === "leadershipEnded" ? [n.reason] : []));
    expect(ends).toEqual(["this node is no voter any more"]);
  });
});

describe("reads", () => {
  test("wait until every configuration in the window has promised: a rival may have got its slots chosen", () => {
    const recovered = { promised: null, votes: [], chosen: [], chosenUpTo: 0, leaseMs: 0, snapshot: null };
    const replica = new Replica({ nodeId: 1, bootId: "1:1", configuration: configurationOf(1, 4), recovered });
    const sent: string[] = [];
    const answered: number[] = [];
    const turn = (): void => {
      for (;;) {
        const { sends, chosen, reads } = replica.takeEffects();
        sent.push(...sends.map(({ to, message }) => `${message.kind} to ${to.join()}`));
        answered.push(...reads.flatMap(({ tokens }) => tokens));
        const last = chosen.at(-1);
        if (last !== undefined) replica.appliedUpTo(last.slot);
        const write = replica.takeWrite();
        if (write === null && last === undefined) return;
        if (write !== null) replica.writeDone(write.id);
      }
    };
    for (let ms = 0; !replica.leads; ms += 25) {
      replica.tick(ms, 0);
      turn();
    }
    // Node 2 has followed so far, and promised nothing.
    const facts = {
      candidacy: null,
      promised: null,
      leaderBallot: null,
      content: false,
      chosenUpTo: 0,
      durableUpTo: 0,
      impaired: false,
      priority: 0,
    };
    replica.receive(2, { kind: "beat", round: 1, ...facts });
    replica.receive(2, { kind: "beatReply", round: 1, ...facts });
    const configuration = { ...configurationOf(2, 4), epoch: 2 };
    replica.change(encodeConfigurationValue({ stamp: 1, changeId: "c", configuration }));
    turn();
    expect(replica.status().chosenUpTo).toBe(replica.membership().last.from - 1);
    replica.read(7);
    turn();
    const ballotOfMine = replica.leaderBallot ?? ballot("0.0");
    // Its promise is lower than the leader's ballot: that proves nothing about what was chosen in between.
    replica.receive(2, { kind: "confirmReply", ballot: ballotOfMine, nonce: 1 });
    turn();
    expect(sent.filter((text) => text.startsWith("confirm"))).toEqual([]);
    expect(answered).toEqual([]);
    const { from } = replica.membership().last;
    const page = { firstSlot: from, lastSlot: null, votes: [], chosenUpTo: 0, snapshotIndex: 0 };
    replica.receive(2, { kind: "promise", ballot: ballotOfMine, ...page });
    turn();
    expect(sent.at(-1)).toBe("confirm to 2");
    replica.receive(2, { kind: "confirmReply", ballot: ballotOfMine, nonce: 1 });
    turn();
    expect(answered).toEqual([7]);
  });
});

describe("phase 1 over several configurations", () => {
  /** Members 1, 2, 3 up to slot 8; from slot 9 on 1, 4, 5. Slots up to 6 are chosen. */
  function proposerOf(known: boolean): { proposer: Proposer; log: ChosenLog; history: ConfigurationHistory } {
    const history = new ConfigurationHistory(configurationOf(3, 4));
    const change = {
      stamp: 1,
      changeId: "",
      configuration: { ...configurationOf(3, 4), epoch: 2, members: members(1, 4, 5) },
    };
    const value = encodeConfigurationValue(change);
    const log = new ChosenLog(0, { vote: () => undefined, slots: () => [] }, (c) => history.apply(c.slot, c.value));
    for (let slot = 1; slot <= 4; slot++) log.learn(slot, NOOP);
    if (known) {
      log.learn(5, value);
      log.learn(6, NOOP);
    }
    const audience = (): number[] => [1, 2, 3, 4, 5];
    const proposer = new Proposer({
      me: 1,
      configurations: history,
      audience,
      inFlightBytesMax: 1e6,
      resendMs: 10,
      log,
    });
    proposer.start(ballot("2.2"), 0);
    return { proposer, log, history };
  }

  const at = (known: boolean): ReturnType<typeof proposerOf> & { page: (from: NodeId, rest?: object) => boolean } => {
    const made = proposerOf(known);
    const page = (from: NodeId, rest: object = {}): boolean =>
      made.proposer.onPromise(from, promise("3.1", { firstSlot: made.proposer.fromSlot, ...rest }), 0).elected;
    return { ...made, page };
  };

  test("proposes nothing where a promise of one configuration says chosen, while another has not promised", () => {
    const configuration = (epoch: number, ...ids: number[]): Configuration => ({
      ...configurationOf(3, 8),
      epoch,
      members: members(...ids),
    });
    const changeTo = (stamp: number, ...ids: number[]): Uint8Array =>
      encodeConfigurationValue({ stamp, changeId: `c${stamp}`, configuration: configuration(stamp + 1, ...ids) });
    const history = new ConfigurationHistory(configuration(1, 1, 2, 3));
    const log = new ChosenLog(0, { vote: () => undefined, slots: () => [] }, (c) => history.apply(c.slot, c.value));
    const audience = (): number[] => [1, 2, 3, 4, 5, 6, 7];
    const proposer = new Proposer({
      me: 2,
      configurations: history,
      audience,
      inFlightBytesMax: 1e6,
      resendMs: 10,
      log,
    });
    for (let slot = 1; slot <= 10; slot++) log.learn(slot, NOOP);
    proposer.start(ballot("5.1"), 0);
    const votes = Array.from({ length: 9 }, (_, i) => ({ ...vote(i + 11, "5.1", "a") }));
    votes[1] = { ...vote(12, "5.1", ""), value: changeTo(1, 4, 5, 6) };
    const page = (from: NodeId, firstSlot: number, rest: object): boolean =>
      proposer.onPromise(from, promise("6.2", { firstSlot, ...rest }), 0).elected;
    page(2, 11, { votes, chosenUpTo: 10 });
    expect(page(3, 11, { votes, chosenUpTo: 10 })).toBe(true);
    // The window holds eight of these nine.
    for (const id of [2, 3, 2, 3]) {
      proposer.recover(0);
      for (const { slot, value } of proposer.onAccepted(id, ballot("6.2"), [[11, 19]], 1)) log.learn(slot, value);
    }
    expect([proposer.next, history.last.epoch, proposer.secured]).toEqual([20, 2, false]);
    proposer.unpromised(1, 0);
    page(4, 20, { chosenUpTo: 30 });
    for (let slot = 20; slot <= 30; slot++) log.learn(slot, slot === 25 ? changeTo(2, 4, 5, 7) : NOOP);
    proposer.unpromised(2, 0);
    page(6, 20, { chosenUpTo: 30 });
    expect([history.last.epoch, proposer.secured, proposer.base]).toEqual([3, false, 30]);
    expect(proposer.recover(1).every(({ slot }) => slot > 30)).toBe(true);
  });

  test("leads only when every configuration in the window has promised", () => {
    const { proposer, page } = at(true);
    expect(proposer.unpromised(0, 40)).toEqual([
      { to: 1, fromSlot: 7 },
      { to: 2, fromSlot: 7 },
      { to: 3, fromSlot: 7 },
      { to: 4, fromSlot: 9 },
      { to: 5, fromSlot: 9 },
    ]);
    expect([page(1), page(2), page(3)]).toEqual([false, false, false]);
    expect(page(5, { firstSlot: 9, votes: [vote(9, "1.5", "x")] })).toBe(true);
    expect(proposer.recover(0).map(({ slot, value }) => `${slot}=${textOf(value)}`)).toEqual([
      "7=noop",
      "8=noop",
      "9=x",
    ]);
  });

  test("a configuration that becomes known while leading promises before any of its slots is proposed", () => {
    const { proposer, log, page, history } = at(false);
    expect([page(1), page(2)]).toEqual([false, true]);
    const change = {
      stamp: 1,
      changeId: "",
      configuration: { ...configurationOf(3, 4), epoch: 2, members: members(1, 4, 5) },
    };
    proposer.propose(encodeConfigurationValue(change), 0);
    log.learn(5, encodeConfigurationValue(change));
    expect(history.last.from).toBe(9);
    expect([proposer.secured, proposer.recovering, proposer.capacity()]).toEqual([false, true, 0]);
    // The window is filled up to where the new one governs, and no further.
    expect(proposer.recover(0).map(({ slot }) => slot)).toEqual([6, 7, 8]);
    expect(proposer.unpromised(0, 40)).toEqual([
      { to: 4, fromSlot: 9 },
      { to: 5, fromSlot: 9 },
    ]);
    // An earlier leader got slots 9 and 10 chosen there: they are fetched, and what was open in 11 is proposed again.
    expect(page(4, { firstSlot: 9, chosenUpTo: 10, votes: [vote(11, "1.5", "z")] })).toBe(false);
    expect([proposer.secured, proposer.base, proposer.next, proposer.barrier]).toEqual([true, 10, 11, 11]);
    expect(proposer.capacity()).toBe(0);
    for (let slot = 6; slot <= 10; slot++) log.learn(slot, NOOP);
    expect(proposer.recover(0).map(({ slot, value }) => `${slot}=${textOf(value)}`)).toEqual(["11=z"]);
  });

  test("votes count by the configuration of their slot", () => {
    const { proposer, log, page } = at(true);
    for (const id of [1, 2]) page(id);
    page(4, { firstSlot: 9 });
    const open = proposer.recover(0).map(({ slot }) => slot);
    for (let slot = 7; slot <= 8; slot++) log.learn(slot, NOOP);
    expect(open).toEqual([7, 8]);
    const slot = proposer.propose(valueOf("a"), 0)?.slot ?? 0;
    expect(slot).toBe(9);
    const chosen = (from: NodeId): number[] => proposer.onAccepted(from, ballot("3.1"), [[9, 9]], 0).map((c) => c.slot);
    // 1, 2 and 3 are a quorum of the old one; of the new one only 1 is a member.
    expect([chosen(2), chosen(3), chosen(1)]).toEqual([[], [], []]);
    expect(chosen(5)).toEqual([9]);
  });
});
