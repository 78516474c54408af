import { multiPaxos } from "../protocols/multi-paxos.js";
import { synodMultipaxos } from "../protocols/synod-multipaxos.js";
import type { Scenario } from "../scenario.js";
import { RIVALS, S1_AGAIN, TWO_REPORTS } from "./promises.js";

/** S1 leads, before anybody has asked for anything. */
const s1Leads = ["S1 suspects S2", "settle"];
/** One election round: everybody asks everybody. */
const round = ["S1 timeout", "settle", "S2 timeout", "settle", "S3 timeout", "settle"];
/** m1 reaches S1 only, m2 reaches S2 too: number 2 is chosen, number 1 is not. */
const gap = ["C1 asks m1 of S1", "C2 asks m2 of S1", "S1 x S2 S3 ACC m1", "S1 > S2 ACC m2"];

/** Number 2 is first, and number 1 is right behind it. */
const atOnce = [
  "S1 > S2 ACC m2",
  "S1 > S3 ACC m1",
  "S1 > S2 ACC m1",
  "S1 > S3 ACC m2",
  "S2 > S1 LRN #2",
  "S3 > S1 LRN #1",
  "S1 > S2 S3 COM #2",
  "S1 > S2 S3 COM #1",
];

/** Many decisions: a log, with the lecture's own Multi-Paxos and with the shipped one. */
export const MANY_DECISION_SCENARIOS: readonly Scenario[] = [
  {
    id: "multi-paxos",
    title: "Multi-Paxos: one round, many numbers",
    protocol: multiPaxos,
    question: "One command at a time so far: number 2 had to wait for number 1. Must it?",
    script: ["C1 asks m1 of S1", "C2 asks m2 of S1", ...atOnce],
    sees: "It need not: both are under way at once. Number 2 is even known to be chosen first (row 7), and they are executed in the order of their numbers (row 8). Round 1 needs no promise; in the next story one PREP 2 serves #1, #2 and #3.",
    verdict: "safe",
    searches: [
      { goal: "diverges", bounds: { ...RIVALS, steps: 9 }, expect: "none" },
      { goal: "diverges", from: TWO_REPORTS, bounds: { ...S1_AGAIN, withhold: ["LRN", "COM"] }, expect: "none" },
    ],
  },
  {
    id: "no-op-fills-gap",
    title: "A no-op fills the gap",
    protocol: multiPaxos,
    question: "Number 2 is chosen, number 1 is not, and the leader is gone. What becomes of number 1?",
    script: [...gap, "S1 crashes", "S2 suspects S1", "settle", "C1 asks m1 of S2", "settle"],
    sees: "m2 cannot be executed before number 1 is filled. S2 hears of nothing there from a majority: so nothing was chosen for it, and nothing of a lower round can be any more. S2 is free, and fills it with a no-op, a command that does nothing. C1 asks again and gets number 3.",
    verdict: "safe",
  },
  {
    id: "gap-found",
    title: "The gap is not empty after all",
    optional: true,
    protocol: multiPaxos,
    question: "The same, but the old leader answers. What becomes of number 1?",
    script: [...gap, "S2 suspects S1", "S2 > S1 PREP", "S1 > S2 PROM", "settle"],
    sees: "S1 reports m1 for number 1: it is carried on, and no no-op is needed.",
    verdict: "safe",
  },
  {
    id: "commands-and-proposals",
    title: "Two rounds in one log",
    optional: true,
    protocol: multiPaxos,
    question:
      "One promise covers every number. What does the log look like after two leaders? (Look under “Log, rules”.)",
    script: [
      "C1 asks m1 of S1",
      "C2 asks m2 of S1",
      "C3 asks m3 of S1",
      "S1 > S2 ACC m1",
      "S1 > S3 ACC m3",
      "S1 x S2 S3 ACC m2",
      "S1 crashes",
      "S2 suspects S1",
      "settle",
      "C4 asks m4 of S2",
      "settle",
      "C2 asks m2 of S2",
      "settle",
    ],
    sees: "Under “Log, rules” each column is a number, and each box says in which round its value was accepted. Round 1 left number 2 open: m2 is with S1 alone, which is down. Round 2 fills it with a no-op and goes on. C2 asks again, and m2 gets number 5.",
    verdict: "safe",
  },
  {
    id: "loser-gets-next-number",
    title: "The loser gets the next number",
    optional: true,
    protocol: multiPaxos,
    question: "C2 asks for m2 while number 1 is being settled. Is its command lost?",
    script: [
      "C1 asks m1 of S1",
      "S1 > S3 ACC m1",
      "S2 suspects S1",
      "C2 asks m2 of S2",
      "settle",
      "C2 asks m2 of S2",
      "settle",
    ],
    sees: "No. S2 must finish what it finds at number 1, which is m1. C2 asks again, and m2 becomes number 2.",
    verdict: "safe",
  },
  {
    id: "synod-multipaxos",
    title: "@synod/multipaxos with clients",
    protocol: synodMultipaxos,
    question:
      "Is the shipped log the protocol of this page? (To begin, S1 is made to believe that S2 is down, and stands for election.)",
    script: [...s1Leads, "C1 asks m1 of S1", "settle", "C2 asks m2 of S1", "settle"],
    sees: "It is: Prepare once, then Accept, votes and Commit for each command. “up to #2” means: all numbers up to 2 are chosen; “up to #0”: nothing yet. The shipped code calls a number a slot.",
    verdict: "safe",
    searches: [
      {
        goal: "diverges",
        from: s1Leads,
        bounds: { ...RIVALS, suspicions: 2, withhold: ["COM", "REJ"], steps: 6 },
        expect: "none",
      },
    ],
  },
  {
    id: "synod-election",
    title: "@synod/multipaxos: how a leader comes about",
    optional: true,
    protocol: synodMultipaxos,
    question: "Nobody leads, and nobody is told to. Who begins?",
    script: [...round, ...round, "C1 asks m1 of S1", "settle"],
    sees: "Each asks the others whether they have a leader (BEAT), so that nobody deposes one that works. S1 hears a majority say no, waits once more, in case another begins, and then begins round 1.",
    verdict: "safe",
  },
  {
    id: "synod-takeover",
    title: "@synod/multipaxos: a slow leader is deposed",
    optional: true,
    protocol: synodMultipaxos,
    question: "S1 is slow, S2 takes over, S1 goes on sending. What does it learn?",
    script: [
      ...s1Leads,
      "C1 asks m1 of S1",
      "S1 > S3 ACC m1",
      "S2 suspects S1",
      "S2 > S3 PREP",
      "S3 > S2 PROM",
      "C3 asks m3 of S1",
      "S1 > S3 ACC m3",
      "S3 > S1 REJ",
      "settle",
      "C2 asks m2 of S2",
      "settle",
      "C3 asks m3 of S2",
      "settle",
    ],
    sees: "S3 refuses its Accept and says why; S1 steps down; m1 is carried on, and there is one history. “up to #1” in a promise means: that much is decided, and needs no report.",
    verdict: "safe",
  },
  {
    id: "synod-gap",
    title: "@synod/multipaxos: a no-op in the gap",
    optional: true,
    protocol: synodMultipaxos,
    question: "Number 2 is chosen and number 1 is not. What does the shipped code do?",
    script: [...s1Leads, ...gap, "S1 crashes", "S2 suspects S1", "settle", "C1 asks m1 of S2", "settle"],
    sees: "The same as the lecture's Multi-Paxos: a no-op for number 1.",
    verdict: "safe",
  },
  {
    id: "synod-restart",
    title: "@synod/multipaxos: everybody restarts",
    optional: true,
    protocol: synodMultipaxos,
    question: "All servers crash and come back with their disks. What is left?",
    script: [
      ...s1Leads,
      "C1 asks m1 of S1",
      "settle",
      "S1 crashes",
      "S2 crashes",
      "S3 crashes",
      "S1 restarts",
      "S2 restarts",
      "S3 restarts",
      "S3 suspects S1",
      "settle",
      "C2 asks m2 of S3",
      "settle",
    ],
    sees: "Everything that was answered.",
    verdict: "safe",
  },
];
