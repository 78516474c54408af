import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (name: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/multipaxos/src/${name}.ts`, find, replace });
const proposer = inFile("proposer");
const phase1 = inFile("phase1");
const history = inFile("configuration-history");
const membership = inFile("membership");
const handlers = inFile("membership-handlers");
const reads = inFile("read-handlers");

const MEMBERS = { kind: "core", profile: "members" } as const;
const UNIT = { kind: "unit", file: "packages/multipaxos/test/membership.test.ts" } as const;
const CASES = { kind: "unit", file: "apps/cases/test/fixtures.test.ts" } as const;

/** Who decides on which slot, and when that changes. */
export const membershipMutants: readonly Mutant[] = [
  {
    id: "votes-counted-by-newest-configuration",
    faults: [10, 60],
    title: "Votes are counted by the newest configuration known, not by the one that governs the slot",
    patches: [
      proposer(
        `this.#open.add(proposal, configurations.at(slot), nowMs);`,
        `this.#open.add(proposal, configurations.last, nowMs);`,
      ),
    ],
    finder: { ...MEMBERS, schedules: 400 },
  },
  {
    id: "phase-1-of-one-configuration",
    faults: [10, 72],
    title: "Phase 1 asks a quorum of the configuration of the next slot only, not of every one in the window",
    patches: [
      phase1(
        `.filter((governing) => !this.#hasPromised(governing));`,
        `.slice(0, 1).filter((governing) => !this.#hasPromised(governing));`,
      ),
      phase1(`governing.epoch <= this.#promisedEpoch || this.#hasPromised(governing)`, `governing.epoch >= 0`),
    ],
    finder: { ...UNIT, test: "leads only when every configuration in the window has promised" },
  },
  {
    id: "configuration-learned-in-recovery-not-asked",
    faults: [72],
    title: "A configuration that becomes known while leading is used without a phase-1 quorum of it",
    patches: [
      phase1(`return this.#done && this.#promisedEpoch === this.#configurations.last.epoch;`, `return this.#done;`),
      phase1(`governing.epoch <= this.#promisedEpoch || this.#hasPromised(governing)`, `governing.epoch >= 0`),
    ],
    finder: { ...MEMBERS, schedules: 400 },
  },
  {
    id: "reads-before-the-new-configuration-promised",
    faults: [85],
    title: "A confirmation round may begin before a phase-1 quorum of every configuration in the window has promised",
    patches: [
      reads(
        `if (core.proposer.recovering || core.applied < barrier) return;`,
        `if (core.proposer.next <= barrier || core.applied < barrier) return;`,
      ),
    ],
    finder: { ...UNIT, test: "wait until every configuration in the window has promised" },
  },
  {
    id: "reads-confirmed-by-the-founders",
    faults: [85, 86],
    title: "A confirmation round counts the members of the first configuration for ever",
    patches: [
      reads(
        `core.reads.start(index, core.quorumsAt(index + 1), core.nowMs);`,
        `core.reads.start(index, core.quorumsAt(1), core.nowMs);`,
      ),
    ],
    finder: { ...MEMBERS, schedules: 400 },
  },
  {
    id: "complete-when-chosen",
    faults: [69, 90],
    title: "A change counts as complete as soon as its command is durable, before everything below its first slot is",
    patches: [membership(`if (durableUpTo >= from - 1) durable.add(id);`, `if (durableUpTo >= slot) durable.add(id);`)],
    finder: { ...MEMBERS, schedules: 400 },
  },
  {
    id: "complete-by-the-old-quorum",
    faults: [69, 90],
    title: "A quorum of the old configuration is asked whether a change is complete",
    patches: [
      membership(
        `return quorums.phase2(durable) && fullVotersOf`,
        `return this.history.previous?.quorums.phase2(durable) === true && fullVotersOf`,
      ),
    ],
    finder: { ...MEMBERS, schedules: 400 },
  },
  {
    id: "complete-without-the-mark-on-disk",
    faults: [69, 90],
    title: "A change counts as complete when a quorum knows what is chosen, flushed or not",
    patches: [
      membership(
        `const durableUpTo = Math.max(known, report.durableUpTo);`,
        `const durableUpTo = Math.max(known, report.chosenUpTo);`,
      ),
    ],
    finder: { ...MEMBERS, schedules: 400 },
  },
  {
    id: "mark-not-mandatory",
    faults: [90],
    title: "The chosen mark of a new configuration's members waits for another write to ride along with",
    patches: [
      inFile("writes")(
        `    this.#requiredMark = Math.max(this.#requiredMark, slot);`,
        `    if (slot < 0) this.#requiredMark = slot;`,
      ),
    ],
    finder: { ...MEMBERS, schedules: 400 },
  },
  {
    id: "window-by-the-newest-alpha",
    faults: [71, 84],
    title:
      "The leader bounds a slot by the window of the newest configuration instead of the one that governs the slot",
    patches: [
      history(
        `return slot <= this.knownUpTo(chosenUpTo) && slot <= chosenUpTo + this.at(slot).configuration.alpha;`,
        `return slot <= chosenUpTo + this.last.configuration.alpha;`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/configuration.test.ts",
      test: "the window is that of the configuration",
    },
  },
  {
    id: "change-governs-at-once",
    faults: [60],
    title: "A configuration governs from the slot after its command",
    patches: [history(`      from: slot + last.configuration.alpha,`, `      from: slot + 1,`)],
    finder: { ...MEMBERS, schedules: 400 },
  },
  {
    id: "stamp-ignored",
    faults: [63],
    title: "A change made for an older configuration takes effect all the same",
    patches: [history(`    if (stamp !== last.epoch) return "epoch";`, ``)],
    finder: { ...CASES, test: "OWN-CFG-02" },
  },
  {
    id: "change-before-the-last-governs",
    faults: [63],
    title: "A change is valid although the one before it does not govern yet",
    patches: [history(`if (slot < last.from || !Number.isSafeInteger`, `if (!Number.isSafeInteger`)],
    finder: { ...CASES, test: "OWN-CFG-03" },
  },
  {
    id: "id-used-again",
    faults: [70],
    title: "An id that was removed may be added again, with another disk",
    patches: [
      history(`    if (configuration.members.some(({ id }) => last.retired.includes(id))) return "retired id";`, ``),
    ],
    finder: { ...CASES, test: "OWN-CFG-05" },
  },
  {
    id: "next-change-before-the-last-is-complete",
    faults: [63, 69],
    title: "A leader proposes a change while the one before is not complete",
    patches: [handlers(`if (!core.membership.settled || isLong ||`, `if (isLong ||`)],
    finder: { ...UNIT, test: "one at a time" },
  },
  {
    id: "complete-before-it-governs",
    faults: [69],
    title: "A change that moves nothing is complete before it governs: whom it removes is let go untold",
    patches: [membership(`return made === last && governs && this.`, `return made === last && this.`)],
    finder: {
      kind: "unit",
      file: "packages/node/test/membership.test.ts",
      test: "a learner that removes itself is told so before it is let go",
    },
  },
  {
    id: "settled-whatever-the-quorum",
    faults: [63, 69],
    title: "A change that leaves the voters and gives them other quorums is taken for settled at once",
    patches: [
      membership(
        `JSON.stringify([quorums.members, configuration.quorum]);`,
        `JSON.stringify([quorums.members, configuration.quorum.kind.length > 0]);`,
      ),
    ],
    finder: { kind: "core", profile: "members", schedules: 200 },
  },
  {
    id: "window-not-filled",
    faults: [62],
    title: "Nothing fills the window after a change: in an idle cluster it never takes effect",
    patches: [
      proposer(
        `return Math.max(this.barrier, this.#fillUpTo, this.#options.configurations.last.from - 1);`,
        `return Math.max(this.barrier, 0 * this.#fillUpTo);`,
      ),
    ],
    finder: { ...MEMBERS, schedules: 400 },
  },
  {
    id: "learner-counts-at-once",
    faults: [62],
    title: "A learner's votes count before it is promoted",
    patches: [
      inFile("configuration-value")(
        `.filter(({ role = "voter" }) => role === "voter")`,
        `.filter(({ role = "voter" }) => role !== undefined)`,
      ),
    ],
    finder: { ...MEMBERS, schedules: 400 },
  },
  {
    id: "removed-leader-stays",
    faults: [61],
    title: "A leader that was removed goes on leading after the change is complete",
    patches: [
      handlers(`  if (mayStop) partAsLeader(core, "this node was removed");`, ``),
      handlers(
        `if (core.log.chosenUpTo >= last.from - 1) partAsLeader(core, "this node is no voter any more");`,
        `if (last.epoch < 0) core.stopProposing("never");`,
      ),
    ],
    finder: { ...UNIT, test: "a removed leader" },
  },
  {
    id: "removed-node-campaigns",
    faults: [61],
    title: "A node that is no voter in its window campaigns",
    patches: [
      inFile("election-view")(
        `const eligible = isFull && core.removed === null && quorums.members.includes(core.me);`,
        `const eligible = isFull && core.nowMs >= 0;`,
      ),
    ],
    finder: { ...UNIT, test: "a learner that hears a quorum of voters without a leader" },
  },
  {
    id: "promoted-before-it-caught-up",
    faults: [62],
    title: "A new member becomes a voter before it has the log",
    patches: [
      handlers(
        `const isCaughtUp = known !== null && known + core.configuration.alpha >= core.log.chosenUpTo;`,
        `const isCaughtUp = known === null || known >= 0;`,
      ),
    ],
    finder: {
      ...UNIT,
      test: "a joining member is promoted only when",
    },
  },
  {
    id: "joining-member-promoted-by-what-it-said-once",
    faults: [60],
    title: "A joining member that is gone is made a voter, so that those who are there are no quorum any more",
    patches: [
      handlers(
        `return isCaughtUp && (id === core.me || core.election.heard(core.nowMs).includes(id));`,
        `return isCaughtUp;`,
      ),
    ],
    finder: { ...UNIT, test: "a joining member that is gone again is not promoted" },
  },
  {
    id: "joining-member-without-room-holds-up-the-rest",
    faults: [60],
    title: "A joining member that only the operator can promote holds up all that joined after it",
    patches: [
      handlers(`    if (refused !== "invalid") return;`, `    if (refused === null || refused !== null) return;`),
    ],
    finder: { ...UNIT, test: "quorums of these sizes have no room for" },
  },
  {
    id: "more-removed-than-a-snapshot-can-name",
    faults: [61],
    title: "More members are removed than a snapshot can name, and nobody can read what is written then",
    patches: [handlers(`leaving.length > RETIRED_MAX`, `leaving.length > 2 * RETIRED_MAX`)],
    finder: { ...UNIT, test: "nobody is removed any more where a snapshot could not name all who were" },
  },
  {
    id: "read-round-waits-for-members-that-are-gone",
    faults: [61],
    title: "A confirmation round goes on asking members that were replaced meanwhile",
    patches: [reads(`    core.reads.moveOn((index) => core.quorumsAt(Math.max(index, core.log.chosenUpTo) + 1));`, ``)],
    finder: { ...MEMBERS, start: 2_801, schedules: 100 },
  },
  {
    id: "demoted-leader-leads-for-good",
    faults: [61],
    title:
      "A node that a complete change made a learner, and that was elected as one of the voters before, goes on leading",
    patches: [handlers(`  makeRoom(core);\n  if (!core.leads) return;`, `  if (!core.leads) return;`)],
    finder: { ...UNIT, test: "a leader that is elected as one of the voters before" },
  },
  {
    id: "members-that-left-are-remembered",
    faults: [45],
    title: "What is kept by id is kept for every member that ever was",
    patches: [handlers(`for (const id of others) forget(core, id);`, ``)],
    finder: { ...UNIT, test: "takes with it what was known of the members that left" },
  },
  {
    id: "late-copy-of-a-change-proposed-anew",
    faults: [61],
    title:
      "A copy of a change that was refused is proposed by the leader of another ballot, which knows nothing of the first copy",
    patches: [
      handlers(
        `const isMine = core.leads && compareBallots(ballot, core.leaderBallot) === 0;`,
        `const isMine = core.leads;`,
      ),
    ],
    finder: { ...UNIT, test: "a late copy of a frame whose change was refused" },
  },
  {
    id: "member-added-as-voter-at-once",
    faults: [60],
    title: "A member that is added votes before it has caught up",
    patches: [
      {
        file: "packages/node/src/membership.ts",
        find: `added(base, given(change.member, "member of an add"), { role })`,
        replace: `added(base, given(change.member, "member of an add"), role === "joining" ? {} : { role })`,
      },
    ],
    finder: { kind: "sim", profile: "network", seeds: 20 },
  },
];
