import { describe, expect, test } from "vitest";
import {
  type BeatFacts,
  Election,
  type ElectionView,
  hearsQuorums,
  isContent,
  judge,
  type PeerFacts,
} from "../src/index.js";
import { ballot, majorityOf } from "./support.js";
import { quorumSystem } from "@synod/paxos";

/** `2/1.2/4.3/u`: node 2, promised 1.2, follows 4.3, unhappy (h: content). */
function peer(text: string): PeerFacts {
  const [id, promised, leader, mood] = text.split("/");
  const parsed = (b: string | undefined): ReturnType<typeof ballot> | null =>
    b === undefined || b === "-" ? null : ballot(b);
  return {
    id: Number(id),
    promised: parsed(promised),
    leaderBallot: parsed(leader),
    content: mood === "h",
  };
}

interface Case {
  readonly n?: number;
  readonly leader?: string;
  readonly grace?: boolean;
  readonly heard: string[];
}

function view({ n = 5, leader, grace = false, heard }: Case): ElectionView {
  return {
    me: 1,
    quorums: majorityOf(...Array.from({ length: n }, (_, i) => i + 1)),
    leaderBallot: leader === undefined ? null : ballot(leader),
    heard: heard.map(peer),
    grace,
  };
}

describe("the rule", () => {
  test.each<[string, Case, string]>([
    ["all see a dead leader", { leader: "4.3", heard: ["2/4.3/4.3/u", "4/4.3/4.3/u", "5/4.3/4.3/u"] }, "campaign"],
    ["the leader speaks but is not content", { leader: "4.3", heard: ["2/4.3/4.3/u", "3/4.3/4.3/u"] }, "campaign"],
    ["the leader is content", { leader: "4.3", heard: ["3/4.3/4.3/h"] }, "follow"],
    ["the leader is content under another ballot", { leader: "4.3", heard: ["2/4.3/4.3/u", "3/5.3/5.3/h"] }, "wait"],
    ["a follower of the leader is still content", { leader: "4.3", heard: ["2/4.3/4.3/h", "4/4.3/4.3/u"] }, "wait"],
    ["no leader yet", { heard: ["2/-/-/u", "3/-/-/u"] }, "campaign"],
    ["a minority is in sight", { heard: ["2/-/-/u"] }, "wait"],
    ["nobody is in sight", { leader: "4.3", heard: [] }, "wait"],
    ["something promising happened", { heard: ["2/-/-/u", "3/-/-/u"], grace: true }, "follow"],
    ["leads with a quorum", { leader: "6.1", heard: ["2/6.1/6.1/h", "3/4.3/6.1/h"] }, "leading"],
    ["leads, a follower promised higher", { leader: "6.1", heard: ["2/7.2/6.1/u", "3/6.1/6.1/u"] }, "campaign"],
    ["leads, a follower follows another", { leader: "6.1", heard: ["2/6.1/5.2/u", "3/6.1/6.1/u"] }, "campaign"],
    [
      "leads, and a content peer follows a higher ballot",
      { leader: "6.1", heard: ["2/6.1/6.1/h", "3/6.1/6.1/h", "4/7.5/7.5/h"] },
      "yield",
    ],
    [
      "leads in grace, and a content peer follows a higher ballot",
      { leader: "6.1", grace: true, heard: ["4/7.5/7.5/h"] },
      "yield",
    ],
    [
      "leads, and an unhappy peer follows a higher ballot",
      { leader: "6.1", heard: ["2/6.1/6.1/h", "3/6.1/6.1/h", "4/7.5/7.5/u"] },
      "leading",
    ],
    [
      "leads, and a content peer follows a lower ballot",
      { leader: "6.1", heard: ["2/6.1/6.1/h", "4/5.5/5.5/h"] },
      "wait",
    ],
    ["alone", { n: 1, heard: [] }, "campaign"],
    ["alone and leading", { n: 1, leader: "1.1", heard: [] }, "leading"],
  ])("%s", (_what, given, verdict) => {
    expect(judge(view(given))).toBe(verdict);
  });

  test("both quorums must be in sight, whatever their sizes", () => {
    const sizes = (phase1: number, phase2: number, heard: string[]): boolean =>
      hearsQuorums({ ...view({ heard }), quorums: quorumSystem({ kind: "sizes", phase1, phase2 }, [1, 2, 3, 4, 5]) });
    const three = ["2/-/-/u", "3/-/-/u"];
    const four = [...three, "4/-/-/u"];
    expect([sizes(4, 2, three), sizes(2, 4, three), sizes(4, 2, four), sizes(2, 4, four)]).toEqual([
      false,
      false,
      true,
      true,
    ]);
  });

  test("a leader is content with a phase-2 quorum, not with a majority", () => {
    const quorums = quorumSystem({ kind: "sizes", phase1: 4, phase2: 2 }, [1, 2, 3, 4, 5]);
    expect(isContent({ ...view({ leader: "6.1", heard: ["2/6.1/6.1/u"] }), quorums })).toBe(true);
  });
});

