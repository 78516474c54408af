import type { Mutant, Patch } from "../mutant.js";

const patch =
  (file: string) =>
  (find: string, replace: string): Patch => ({ file, find, replace });
const core = patch("packages/multipaxos/src/core.ts");
const repair = patch("packages/multipaxos/src/repair.ts");
const reports = patch("packages/multipaxos/src/reports.ts");
const acceptor = patch("packages/multipaxos/src/acceptor-handlers.ts");
const election = patch("packages/multipaxos/src/election-handlers.ts");
const reads = patch("packages/multipaxos/src/read-handlers.ts");
const reader = patch("packages/storage-file/src/log-reader.ts");
const findings = patch("packages/storage-file/src/findings.ts");
const DAMAGED_LOG = "packages/storage-file/test/damaged-log.test.ts";
const LEARNER = "packages/multipaxos/test/learner.test.ts";

/** A node whose log lost something, and its repair. */
export const damageMutants: readonly Mutant[] = [
  {
    id: "damaged-node-votes",
    faults: [30, 31],
    title: "A node that may have forgotten votes goes on voting",
    patches: [repair(`return this.#writes.durableUpTo >= this.upTo;`, `return this.upTo >= 0;`)],
    finder: { kind: "core", profile: "disk", schedules: 300 },
  },
  {
    id: "votes-before-repair-is-durable",
    faults: [30],
    title: "A damaged node votes again once it knows what is chosen, before that is on its disk",
    patches: [core(`return this.repair.done;`, `return this.log.chosenUpTo >= this.repair.upTo;`)],
    finder: { kind: "core", profile: "disk", schedules: 300 },
  },
  {
    id: "learner-confirms-reads",
    faults: [30, 50],
    title: "A damaged node counts in the quorum of a read",
    patches: [
      reads(
        `"confirm in a ballot of another node");
  if (ignoreAsLearner(core, from)) return;`,
        `"confirm in a ballot of another node");`,
      ),
    ],
    finder: { kind: "core", profile: "disk", schedules: 300 },
  },
  {
    id: "learner-is-heard",
    faults: [30, 40],
    title: "A damaged node counts as heard where an election looks for a quorum",
    patches: [election(`  if (!core.voting) return;\n`, ``)],
    finder: { kind: "core", profile: "disk", schedules: 300 },
  },
  {
    id: "learner-promises",
    faults: [30],
    title: "A damaged node answers a Prepare",
    patches: [
      acceptor(
        `"prepare in a ballot of another node");
  if (ignoreAsLearner(core, from)) return;`,
        `"prepare in a ballot of another node");`,
      ),
    ],
    finder: { kind: "core", profile: "disk", schedules: 300 },
  },
  {
    id: "learner-trusts-its-old-votes",
    faults: [30],
    title: "A damaged node takes announcements for votes that a later opening does not find: its repair is forgotten",
    patches: [
      reports(`if (core.voting) core.log.announce(ballot, upTo);`, `if (upTo >= 0) core.log.announce(ballot, upTo);`),
    ],
    finder: { kind: "unit", file: LEARNER, test: "writes down whatever it learns" },
  },
  {
    id: "lost-promise-forgotten",
    faults: [1, 30],
    title: "A promise that was made in a lost batch is taken for one that was never made",
    patches: [
      reader(
        `    raiseState(this.#state, header.state);
    this.#findings.add(records);`,
        `    raiseState(this.#state, { ...header.state, promised: records.votes.at(-1)?.ballot ?? null });
    this.#findings.add(records);`,
      ),
    ],
    finder: { kind: "unit", file: DAMAGED_LOG, test: "knows its promise although the batch that made it is gone" },
  },
  {
    id: "older-vote-taken-for-chosen",
    faults: [18, 30],
    title: "The chosen mark is applied to a vote that a lost batch may have replaced",
    patches: [findings(`    this.#votes = new Map();\n  }\n\n  /** @param mark`, `  }\n\n  /** @param mark`)],
    finder: { kind: "unit", file: DAMAGED_LOG, test: "never takes an older vote for the chosen value" },
  },
  {
    id: "damage-cut-off-as-debris",
    faults: [30],
    title: "A loss right before a last batch that was never finished is cut off with it",
    patches: [
      reader(
        `last.header.sequence > (whole?.header.sequence ?? 0) + 1`,
        `last.header.sequence > Number.MAX_SAFE_INTEGER`,
      ),
    ],
    finder: { kind: "unit", file: DAMAGED_LOG, test: "keeps on disk the proof of a loss" },
  },
  {
    id: "damaged-segment-dropped",
    faults: [30, 34],
    title: "A damaged segment is dropped before a snapshot covers what it lost",
    patches: [reader(`    this.#raiseSlotMax(this.#last?.index ?? 0, upTo);\n`, ``)],
    finder: { kind: "unit", file: DAMAGED_LOG, test: "is not dropped before a snapshot covers what it lost" },
  },
];
