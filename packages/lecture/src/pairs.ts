import { multiPaxos } from "./protocols/multi-paxos.js";
import { raft } from "./protocols/raft.js";
import { beginRun, playScript, type Run } from "./play.js";
import type { Verdict } from "./judge.js";

/** A part of a story that happens in both protocols: the same thing, each in its own way. */
export interface Moment {
  /** What happens, and where the two differ. */
  readonly words: string;
  /** See `playScript`; empty: this one has nothing to do here. */
  readonly paxos: readonly string[];
  readonly raft: readonly string[];
}

/** One story, told by Multi-Paxos and by Raft. */
export interface Pair {
  /** Of the story; with `raft-` before it, that of Raft's scenario. */
  readonly id: string;
  readonly title: string;
  readonly question: string;
  readonly moments: readonly Moment[];
  readonly sees: string;
  /** What the checker must say of both. */
  readonly verdict: Verdict["kind"];
}

/** After S2 and S3 have outbid each other once more, `a` is ahead. */
const outbid = (a: string, b: string): string[] => [`${a} suspects ${b}`, `${a} > ${b} PREP`, `${a} > ${b} PROM`];
const splitVote = ["S2 timeout", "S3 timeout", "S2 > S3 RV", "S3 > S2 RV"];

/** Where Raft and Paxos part, and where they do not. */
export const PAIRS: readonly Pair[] = [
  {
    id: "take-over",
    title: "A new leader that has not seen everything",
    question: "S1 has answered C1 and crashes. S3 has never heard of m1, and is the first who wants to lead. May it?",
    moments: [
      {
        words: "S1 leads. S2 has m1 too, that is a majority: m1 is chosen, and C1 is answered. S3 gets nothing.",
        paxos: ["C1 asks m1 of S1", "S1 x S3 ACC", "S1 > S2 ACC", "S2 > S1 LRN", "S1 x S2 S3 COM"],
        raft: ["C1 asks m1 of S1", "S1 x S3 AE", "S1 > S2 AE", "S2 > S1 OK"],
      },
      {
        words: "S1 crashes, and S3 asks S2. Both close the past: nothing of a lower number any more.",
        paxos: ["S1 crashes", "S3 suspects S1", "S3 x S1 PREP", "S3 > S2 PREP"],
        raft: ["S1 crashes", "S3 timeout", "S3 x S1 RV", "S3 > S2 RV"],
      },
      {
        words:
          "Paxos: S2’s promise reports m1, and S3 must send it again. Anybody may lead; the past comes to the leader. Raft: S2 gives no vote to a log that is older than its own. S3 may not lead, so the vote need not report anything.",
        paxos: ["S2 > S3 PROM"],
        raft: [],
      },
      {
        words: "Raft: S2 has to stand itself. It has m1, and S3 votes for it.",
        paxos: [],
        raft: ["S2 timeout", "S2 x S1 RV", "S2 > S3 RV", "S3 > S2 VOTED"],
      },
      {
        words:
          "Paxos: m1 gets votes of the new round. Raft: m1 is copied as it was, and a copy of an old term does not count; the leader’s own entry behind it, a no-op, does, and decides both.",
        paxos: ["S3 x S1 ACC", "S3 > S2 ACC", "S2 > S3 LRN", "S3 x S1 COM", "S3 > S2 COM"],
        raft: [
          "S2 x S1 AE",
          "S2 > S3 AE",
          "S3 > S2 NO",
          "S2 > S3 AE m1",
          "S3 > S2 OK",
          "S2 > S3 AE no-op",
          "S3 > S2 OK",
          "S2 timeout",
          "S2 x S1 AE",
          "S2 > S3 AE",
        ],
      },
    ],
    sees: "The same majority remembers m1. In Paxos the promise carries what was accepted to whoever leads; in Raft the vote is refused to whoever lacks it.",
    verdict: "safe",
  },
  {
    id: "old-entry",
    title: "An old entry on a majority",
    question: "A new leader finds an old entry, foo, and now a majority has it. Is foo chosen?",
    moments: [
      {
        words: "S1 leads and has foo; it reaches nobody else.",
        paxos: ["C1 asks foo of S1", "S1 x S2 S3 ACC"],
        raft: ["C1 asks foo of S1", "S1 x S2 S3 AE"],
      },
      {
        words:
          "S3 leads with the help of S2, and has bar, which reaches nobody else either. (In Raft it has a no-op before it: every new leader begins with one.) Then S3 is down.",
        paxos: [
          "S3 suspects S1",
          "S3 > S2 PREP",
          "S2 > S3 PROM",
          "C2 asks bar of S3",
          "S3 x S1 S2 ACC",
          "S3 > S1 PREP",
          "S3 crashes",
          "S1 > S3 PROM",
        ],
        raft: [
          "S3 timeout",
          "S3 > S2 RV",
          "S2 > S3 VOTED",
          "C2 asks bar of S3",
          "S3 x S1 S2 AE",
          "S3 > S1 RV",
          "S3 crashes",
        ],
      },
      {
        words:
          "S1 leads again, with S2, and sends foo to it. Paxos sends it under the new round: two votes of one round, foo is chosen, C1 is answered. Raft copies it as it was, an entry of the first term. A majority has it, and it is not chosen: the leader does not count it.",
        paxos: [
          "S1 suspects S3",
          "S1 > S2 PREP",
          "S2 > S1 PROM",
          "S1 x S3 ACC",
          "S1 > S2 ACC",
          "S2 > S1 LRN",
          "S1 x S2 S3 COM",
        ],
        raft: [
          "S1 timeout",
          "S1 > S2 RV",
          "S2 > S1 VOTED",
          "S1 x S3 AE",
          "S1 > S2 AE",
          "S2 > S1 NO",
          "S1 > S2 AE foo",
          "S2 > S1 OK",
          "S1 x S2 AE",
        ],
      },
      {
        words:
          "S1 crashes, and S3 is back and wants to lead; S2 alone remembers foo. Paxos: S2 reports foo of a higher round than S3’s bar, and S3 must take it. Raft: S3’s last entry is of a newer term than S2’s, so S2 votes for it.",
        paxos: ["S1 crashes", "S3 restarts", "S1 > S3 PREP", "S3 suspects S1", "S3 > S2 PREP", "S2 > S3 PROM"],
        raft: ["S1 crashes", "S3 restarts", "S1 > S3 RV", "S3 timeout", "S3 > S2 RV", "S2 > S3 VOTED"],
      },
      {
        words:
          "Paxos goes on with foo, which was chosen. Raft removes foo, which was not: nobody had executed it, and C1 asks again.",
        paxos: ["S3 > S2 ACC", "S2 > S3 LRN", "S3 > S2 COM"],
        raft: [
          "S3 > S2 AE",
          "S2 > S3 NO",
          "S3 > S2 AE",
          "S2 > S3 NO",
          "S3 > S2 AE",
          "S2 > S3 OK",
          "S3 > S2 AE bar",
          "S2 > S3 OK",
          "S3 > S2 AE no-op",
          "S2 > S3 OK",
        ],
      },
    ],
    sees: "Paxos writes an old value anew under its own round, so that its votes count at once. Raft leaves old entries as they are, and may count only its own; with one of its own on a majority, all before it is decided too. It is figure 8 of the Raft paper, with three servers.",
    verdict: "safe",
  },
  {
    id: "duel",
    title: "Two who want to lead",
    question: "The leader is cut off, and two want to take its place. How long can that take?",
    moments: [
      {
        words: "S1 is cut off. It does not know, and goes on without a majority.",
        paxos: ["cut S1 | S2 S3", "C1 asks m1 of S1"],
        raft: ["cut S1 | S2 S3", "C1 asks m1 of S1"],
      },
      {
        words:
          "S2 and S3 both want to lead. Paxos: S3’s higher round takes S2’s promise away before S2 has heard of it. Raft: each has voted for itself, so that neither has a majority: a split vote.",
        paxos: ["S2 suspects S1", "S2 > S3 PREP", ...outbid("S3", "S2")],
        raft: splitVote,
      },
      {
        words: "Both wait equally long, and try again with a higher number. All is as before.",
        paxos: [...outbid("S2", "S3"), ...outbid("S3", "S2")],
        raft: splitVote,
      },
    ],
    sees: "Nothing wrong is decided, and nothing at all, in both. Both are cured by chance: who waits a random time is alone sooner or later. Neither is certain to end: no protocol can be, if messages may take any time and one server may fail.",
    verdict: "livelocks",
  },
];

/** The run of one side, and after which of its rows each moment ends. */
export function playPair(pair: Pair, side: "paxos" | "raft"): { readonly run: Run; readonly ends: readonly number[] } {
  let run = beginRun(side === "raft" ? raft : multiPaxos);
  const ends = pair.moments.map((moment) => {
    run = playScript(run, moment[side]);
    return run.rows.length;
  });
  return { run, ends };
}