describe("the clock of the rule", () => {
  const TIMEOUT = 80;
  const election = (n = 3): Election =>
    new Election({
      me: 1,
      quorums: majorityOf(...Array.from({ length: n }, (_, i) => i + 1)),
      electionTimeoutMs: TIMEOUT,
    });
  const facts = (round: number, rest: Partial<BeatFacts> = {}): BeatFacts => ({
    round,
    candidacy: null,
    promised: null,
    leaderBallot: null,
    content: false,
    chosenUpTo: 0,
    durableUpTo: 0,
    impaired: false,
    priority: 0,
    ...rest,
  });

  const own = (chosenUpTo: number): Parameters<Election["campaignNow"]>[1] => ({
    chosenUpTo,
    impaired: false,
    priority: 0,
  });

  test("a round is an eighth of the timeout", () => {
    const e = election();
    expect([e.startRound(0), e.startRound(9), e.startRound(10), e.startRound(10), e.round]).toEqual([
      true,
      false,
      true,
      false,
      2,
    ]);
  });

  test("a peer is heard for one timeout after its latest reply", () => {
    const e = election();
    e.startRound(0);
    e.onReply(2, facts(1), 5);
    expect([e.heard(85), e.heard(86)]).toEqual([[2], []]);
    e.forget(2);
    expect(e.heard(6)).toEqual([]);
  });

  test("the latest reply counts, whatever the order of arrival; what is no answer of this life does not", () => {
    const e = election();
    for (let now = 0; now < 100; now += 10) e.startRound(now);
    const content = (): boolean | undefined => e.view(null, 100).heard[0]?.content;
    e.onReply(2, facts(9, { content: true }), 100);
    e.onReply(2, facts(8, { content: false }), 101);
    expect(content()).toBe(true);
    e.onReply(2, facts(10, { content: false }), 102);
    expect(content()).toBe(false);
    e.onReply(3, facts(11), 103);
    e.onReply(3, facts(1), 103);
    expect(e.heard(103)).toEqual([2]);
  });

  test("the rule must hold over a random part of a timeout without a break", () => {
    const e = election();
    const now = (verdict: Parameters<Election["campaignNow"]>[0], ms: number): boolean => {
      e.startRound(ms);
      e.onReply(2, facts(e.round), ms);
      return e.campaignNow(verdict, own(0), ms, 0.8);
    };
    expect([now("campaign", 0), now("campaign", 39)]).toEqual([false, false]);
    expect(now("wait", 39.5)).toBe(false);
    expect([now("campaign", 40), now("campaign", 79), now("campaign", 80)]).toEqual([false, false, true]);
    // And again from the start.
    expect(now("campaign", 81)).toBe(false);
  });

  test("each candidacy without a leader in between waits twice as long, up to 16 timeouts; a page starts the wait anew", () => {
    const e = election();
    const patience = (): number => {
      e.campaignStarted(0);
      let ms = 0;
      while (e.view(null, ms).grace) ms += TIMEOUT / 2;
      return ms / TIMEOUT;
    };
    expect([patience(), patience(), patience(), patience(), patience(), patience()]).toEqual([1, 2, 4, 8, 16, 16]);
    e.campaignProgressed(100 * TIMEOUT);
    expect([e.view(null, 116 * TIMEOUT - 1).grace, e.view(null, 116 * TIMEOUT).grace]).toEqual([true, false]);
    e.leaderFound(0);
    expect([e.view(null, TIMEOUT - 1).grace, e.view(null, TIMEOUT).grace]).toEqual([true, false]);
    expect(patience()).toBe(1);
  });

  test("one that has less of the log waits two rounds longer, and does campaign", () => {
    const e = election();
    e.startRound(0);
    e.onReply(2, facts(1, { chosenUpTo: 7 }), 0);
    expect([e.campaignNow("campaign", own(7), 0, 0), e.campaignNow("campaign", own(6), 0, 0)]).toEqual([true, false]);
    expect([e.campaignNow("campaign", own(6), 19, 0), e.campaignNow("campaign", own(6), 20, 0)]).toEqual([false, true]);
  });

  test.each([
    // What it lacks, rounds that it waits longer.
    [1, 2],
    [2, 3],
    [63, 7],
    [64, 8],
    [2 ** 52, 8],
  ])("one that lacks %i slots waits %i rounds longer", (lag, rounds) => {
    const e = election();
    e.startRound(0);
    e.onReply(2, facts(1, { chosenUpTo: lag }), 0);
    const waits = [0, 10 * rounds - 1, 10 * rounds].map((now) => {
      e.onReply(2, facts(1, { chosenUpTo: lag }), now);
      return e.campaignNow("campaign", own(0), now, 0);
    });
    expect(waits).toEqual([false, false, true]);
  });

  test("alone there is nothing to wait for", () => {
    expect(election(1).campaignNow("campaign", own(0), 0, 0.9)).toBe(true);
  });

  test("grace lasts one timeout or until it is ended", () => {
    const e = election();
    e.grace(10);
    expect([e.view(null, 89).grace, e.view(null, 90).grace]).toEqual([true, false]);
    e.endGrace();
    expect(e.view(null, 11).grace).toBe(false);
  });
});

