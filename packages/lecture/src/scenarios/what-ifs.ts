import { WHAT_IFS } from "../protocols/what-if.js";
import type { Scenario, ScenarioSearch } from "../scenario.js";
import type { Bounds } from "../search.js";

const two: Bounds = {
  values: [
    { value: "foo", by: "S1" },
    { value: "bar", by: "S2" },
  ],
  withhold: ["LRN"],
};

/** S1 accepts foo alone in round 1; S2 has bar chosen in round 2 with S3. */
const fooAlone = ["S1 wants foo", "S1 > S3 PREP", "S3 > S1 PROM"];
const barChosen = [...fooAlone, "S2 wants bar", "S2 > S3 PREP 2", "S3 > S2 PROM", "S2 > S3 ACC bar"];
const fooChosen = ["S1 wants foo", "S1 > S3 PREP", "S3 > S1 PROM", "S1 > S3 ACC"];
const barThroughS3 = ["S2 wants bar", "S2 > S3 PREP", "S3 > S2 PROM", "S2 > S3 ACC bar"];
/** S1 asks again in round 4, and hears from S2. */
const s1Again = ["S1 timeout", "S1 > S2 PREP 4", "S2 > S1 PROM", "S1 > S2 ACC 4"];
const promise3 = ["S3 wants baz", "S3 > S1 PREP 3"];
/** Five servers: foo of round 1 is with S1 and S5, bar of round 2 with S2, S3 and S4, and S1 asks again. */
const barOfFive = [
  "S1 wants foo",
  "S1 > S4 S5 PREP",
  "S4 > S1 PROM",
  "S5 > S1 PROM",
  "S1 > S5 ACC",
  "S2 wants bar",
  "S2 > S3 S4 PREP",
  "S3 > S2 PROM",
  "S4 > S2 PROM",
  "S2 > S3 S4 ACC",
  "S1 timeout",
];
const restartS3 = ["S3 crashes", "S3 restarts"];

interface Story {
  readonly question: string;
  readonly sees: string;
  readonly servers?: number;
  readonly script: readonly string[];
  readonly search: Omit<ScenarioSearch, "goal" | "expect">;
}

