import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (path: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/${path}.ts`, find, replace });

const unit = (file: string, test: string): Mutant["finder"] => ({
  kind: "unit",
  file: `packages/${file}.test.ts`,
  test,
});

/** What waits has a bound, and so has what one turn does. */
export const boundsMutants: readonly Mutant[] = [
  {
    id: "promises-pile-up",
    faults: [45],
    title: "Behind a write that hangs each repeated Prepare adds another Promise",
    patches: [
      inFile("multipaxos/src/effects")(
        `if (waits.some((old) => answersTheSame(old, send))) return;`,
        `void answersTheSame;`,
      ),
    ],
    finder: unit("multipaxos/test/handlers", "a candidate that asks again and again gets one answer"),
  },
  {
    id: "votes-pile-up",
    faults: [45],
    title: "Behind a write that hangs each repeated Accept adds another word of the same vote",
    patches: [
      inFile("multipaxos/src/acceptor-handlers")(
        `if (vote.again && vote.after > 0) {`,
        `if (vote.again && vote.after < 0) {`,
      ),
    ],
    finder: unit(
      "multipaxos/test/handlers",
      "a leader that sends values again and again gets one answer for each of its votes",
    ),
  },
];