describe("who goes first", () => {
  const TIMEOUT = 80;
  const peers = (facts: Partial<BeatFacts>): Election => {
    const e = new Election({ me: 1, quorums: majorityOf(1, 2, 3), electionTimeoutMs: TIMEOUT });
    e.startRound(0);
    for (const id of [2, 3]) {
      e.onReply(
        id,
        {
          round: 1,
          candidacy: null,
          promised: null,
          leaderBallot: null,
          content: false,
          chosenUpTo: 0,
          durableUpTo: 0,
          impaired: false,
          priority: 0,
          ...(id === 2 ? facts : {}),
        },
        0,
      );
    }
    return e;
  };
  const waits = (e: Election, own: { impaired?: boolean; priority?: number }): number => {
    let ms = 0;
    while (!e.campaignNow("campaign", { chosenUpTo: 0, impaired: false, priority: 0, ...own }, ms, 0)) ms += 10;
    return ms / 10;
  };

  test("a lower priority than that of a peer in sight waits two rounds; a higher or equal one none", () => {
    expect(waits(peers({ priority: 2 }), { priority: 1 })).toBe(2);
    expect(waits(peers({ priority: 1 }), { priority: 1 })).toBe(0);
    expect(waits(peers({ priority: 2, impaired: true }), { priority: 1 })).toBe(0);
  });

  test("one that stood still lately waits four rounds", () => {
    expect([waits(peers({}), { impaired: true }), waits(peers({}), {})]).toEqual([4, 0]);
  });

  test("the successor works, has the log, and has the highest priority, in this order", () => {
    const successor = (facts: Partial<BeatFacts>, chosenUpTo = 0): number | null =>
      peers(facts).successor([2, 3], chosenUpTo, 10, 0);
    expect([successor({}), successor({ impaired: true }), successor({ priority: -1 })]).toEqual([2, 3, 3]);
    expect(successor({ chosenUpTo: 95 }, 100)).toBe(2);
    expect(peers({}).successor([2, 3], 0, 10, TIMEOUT + 1)).toBe(null);
  });

  test("answers from before a cut are no reason to campaign, once they are six rounds old", () => {
    const e = peers({});
    const own = { chosenUpTo: 0, impaired: false, priority: 0 };
    expect([e.campaignNow("campaign", own, 61, 0), e.campaignNow("campaign", own, 79, 0)]).toEqual([false, false]);
  });
});