/** By the id of the what-if. */
const STORIES: Readonly<Record<string, Story>> = {
  "what-if-reports-nothing": {
    question: "Why must a promise report the accepted value?",
    sees: "foo is chosen with S3, S3 promises without a word about it, and bar is chosen with S3 too.",
    script: [...fooChosen, ...barThroughS3],
    search: { bounds: two },
  },
  "what-if-reports-promise": {
    question: "Two reports: why must each carry the round of its vote?",
    sees: "bar is chosen in round 2. S1 accepted foo in round 1 and promised 3 since, and reports (3, foo): to S2 it looks newer than its own bar, and foo is chosen in round 5.",
    script: [...barChosen, ...promise3, "S2 timeout", "S2 > S1 PREP 5", "S1 > S2 PROM 5", "S2 > S1 ACC 5"],
    search: { from: [...barChosen, ...promise3], bounds: { ...two, timeouts: 1, timeoutsAt: ["S2"] } },
  },
  "what-if-takes-first": {
    question: "Of two reported values, which one must be proposed?",
    sees: "S1 knows its own foo first, and proposes it though bar is chosen.",
    script: [...barChosen, ...s1Again],
    search: { from: [...fooAlone, "S2 wants bar"], bounds: { ...two, timeouts: 1, timeoutsAt: ["S1"] } },
  },
  "what-if-takes-most-frequent": {
    question: "Can a vote among the reports decide?",
    sees: "bar is chosen with S2, S3 and S4. S1 hears of bar from S2 alone, of foo from itself and S5: the majority that chose bar does not show among those who answer.",
    servers: 5,
    script: [...barOfFive, "S1 > S2 S5 PREP 6", "S5 > S1 PROM 6", "S2 > S1 PROM 6", "S1 > S2 S5 ACC 6"],
    search: { servers: 5, from: barOfFive, bounds: { values: [], withhold: ["LRN"], steps: 8 } },
  },
  "what-if-ignores-promise": {
    question: "A promise was given. What if the old Accept is accepted all the same?",
    sees: "S3 promised 2 to S2, accepts foo in round 1, and then bar in round 2: both have had a majority.",
    script: [...fooAlone, "S2 wants bar", "S2 > S3 PREP", "S3 > S2 PROM", "S1 > S3 ACC", "S2 > S3 ACC"],
    search: { bounds: two },
  },
  "what-if-shared-numbers": {
    question: "Numbers only need to go up. Or do they?",
    sees: "Both use 1. S3 promises it twice and votes twice in it.",
    script: [
      "S1 wants foo",
      "S1 > S3 PREP",
      "S3 > S1 PROM",
      "S2 wants bar",
      "S2 > S3 PREP",
      "S3 > S2 PROM",
      "S1 > S3 ACC",
      "S2 > S3 ACC",
    ],
    search: { bounds: two },
  },
  "what-if-small-quorum": {
    question: "Why a majority for both phases?",
    sees: "One vote decides foo, and the two that are asked next are others. (To ask all three would mend it too: whoever promises must meet whoever decides, and more is not needed.)",
    script: [...fooAlone, "S2 wants bar", "S2 > S3 PREP", "S3 > S2 PROM"],
    search: { bounds: { ...two, withhold: [] } },
  },
  "what-if-counts-values": {
    question: "Two of three have foo. Is it chosen?",
    sees: "They have it in different rounds. Between them bar was accepted, which the next proposer adopts.",
    script: [
      "S1 wants foo",
      "S1 > S3 PREP",
      "S3 > S1 PROM",
      "S2 wants bar",
      "S2 > S3 PREP 2",
      "S3 > S2 PROM",
      "S3 wants baz",
      "S3 > S1 PREP 3",
      "S1 > S3 PROM 3",
      "S1 > S3 LRN",
      "S2 timeout",
      "S2 > S1 PREP 5",
      "S1 > S2 PROM",
      "S2 > S1 ACC 5",
      "S1 > S2 LRN 5",
    ],
    search: {
      from: [
        ...fooAlone,
        "S2 wants bar",
        "S2 > S3 PREP 2",
        "S3 > S2 PROM",
        "S3 wants baz",
        "S3 > S1 PREP 3",
        "S1 > S3 PROM 3",
        "S1 > S3 LRN",
        "S2 timeout",
      ],
      bounds: { values: [] },
    },
  },
  "what-if-forgets-promise": {
    question: "S3 promised, crashed, and does not know it any more. Whom does that hurt?",
    sees: "S2, which relied on it: S3 accepts the old foo behind its back.",
    script: [...fooAlone, "S2 wants bar", "S2 > S3 PREP", "S3 > S2 PROM", ...restartS3, "S1 > S3 ACC", "S2 > S3 ACC"],
    search: { from: ["S1 wants foo", "S1 > S3 PREP"], bounds: { ...two, crashes: 1, restarts: 1, crashesAt: ["S3"] } },
  },
  "what-if-forgets-vote": {
    question: "S3 voted for foo, crashed, and does not know it any more. Whom does that hurt?",
    sees: "S2, which asks it and is told of nothing.",
    script: [...fooChosen, ...restartS3, ...barThroughS3],
    search: { from: ["S1 wants foo", "S1 > S3 PREP"], bounds: { ...two, crashes: 1, restarts: 1, crashesAt: ["S3"] } },
  },
  "what-if-forgets-all": {
    question: "Is the disk only there to be faster after a crash?",
    sees: "S3 comes back as new, and a decision is undone.",
    script: [...fooChosen, ...restartS3, ...barThroughS3],
    search: { from: ["S1 wants foo", "S1 > S3 PREP"], bounds: { ...two, crashes: 1, restarts: 1, crashesAt: ["S3"] } },
  },
  "what-if-liar": {
    question: "What if one acceptor lies?",
    sees: "S3 helps to choose foo and tells S2 that it has accepted nothing. Paxos is made for failures, not for lies.",
    script: [...fooChosen, ...barThroughS3],
    search: { bounds: two },
  },
};

export const WHAT_IF_SCENARIOS: readonly Scenario[] = WHAT_IFS.flatMap(({ protocol }): Scenario[] => {
  const story = STORIES[protocol.id];
  if (story === undefined) return [];
  const { question, script, sees, search, servers } = story;
  const searches: ScenarioSearch[] = [{ ...search, goal: "diverges", expect: "found" }];
  return [
    {
      id: protocol.id,
      title: protocol.title,
      protocol,
      question,
      script,
      sees,
      verdict: "diverges",
      searches,
      ...(servers !== undefined && { servers }),
    },
  ];
});
