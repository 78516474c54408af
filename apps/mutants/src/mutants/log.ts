import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (name: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/multipaxos/src/${name}.ts`, find, replace });
const log = inFile("log");
const core = inFile("core");
const reports = inFile("reports");

/** What a replica takes for chosen, and forwarded commands. */
export const logMutants: readonly Mutant[] = [
  {
    id: "announcement-believed-without-ballot",
    faults: [18],
    title: "Chosen up to here, says the leader, and a follower takes its votes of older ballots for that",
    patches: [
      log(
        `if (vote !== undefined && ballotsEqual(vote.ballot, ballot)) this.learn(slot, vote.value);`,
        `if (vote !== undefined) this.learn(slot, vote.value);`,
      ),
    ],
    finder: { kind: "core", profile: "network", schedules: 300 },
  },
  {
    id: "late-vote-believed-without-ballot",
    faults: [18],
    title: "A vote at or below an announcement counts as chosen in whatever ballot it was cast",
    patches: [
      log(
        `if (announced !== null && vote.slot <= announced.upTo && ballotsEqual(vote.ballot, announced.ballot)) {`,
        `if (announced !== null && vote.slot <= announced.upTo) {`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/log.test.ts",
      test: "announcement",
    },
  },
  {
    id: "hole-read-as-no-op",
    faults: [19],
    title: "A follower executes no-ops for announced slots that it never got",
    patches: [
      log(
        `if (vote !== undefined && ballotsEqual(vote.ballot, ballot)) this.learn(slot, vote.value);`,
        `if (vote === undefined) this.learn(slot, Uint8Array.of(0));
      else if (ballotsEqual(vote.ballot, ballot)) this.learn(slot, vote.value);`,
      ),
    ],
    finder: { kind: "core", schedules: 600 },
  },
  {
    id: "executed-as-learned",
    faults: [17],
    title: "Chosen values are handed out in the order in which they become known",
    patches: [
      log(
        `    this.#highestKnown = Math.max(this.#highestKnown, slot);
    this.#advance();
    return true;`,
        `    this.#highestKnown = Math.max(this.#highestKnown, slot);
    this.#ready.push({ slot, value });
    while (this.#values.has(this.#contiguous + 1)) this.#contiguous++;
    return true;`,
      ),
    ],
    finder: { kind: "core", schedules: 50 },
  },
  {
    id: "learned-value-not-written",
    faults: [2],
    title: "A fetched value counts as chosen after a restart without having been written",
    patches: [reports(`  core.writes.addChosen({ slot, value });`, ``)],
    finder: { kind: "core", schedules: 100 },
  },
  {
    id: "old-vote-stands-for-learned-value",
    faults: [18],
    title: "After a restart the own vote, not the value that was learned, is executed",
    patches: [
      core(
        `    for (const { slot, value } of recovered.chosen) this.log.learn(slot, value);
    for (let slot = snapshotIndex + 1; slot <= recovered.chosenUpTo; slot++) {
      const vote = this.acceptor.vote(slot);
      if (!this.log.isKnown(slot) && vote !== undefined) this.log.learn(slot, vote.value);
    }`,
        `    for (let slot = snapshotIndex + 1; slot <= recovered.chosenUpTo; slot++) {
      const vote = this.acceptor.vote(slot);
      if (!this.log.isKnown(slot) && vote !== undefined) this.log.learn(slot, vote.value);
    }
    for (const { slot, value } of recovered.chosen) if (!this.log.isKnown(slot)) this.log.learn(slot, value);`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/replica.test.ts",
      test: "values of the mark come from what was learned, else from votes",
    },
  },
  {
    id: "mark-ahead-of-its-values",
    faults: [2],
    title: "The mark of what is chosen is written before the values it stands for",
    patches: [
      inFile("writes")(
        `const mark = later.reduce((slot, { lowest }) => Math.min(slot, lowest - 1), chosenUpTo);`,
        `const mark = later.reduce((slot) => slot, chosenUpTo);`,
      ),
    ],
    finder: { kind: "core", schedules: 400 },
  },
  {
    id: "group-commit-settles-next-write",
    faults: [2],
    title: "A vote that joined while a write was under way counts as written with it",
    patches: [inFile("writes")(`return id <= this.#durable ? 0 : id;`, `return id <= this.#taken ? 0 : id;`)],
    finder: { kind: "core", schedules: 100 },
  },
  {
    id: "held-messages-leave-early",
    faults: [1, 2],
    title: "A finished write lets go of all messages that wait, also of those of the next write",
    patches: [
      inFile("effects")(
        `const free = this.#held.filter((send) => send.after <= id);
    if (free.length > 0) this.#held = this.#held.filter((send) => send.after > id);`,
        `const free = this.#held;
    this.#held = [];`,
      ),
    ],
    finder: { kind: "core", schedules: 50 },
  },
  {
    id: "own-vote-counts-unflushed",
    faults: [2],
    title: "The leader counts its own vote before it is on disk",
    patches: [
      inFile("replica")(`const due = core.toSelf.filter((item) => item.after <= id);`, `const due = core.toSelf;`),
      inFile("replica")(`core.toSelf = core.toSelf.filter((item) => item.after > id);`, `core.toSelf = [];`),
    ],
    finder: { kind: "core", schedules: 100 },
  },
  {
    id: "forwarded-twice",
    faults: [78],
    title: "A copy of a forwarded frame is proposed again",
    patches: [inFile("forwards")(`|| life.seen.has(sequence)) return false;`, `) return false;`)],
    finder: { kind: "core", schedules: 100 },
  },
  {
    id: "forward-filter-forgets-lives",
    faults: [78, 47],
    title: "A late frame of a sender's earlier life makes its present life look new",
    patches: [inFile("forwards")(`const LIVES_KEPT = 4;`, `const LIVES_KEPT = 1;`)],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/forwards.test.ts",
      test: "a late frame of an earlier life does not make copies of the present one new",
    },
  },
  {
    id: "missing-slot-never-fetched",
    faults: [19],
    title: "A gap in the log is not asked for",
    patches: [inFile("catch-up")(`const range = this.#log.missing(1)[0];`, `const range = this.#log.missing(0)[0];`)],
    finder: { kind: "core", schedules: 50 },
  },
  {
    id: "fetch-asks-the-same-peer",
    faults: [19],
    title: "A replica asks for ever the one peer that does not answer",
    patches: [inFile("catch-up")(`      this.#source(this.#asked).failed = true;`, `      return null;`)],
    finder: { kind: "core", schedules: 500 },
  },
];
