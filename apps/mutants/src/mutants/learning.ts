import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (name: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/multipaxos/src/${name}.ts`, find, replace });
const proposer = inFile("proposer");
const thrift = inFile("thrift");

/** Who is sent a value, and who says that it is chosen. */
export const learningMutants: readonly Mutant[] = [
  {
    id: "thrifty-never-widens",
    faults: [80],
    title: "A thrifty leader waits for ever for the members that it chose, though one of them died",
    patches: [
      proposer(
        `      if (sinceMs < waitMs || sinceMs < this.#patienceMs(id, open)) break;`,
        `      if (sinceMs < waitMs || this.#patienceMs(id, open) > 0) break;`,
      ),
    ],
    finder: { kind: "core", profile: "flexible", schedules: 1_000 },
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
];
