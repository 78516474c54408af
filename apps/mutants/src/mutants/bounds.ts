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
        `if (waits.filter((old) => answersTheSame(old, send)).length >= COPIES_MAX) return;`,
        `void [answersTheSame, COPIES_MAX];`,
      ),
    ],
    finder: unit("multipaxos/test/handlers", "a candidate that asks again and again gets two answers"),
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
  {
    id: "reads-in-one-turn",
    faults: [45],
    title: "All reads that are ready are answered in one turn, and nothing else is done meanwhile",
    patches: [
      inFile("node/src/reads")(
        `if (this.#now() >= untilMs) return { again,`,
        `if (this.#now() >= untilMs + Infinity) return { again,`,
      ),
    ],
    finder: unit("node/test/reads", "are answered a slice of them a turn, however many are ready"),
  },
  {
    id: "left-over-reads-wait-for-a-tick",
    faults: [45],
    title: "Reads that one turn leaves over wait for the next tick of the clock",
    patches: [
      inFile("node/src/driver")(
        `if (this.watches.serve() || more) this.wake();`,
        `if (this.watches.serve()) this.wake();`,
      ),
    ],
    finder: unit("node/test/reads", "that are left over from one turn get the next, without a pause"),
  },
  {
    id: "founders-unchecked",
    faults: [71],
    title: "A store is formatted for founders that cannot be, and the corrected call is refused",
    patches: [inFile("node/src/create-node")(`  checkConfiguration(given);`, `  void checkConfiguration;`)],
    finder: unit(
      "node/test/edges",
      "refuses founders with a window that is too wide before it formats the store: the corrected call is free",
    ),
  },
  {
    id: "one-call-closes-a-session",
    faults: [67],
    title: "Of several calls that close one session only the last is answered",
    patches: [
      inFile("node/src/open-calls")(
        `    if (others === undefined) this.#byClosing.set(key, new Set([proposal]));
    else others.add(proposal);`,
        `    this.#byClosing.set(key, new Set([proposal]));`,
      ),
    ],
    finder: unit("node/test/node", "may be given up by several calls at one node: all of them settle"),
  },
  {
    id: "digest-of-a-later-release",
    faults: [24],
    title: "A release that writes digests in another way is held against the release before",
    patches: [
      inFile("node/src/digests")(
        `versions.machine < supports.machine ? null :`,
        `versions.machine > supports.machine ? null :`,
      ),
    ],
    finder: unit(
      "node/test/digests",
      "digests of a release that writes them in another way count once its version is in force",
    ),
  },
];
