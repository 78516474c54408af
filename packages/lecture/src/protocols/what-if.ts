import type { Protocol, Value, Vote } from "../shape.js";
import { basicPaxosWith, PAXOS_RULES, type PaxosRules } from "./basic-paxos.js";

/** Paxos with one line exchanged. */
export interface WhatIf {
  readonly protocol: Protocol;
  /** The line as it should be, and as it is here. */
  readonly was: string;
  readonly is: string;
}

function whatIf(id: string, title: string, adds: string, rules: Partial<PaxosRules>, was: string, is: string): WhatIf {
  const about = { id: `what-if-${id}`, title, adds, previous: "basic-paxos", source: "protocols/what-if.ts" };
  return { protocol: basicPaxosWith({ ...PAXOS_RULES, ...rules }, about), was, is };
}

function mostFrequent(reports: readonly Vote[], wish: Value): Value {
  const count = (value: Value): number => reports.filter((vote) => vote.value === value).length;
  return [...reports].sort((a, b) => count(b.value) - count(a.value))[0]?.value ?? wish;
}

/** One line of Paxos exchanged in each; a search breaks every one of them. */
export const WHAT_IFS: readonly WhatIf[] = [
  whatIf(
    "reports-nothing",
    "What if promises report nothing?",
    "A promise only closes the lower rounds and does not tell what was accepted.",
    { report: () => null },
    "report: (s) => s.accepted[0] ?? null",
    "report: () => null",
  ),
  whatIf(
    "reports-promise",
    "What if a promise reports the promised round?",
    "The accepted value is reported with the round that was promised in place of the round of the vote.",
    { report: (s, before) => (s.accepted[0] === undefined ? null : { rnd: before, value: s.accepted[0].value }) },
    "report: (s) => s.accepted[0] ?? null",
    "report: (s, before) => s.accepted[0] && { rnd: before, value: s.accepted[0].value }",
  ),
  whatIf(
    "takes-first",
    "What if any reported value will do?",
    "The new proposer takes the first report that it has, whatever its round.",
    { pick: (reports, wish) => reports[0]?.value ?? wish },
    "pick: the report with the highest round",
    "pick: reports[0]",
  ),
  whatIf(
    "takes-most-frequent",
    "What if the most frequent report wins?",
    "The new proposer takes the value that most of those who answered have accepted.",
    { pick: mostFrequent },
    "pick: the report with the highest round",
    "pick: the value that is reported most often",
  ),
  whatIf(
    "ignores-promise",
    "What if acceptors forget to keep the promise?",
    "An acceptor accepts whatever comes.",
    { mayAccept: () => true },
    "mayAccept: (s, rnd) => rnd >= s.promised",
    "mayAccept: () => true",
  ),
  whatIf(
    "shared-numbers",
    "What if two proposers may use the same number?",
    "The next round is the last one plus one, whoever asks.",
    { newRound: (_, above) => above + 1 },
    "newRound: the next round that is this server's own",
    "newRound: above + 1",
  ),
  whatIf(
    "small-quorum",
    "What if one vote is enough?",
    "Two promises, but a single vote decides: the two need not meet.",
    { phase2: () => 1 },
    "phase2: majority",
    "phase2: () => 1",
  ),
  whatIf(
    "counts-values",
    "What if votes of different rounds add up?",
    "A learner counts how many have the value, in whatever round they accepted it.",
    { alike: (a, b) => a.value === b.value },
    "alike: (a, b) => a.rnd === b.rnd && a.value === b.value",
    "alike: (a, b) => a.value === b.value",
  ),
  whatIf(
    "forgets-promise",
    "What if the promise is not on disk?",
    "After a crash the acceptor knows its vote and no promise above it.",
    { forget: (s) => void (s.promised = s.accepted[0]?.rnd ?? 0) },
    "forget: nothing",
    "forget: s.promised = the round of its vote",
  ),
  whatIf(
    "forgets-vote",
    "What if the vote is not on disk?",
    "After a crash the acceptor keeps its promise and has accepted nothing.",
    { forget: (s) => void (s.accepted = {}) },
    "forget: nothing",
    "forget: s.accepted = {}",
  ),
  whatIf(
    "forgets-all",
    "What if nothing is on disk?",
    "After a crash the acceptor is as new.",
    { forget: (s) => Object.assign(s, { promised: 0, accepted: {}, heard: {} }) },
    "forget: nothing",
    "forget: s.promised = 0, s.accepted = {}",
  ),
  whatIf(
    "liar",
    "What if an acceptor lies?",
    "S3 promises and votes whatever it is asked for, and reports nothing.",
    {
      report: (s) => (s.me === "S3" ? null : (s.accepted[0] ?? null)),
      mayAccept: (s, rnd) => s.me === "S3" || rnd >= s.promised,
    },
    "every acceptor keeps to the rules",
    "S3 does not",
  ),
];
