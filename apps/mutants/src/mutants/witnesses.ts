import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (name: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/multipaxos/src/${name}.ts`, find, replace });
const witness = inFile("witness");

const unit = (test: string): Mutant["finder"] => ({
  kind: "unit",
  file: "packages/multipaxos/test/witness.test.ts",
  test,
});

/** Members that only vote. */
export const witnessMutants: readonly Mutant[] = [
  {
    id: "witness-forgets-what-nobody-else-has",
    faults: [77],
    title: "A witness forgets values that it knows as chosen, though no full member has them on its disk",
    patches: [
      witness(
        `return Math.min(log.chosenUpTo, bytes > settings.retainedBytesMax ? Math.max(all, one) : all);`,
        `return bytes > one + all ? log.chosenUpTo : log.chosenUpTo + 0 * settings.retainedBytesMax;`,
      ),
    ],
    finder: { kind: "core", profile: "network", schedules: 500 },
  },
  {
    id: "witness-trusts-other-witnesses",
    faults: [77],
    title: "A witness forgets what other witnesses say to have on disk",
    patches: [witness(`fullVotersOf(configuration).map(`, `[...fullVotersOf(configuration), ...quorums.members].map(`)],
    finder: { kind: "core", profile: "disk", schedules: 300 },
  },
  {
    id: "forgotten-slot-counts-as-empty",
    faults: [77, 15],
    title: "A witness that forgot a value reports that nothing is known of its slot",
    patches: [
      inFile("acceptor-handlers")(
        `  const { chosenUpTo } = core.log;
  const bytesMax = Math.min(core.settings.frameValueBytesMax, PAGE_BYTES_MAX);`,
        `  const chosenUpTo = core.witness ? 0 : core.log.chosenUpTo;
  const bytesMax = Math.min(core.settings.frameValueBytesMax, PAGE_BYTES_MAX);`,
      ),
      inFile("acceptor-handlers")(
        `  const { snapshotIndex } = core.acceptor;
  const { votes, lastSlot } = page;`,
        `  const snapshotIndex = core.witness ? 0 : core.acceptor.snapshotIndex;
  const { votes, lastSlot } = page;`,
      ),
    ],
    finder: { kind: "core", profile: "network", schedules: 2000 },
  },
  {
    id: "witness-campaigns",
    faults: [77],
    title: "A witness becomes a candidate like any other voter",
    patches: [
      inFile("election-view")(
        `const eligible = isFull && core.removed === null`,
        `const eligible = core.removed === null`,
      ),
    ],
    finder: { kind: "core", profile: "network", schedules: 500 },
  },
  {
    id: "witness-offers-its-snapshot",
    faults: [59],
    title: "A witness offers what it has in place of a snapshot",
    patches: [
      inFile("snapshot-handlers")(
        `if (held === null || core.witness) return false;`,
        `if (held === null) return false;`,
      ),
    ],
    finder: { kind: "core", profile: "network", schedules: 500 },
  },
  {
    id: "change-complete-by-witnesses-alone",
    faults: [69, 77],
    title: "A change is taken for complete though no full member of the new configuration has what was chosen before",
    patches: [
      inFile("membership")(
        `return quorums.phase2(durable) && fullVotersOf(configuration).some((id) => durable.has(id));`,
        `return quorums.phase2(durable) && fullVotersOf(configuration).length > 0;`,
      ),
    ],
    finder: unit("are complete only when a full member has all that was chosen before"),
  },
  {
    id: "change-complete-with-one-full-member",
    faults: [69, 77],
    title: "A change is taken for complete once one full member has what witnesses may have forgotten",
    patches: [
      inFile("membership")(
        `if (durable.size === full.length || made.quorums.phase2(durable)) return true;`,
        `if (durable.size > 0 || made.quorums.phase2(durable)) return true;`,
      ),
    ],
    finder: { kind: "core", profile: "members", schedules: 200 },
  },
  {
    id: "change-complete-while-voters-change",
    faults: [69, 77],
    title: "A change of the voters is taken for complete as soon as it is settled",
    patches: [
      inFile("membership")(
        `return made === last && governs && this.#decideAsBefore(entries);`,
        `return made === last;`,
      ),
    ],
    finder: unit("are not complete while one full member holds what a witness has forgotten"),
  },
  {
    id: "members-of-two-changes-ago-forgotten",
    faults: [69, 70],
    title:
      "Whom a change removed is not told of the log any more, since another change followed that is not complete either",
    patches: [
      inFile("membership")(
        `return this.history.entries.slice(0, -1).filter(({ epoch }) => epoch >= this.#completeEpoch);`,
        `return this.history.entries.slice(-2, -1).filter(({ epoch }) => epoch >= this.#completeEpoch);`,
      ),
    ],
    finder: unit("that are settled let the next one start"),
  },
  {
    id: "witness-takes-any-offer",
    faults: [77],
    title: "A witness that lacks a value forgets its votes on the word of one member that has a snapshot",
    patches: [witness(`if (!isHeld && (hasRoom ||`, `if (!isHeld && index < 0 && (hasRoom ||`)],
    finder: unit("goes on voting, and keeps what it has"),
  },
  {
    id: "removed-witness-counts-as-joining",
    faults: [69, 77],
    title:
      "A witness that was removed, and may still be needed, gives its votes for any snapshot, as if it voted nowhere",
    patches: [
      witness(
        `const votes = deciding.some(({ quorums }) => quorums.members.includes(core.me));`,
        `const votes = last.quorums.members.includes(core.me);`,
      ),
    ],
    finder: unit("leave a witness that they removed with what it has"),
  },
  {
    id: "snapshot-forgets-who-is-needed",
    faults: [69, 77],
    title: "A snapshot names three configurations, though members of older ones may still be needed",
    patches: [
      inFile("configuration-history")(
        `.filter((entry) => entry.slot <= index).slice(-KEPT_IN_SNAPSHOT);`,
        `.filter((entry) => entry.slot <= index).slice(-3);`,
      ),
    ],
    finder: unit("that are not complete stay in snapshots"),
  },
  {
    id: "leader-makes-room-for-witnesses",
    faults: [39],
    title: "A leader whose disk hangs gives up although only witnesses are left",
    patches: [
      inFile("election")(
        `return able.some(({ id }) => this.#mayLead(id)) && this.#areQuorums(able);`,
        `return this.#areQuorums(able);`,
      ),
    ],
    finder: unit("keeps a leader whose disk hangs, where nobody else can lead"),
  },
  {
    id: "full-member-runs-as-witness",
    faults: [77],
    title: "A replica that executes nothing is taken for a full member",
    patches: [
      inFile("core")(
        `if (member === undefined || isWitness(member) === this.witness) return;`,
        `if (member === undefined || isWitness(member) || this.witness) return;`,
      ),
    ],
    finder: unit("has to be what the log says"),
  },
  {
    id: "joining-witness-becomes-a-full-member",
    faults: [62],
    title: "A witness that has caught up is made a full member",
    patches: [inFile("membership-handlers")(`...(role === "joiningWitness" ? { role: "witness" } : {}),`, ``)],
    finder: unit("a joining witness is made one as soon as it has caught up"),
  },
  {
    id: "joining-witness-never-skips",
    faults: [62, 77],
    title: "A witness that only joins waits for a quorum to hold what it lacks, as if it had votes to lose",
    patches: [
      witness(
        `const votes = deciding.some(({ quorums }) => quorums.members.includes(core.me));`,
        `const votes = deciding.length > 0;`,
      ),
    ],
    finder: { kind: "core", profile: "members", schedules: 600 },
  },
  {
    id: "held-votes-cost-nothing",
    faults: [77, 85],
    title: "A witness that lacks a value keeps votes without end, as if they took no room",
    patches: [witness(`return bytes;\n}\n\nfunction forgetUpTo`, `return 0 * bytes;\n}\n\nfunction forgetUpTo`)],
    finder: { kind: "core", profile: "flexible", schedules: 500 },
  },
  {
    id: "witness-skips-with-one-full-voter",
    faults: [77],
    title: "A witness that has room forgets its votes once one full voter has what it lacks",
    patches: [
      witness(
        `if (!isHeld && (hasRoom || !fullVotersOf(last.configuration).includes(from))) return;`,
        `if (!isHeld && (!hasRoom || votes) && !fullVotersOf(last.configuration).includes(from)) return;`,
      ),
    ],
    finder: { kind: "core", profile: "flexible", schedules: 500 },
  },
  {
    id: "witness-counts-on-one-full-voter",
    faults: [77],
    title: "A witness forgets what one full voter has, though there is room until a quorum has it",
    patches: [
      witness(
        `const { all, one } = heldByOthers(core);`,
        `const { one } = heldByOthers(core);\n  const all = Math.max(one, heldByOthers(core).all);`,
      ),
    ],
    finder: { kind: "core", profile: "swarm", schedules: 500 },
  },
  {
    id: "witness-skips-for-the-newest-members",
    faults: [69, 77],
    title: "A witness forgets its votes for what the newest members have, though those before them may still be needed",
    patches: [witness(`const deciding = [...membership.unfinishedOf(entries), last];`, `const deciding = [last];`)],
    finder: { kind: "core", profile: "members", schedules: 600 },
  },
  {
    id: "witness-keeps-for-whoever-answers",
    faults: [45],
    title: "A witness without room keeps what a quorum of full members has, since the only one that answers lacks it",
    patches: [
      { file: "packages/multipaxos/src/witness.ts", find: `? Math.max(all, one) : all);`, replace: `? one : all);` },
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/witness.test.ts",
      test: "goes as far as full members that are a quorum have it",
    },
  },
  {
    id: "witness-forgets-for-the-newest-members",
    faults: [69, 77],
    title: "A witness forgets what the newest members hold, though those before them may still be needed",
    patches: [
      witness(
        `const all = Math.min(...[...membership.unfinished, history.last].map((each) => heldByQuorum(core, each)));`,
        `const all = heldByQuorum(core, history.last);`,
      ),
    ],
    // It takes a change that is under way, and room for what lies between the two.
    finder: { kind: "core", profile: "members", start: 1_700, schedules: 100 },
  },
];
