import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (name: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/multipaxos/src/${name}.ts`, find, replace });
const openSlots = inFile("open-slots");
const thrift = inFile("thrift");
const learning = inFile("learning-handlers");
const counts = inFile("vote-counts");

const unit = (test: string): Mutant["finder"] => ({
  kind: "unit",
  file: "packages/multipaxos/test/learning.test.ts",
  test,
});

/** Who is sent a value, and who says that it is chosen. */
export const learningMutants: readonly Mutant[] = [
  {
    id: "thrifty-never-widens",
    faults: [80],
    title: "A thrifty leader waits for ever for the members that it chose, though one of them died",
    patches: [
      openSlots(
        `      if (sinceMs < waitMs || sinceMs < this.#patienceMs(id, open)) break;`,
        `      if (sinceMs < waitMs || this.#patienceMs(id, open) > 0) break;`,
      ),
    ],
    finder: { kind: "core", profile: "flexible", schedules: 800 },
  },
  {
    id: "leader-waits-for-its-install",
    faults: [80],
    title:
      "A leader whose peers have compacted what it proposed waits for ever for its own disk to take their snapshot",
    patches: [
      inFile("election-handlers")(
        `core.snapshotFetch.installMs(nowMs) > stillAfterMs;`,
        `core.snapshotFetch.installMs(nowMs) < 0;`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/simulator/test/core/simulation.test.ts",
      test: "network, seed 1922",
    },
  },
  {
    id: "thrifty-with-a-phase-1-quorum",
    faults: [80],
    title: "A thrifty leader sends values to a phase-1 quorum, which may be too few to choose anything",
    patches: [
      thrift(`    if (quorums.phase2(chosen)) break;`, `    if (quorums.phase1(chosen)) break;`),
      thrift(
        `  if (!quorums.phase2(chosen)) return null;`,
        `  if (!quorums.phase1(chosen)) return null;\n  if (chosen.size > 0) return chosen;`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/thrift.test.ts",
      test: "is of those that come first, and of no more than it takes",
    },
  },
  {
    id: "shortcut-before-the-leader-voted",
    faults: [2],
    title: "Execute on accept: the leader says that it voted before its vote is on disk",
    patches: [learning(`    after = Math.max(after, write);`, `    after = Math.max(after, 0 * write);`)],
    finder: { kind: "core", profile: "network", schedules: 500 },
  },
  {
    id: "shortcut-of-five-servers",
    faults: [10],
    title: "Execute on accept: two votes are enough, however many servers there are",
    patches: [counts(`count.quorums.phase2(count.voters);`, `count.voters.size > 1;`)],
    finder: { kind: "core", profile: "network", schedules: 500 },
  },
  {
    id: "own-vote-counted-before-its-flush",
    faults: [2],
    title: "A member counts its own vote before that is on disk",
    patches: [
      learning(
        `if (after > 0) core.toSelf.push({ message, after });`,
        `if (after < 0) core.toSelf.push({ message, after });`,
      ),
    ],
    finder: { kind: "core", profile: "disk", schedules: 300 },
  },
  {
    id: "learner-mixes-ballots",
    faults: [7],
    title: "Members count votes by slot, whatever their ballots",
    patches: [
      counts(
        `    else this.#counts.set(slot, { ballot, voters: new Set([from]), quorums });`,
        `    else this.#counts.set(slot, { ballot, voters: new Set([...(old?.voters ?? []), from]), quorums });`,
      ),
    ],
    finder: { kind: "core", profile: "network", schedules: 1_000 },
  },
  {
    id: "learner-takes-its-own-older-vote",
    faults: [18],
    title: "A member takes the value of its own vote for the chosen one, though that is of another ballot",
    patches: [
      learning(
        `if (vote === undefined || !core.voteCounts.isChosen(slot, vote.ballot)) return;`,
        `if (vote === undefined || !core.voteCounts.isAnyChosen(slot)) return;`,
      ),
      counts(
        `  /** The slot is known as chosen. */`,
        `  isAnyChosen(slot: Slot): boolean {
    const count = this.#counts.get(slot);
    return count !== undefined && count.quorums.phase2(count.voters);
  }

  /** The slot is known as chosen. */`,
      ),
    ],
    finder: { kind: "core", profile: "network", schedules: 1_000 },
  },
  {
    id: "learner-counts-by-an-older-configuration",
    faults: [10],
    title: "Members count votes of slots whose configuration they do not know yet",
    patches: [learning(`  const end = history.knownUpTo(log.chosenUpTo);`, `  const end = log.chosenUpTo + 1_000;`)],
    finder: { kind: "core", profile: "members", schedules: 600 },
  },
  {
    id: "read-of-the-chosen-prefix-where-members-learn-for-themselves",
    faults: [73],
    title: "A read sees what the leader has counted, though members may have answered from more",
    patches: [
      learning(
        `return learnsEarly(core) ? Math.max(chosenUpTo, core.proposer.next - 1) : chosenUpTo;`,
        `return chosenUpTo;`,
      ),
    ],
    finder: { kind: "core", profile: "network", schedules: 500 },
  },
  {
    id: "read-of-a-slot-that-nobody-fills",
    faults: [73],
    title: "Readers of a proposal that was never chosen wait for it after its leader is gone",
    patches: [
      inFile("reads")(
        `const readers = [...settling, ...(this.#round`,
        `const readers = [...settling.slice(0, 0), ...(this.#round`,
      ),
    ],
    finder: { kind: "core", profile: "network", schedules: 1_000 },
  },
  {
    id: "read-round-before-its-configuration-is-known",
    faults: [85],
    title: "A read round asks members although others may decide on the slot after its index",
    patches: [inFile("read-handlers")(`    if (index >= core.history.knownUpTo(core.log.chosenUpTo)) return;`, ``)],
    finder: unit("wait for room in a full window, and nothing new takes it"),
  },
  {
    id: "reads-starve-in-a-full-window",
    faults: [22],
    title: "New values take all room in the window while reads wait for some",
    patches: [
      inFile("replica")(
        `return readsNeedRoom(this.#core) ? Math.max(0, capacity - 1) : capacity;`,
        `return readsNeedRoom(this.#core) ? Math.max(0, capacity) : capacity;`,
      ),
    ],
    finder: unit("wait for room in a full window, and nothing new takes it"),
  },
  {
    id: "thrifty-with-the-slowest",
    faults: [80],
    title: "A thrifty leader asks whoever comes first, however slow its votes are",
    patches: [
      {
        file: "packages/multipaxos/src/vote-times.ts",
        find: ` || this.#member(a).voteMs - this.#member(b).voteMs);`,
        replace: `);`,
      },
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/thrift.test.ts",
      test: "whoever votes sooner is asked",
    },
  },
];
