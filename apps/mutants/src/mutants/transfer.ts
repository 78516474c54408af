import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (name: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/multipaxos/src/${name}.ts`, find, replace });
const transfer = inFile("transfer-handlers");
const election = inFile("election");
const handlers = inFile("election-handlers");

const unit = (file: string, test: string): Mutant["finder"] => ({
  kind: "unit",
  file: `packages/multipaxos/test/${file}.test.ts`,
  test,
});

/** Handing over, and leaders that stand still. */
export const transferMutants: readonly Mutant[] = [
  {
    id: "transfer-keeps-proposing",
    faults: [42],
    title: "A leader goes on proposing after it told its successor to campaign",
    patches: [
      inFile("transfer")(
        `return leads && transfer !== null && transfer.phase !== "wait";`,
        `return leads && transfer === undefined;`,
      ),
    ],
    finder: unit("transfer", "nothing is proposed from when the target is told"),
  },
  {
    id: "transfer-before-chosen",
    faults: [42],
    title: "A leader hands over while its proposals are not chosen yet",
    patches: [transfer(`  if (log.chosenUpTo < proposer.next - 1) return;\n`, ``)],
    finder: unit("transfer", "the leader tells nobody before all that it proposed is chosen"),
  },
  {
    id: "transfer-never-ends",
    faults: [42],
    title: "A leader whose successor does not take over proposes nothing for ever",
    patches: [transfer(`if (nowMs >= transfer.untilMs) {`, `if (nowMs > transfer.untilMs * 1e9) {`)],
    finder: unit("transfer", "nothing is proposed from when the target is told"),
  },
  {
    id: "transfer-outlives-its-deadline",
    faults: [42],
    title: "A leader waits for a successor that lacks much longer than its caller allows",
    patches: [transfer(`untilMs: core.nowMs + timeoutMs, phase`, `untilMs: core.nowMs + timeoutMs * 1e6, phase`)],
    finder: unit("transfer", "a leader waits for a target that lacks much no longer"),
  },
  {
    id: "old-summons-counts",
    faults: [42, 44],
    title: "A node campaigns on a request that its leader has long given up",
    patches: [transfer(`log.chosenUpTo > summons.chosenUpTo || `, ``)],
    finder: unit("transfer", "an old request is no reason to campaign"),
  },
  {
    id: "summoned-without-quorum",
    faults: [44],
    title: "The successor campaigns although it hears no quorum",
    patches: [transfer(` || !core.election.quorumsAnswer(nowMs)) return;`, `) return;`)],
    finder: unit("transfer", "a target that hears no quorum does not disturb"),
  },
  {
    id: "stalled-leader-stays",
    faults: [39],
    title: "A leader whose disk stands still stays leader",
    patches: [
      handlers(`  health.remember("disk", nowMs);\n  return installing`, `  return core.leads ? null : installing`),
    ],
    finder: unit("transfer", "a leader whose write does not end makes room"),
  },
  {
    id: "paused-node-campaigns",
    faults: [39],
    title: "A node whose event loop stood still campaigns as soon as it runs again",
    patches: [
      handlers(`  if (health.cause(nowMs) === "loop" && election.isSpare) return "the event loop stood still";\n`, ``),
    ],
    finder: unit("transfer", "for one timeout after its event loop stood still"),
  },
  {
    id: "needed-disk-deposed",
    faults: [39],
    title: "Leaders make room for each other in turn where all disks are slow",
    patches: [handlers(` || !election.canSpareMe(nowMs)) return null;`, `) return null;`)],
    finder: unit("transfer", "where its disk is needed anyway a leader stays"),
  },
  {
    id: "campaigns-on-old-answers",
    faults: [44],
    title: "A node that was just cut off campaigns on what it heard before",
    patches: [election(`(nowMs < this.#campaignAtMs || !this.quorumsAnswer(nowMs))`, `nowMs < this.#campaignAtMs`)],
    finder: unit("election", "answers from before a cut are no reason to campaign"),
  },
  {
    id: "grace-with-every-beat",
    faults: [40],
    title: "Each beat of a leader gives it another timeout, so that one without a quorum keeps its followers",
    patches: [
      handlers(
        `    followLeader(core, leaderBallot);\n`,
        `    followLeader(core, leaderBallot);\n    core.election.grace(core.nowMs);\n`,
      ),
    ],
    finder: unit("leadership", "only the first beat of a leader gives it time"),
  },
];
