import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (name: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/paxos/src/${name}.ts`, find, replace });
const acceptor = inFile("acceptor");
const proposer = inFile("proposer");
const learner = inFile("learner");

/** One decision: the roles of `@synod/paxos`, in every order of events. */
export const paxosMutants: readonly Mutant[] = [
  {
    id: "paxos-accept-ignores-promise",
    faults: ["MU-01", 8],
    title: "One decision: an acceptor votes below its promise",
    patches: [
      acceptor(
        `if (state.promised !== null && compareBallots(message.ballot, state.promised) < 0) {`,
        `if (message.type === "prepare" && state.promised !== null && compareBallots(message.ballot, state.promised) < 0) {`,
      ),
    ],
    finder: { kind: "paxos", states: 50_000 },
  },
  {
    id: "paxos-refuses-promised-ballot",
    faults: [8],
    title: "One decision: an acceptor refuses what it promised to vote for",
    patches: [
      acceptor(
        `if (state.promised !== null && compareBallots(message.ballot, state.promised) < 0) {`,
        `if (state.promised !== null && compareBallots(message.ballot, state.promised) <= 0) {`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/paxos/test/acceptor.test.ts",
      test: "votes in the promised ballot, not below it",
    },
  },
  {
    id: "paxos-promise-before-write",
    faults: [1],
    title: "One decision: a promise does not wait for its write",
    patches: [
      acceptor(
        `message: { type: "promise", from: me, ballot, vote }, afterWrite: true`,
        `message: { type: "promise", from: me, ballot, vote }, afterWrite: false`,
      ),
    ],
    finder: { kind: "paxos", starts: 2, states: 400_000 },
  },
  {
    id: "paxos-vote-before-write",
    faults: [2],
    title: "One decision: a vote does not wait for its write",
    patches: [
      acceptor(
        `message: { type: "accepted", from: me, ballot, value }, afterWrite: true`,
        `message: { type: "accepted", from: me, ballot, value }, afterWrite: false`,
      ),
    ],
    finder: { kind: "paxos", states: 50_000 },
  },
  {
    id: "paxos-promise-hides-vote",
    faults: [5],
    title: "One decision: a promise does not report the vote",
    patches: [
      acceptor(
        `message: { type: "promise", from: me, ballot, vote }`,
        `message: { type: "promise", from: me, ballot, vote: null }`,
      ),
    ],
    finder: { kind: "paxos", states: 50_000 },
  },
  {
    id: "paxos-restart-forgets-vote",
    faults: ["MU-10", 31],
    title: "One decision: a Prepare in a higher ballot makes an acceptor forget its vote",
    patches: [acceptor(`state: { promised: ballot, vote },`, `state: { promised: ballot, vote: null },`)],
    finder: { kind: "paxos", states: 50_000 },
  },
  {
    id: "paxos-ignores-votes",
    faults: ["MU-03", 5],
    title: "One decision: a proposer prefers its own value to the votes that were reported",
    patches: [proposer(`const choice = bound ?? state.wish;`, `const choice = state.wish ?? bound;`)],
    finder: { kind: "paxos", states: 50_000 },
  },
  {
    id: "paxos-lowest-vote",
    faults: [5],
    title: "One decision: a proposer takes the vote that it was told of last, not the highest",
    patches: [proposer(`if (order > 0) highest = vote;`, `if (vote !== null) highest = vote;`)],
    finder: { kind: "paxos", proposers: 3, states: 2_000_000 },
  },
  {
    id: "paxos-shared-ballot",
    faults: ["MU-06", 4],
    title: "One decision: ballots of two proposers with one round are the same ballot",
    patches: [inFile("ballots")(`  if (a.node !== b.node) return a.node < b.node ? -1 : 1;`, ``)],
    finder: { kind: "paxos", states: 50_000 },
  },
  {
    id: "paxos-same-promise-twice",
    faults: [6],
    title: "One decision: a repeated promise counts as one of a further acceptor",
    patches: [
      proposer(`const isRepeat = state.promises.some((promise) => promise.from === from);`, `const isRepeat = false;`),
      proposer(
        `if (!quorums.phase1(new Set(promises.map((promise) => promise.from)))) return`,
        `if (!quorums.phase1(new Set(quorums.members.slice(0, promises.length)))) return`,
      ),
    ],
    finder: { kind: "paxos", states: 50_000 },
  },
  {
    id: "paxos-same-vote-twice",
    faults: ["MU-08", 6],
    title: "One decision: a learner counts a repeated vote again",
    patches: [
      learner(`  if (known?.voters.includes(from)) return { state, outputs: [] };`, ``),
      learner(
        `const isChosen = quorums.phase2(new Set(tally.voters));`,
        `const isChosen = quorums.phase2(new Set(quorums.members.slice(0, tally.voters.length)));`,
      ),
    ],
    finder: { kind: "paxos", states: 50_000 },
  },
  {
    id: "paxos-votes-of-two-ballots",
    faults: [7],
    title: "One decision: a learner adds up votes for one value of different ballots",
    patches: [
      learner(
        `state.tallies.find((tally) => compareBallots(tally.ballot, ballot) === 0);`,
        `state.tallies.find((tally) => equals(tally.value, value));`,
      ),
    ],
    finder: { kind: "paxos", states: 200_000 },
  },
  {
    id: "paxos-late-promise",
    faults: [9],
    title: "One decision: promises for an earlier ballot count for the present one",
    patches: [
      proposer(
        `const isStale = state.phase !== "preparing" || !ballotsEqual(ballot, state.ballot);`,
        `const isStale = state.phase !== "preparing";`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/paxos/test/proposer.test.ts",
      test: "ignores promises of other ballots, repeated ones and strangers",
    },
  },
  {
    id: "paxos-quorums-need-not-meet",
    faults: ["MU-13", 11],
    title: "One decision: sizes of quorums are taken although they need not meet (2 promises, 1 vote)",
    patches: [inFile("quorum-sizes")(`isSizeOf(n, q2) && q1 > n - q2;`, `isSizeOf(n, q2) && q1 >= n - q2;`)],
    finder: { kind: "paxos", q1: 2, q2: 1, states: 50_000 },
  },
  {
    id: "paxos-quorums-need-not-meet-2",
    faults: ["MU-13"],
    title: "One decision: sizes of quorums are taken although they need not meet (1 promise, 2 votes)",
    patches: [inFile("quorum-sizes")(`isSizeOf(n, q2) && q1 > n - q2;`, `isSizeOf(n, q2) && q1 >= n - q2;`)],
    finder: { kind: "paxos", q1: 1, q2: 2, states: 50_000 },
  },
];
