import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (name: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/multipaxos/src/${name}.ts`, find, replace });
const acceptor = inFile("acceptor");
const handlers = inFile("acceptor-handlers");
const core = inFile("core");

/** The durable memory of the log: promises and votes, and what a restart finds of them. */
export const acceptorMutants: readonly Mutant[] = [
  {
    id: "promise-before-durable",
    faults: [1],
    title: "A promise leaves before it is on disk",
    patches: [
      acceptor(
        `return { kind: "promised", after: this.#writes.wait(this.#promisedWrite) };`,
        `return { kind: "promised", after: 0 };`,
      ),
      acceptor(`let after: WriteId = this.#writes.wait(this.#promisedWrite);`, `let after: WriteId = 0;`),
    ],
    finder: { kind: "core", schedules: 50 },
  },
  {
    id: "vote-before-durable",
    faults: [2],
    title: "A vote is acknowledged before it is on disk",
    patches: [
      acceptor(
        `return { kind: "voted", after: this.#writes.wait(write), again: false };`,
        `return { kind: "voted", after: 0, again: false };`,
      ),
    ],
    finder: { kind: "core", schedules: 50 },
  },
  {
    id: "repeated-vote-before-durable",
    faults: [2],
    title: "A repeated Accept is acknowledged while the first vote is still being written",
    patches: [
      acceptor(
        `return { kind: "voted", after: this.#writes.wait(old.write), again: true };`,
        `return { kind: "voted", after: 0, again: true };`,
      ),
    ],
    finder: { kind: "core", schedules: 200 },
  },
  {
    id: "reported-votes-before-durable",
    faults: [1],
    title: "A promise reports votes that are still being written",
    patches: [acceptor(`after = Math.max(after, this.#writes.wait(vote.write));`, ``)],
    finder: { kind: "core", schedules: 1000 },
  },
  {
    id: "prepare-before-durable",
    faults: [3],
    title: "A candidate asks for promises before its own ballot is on disk",
    patches: [
      {
        file: "packages/multipaxos/src/proposer-handlers.ts",
        find: `core.send(to, { kind: "prepare", ballot, fromSlot }, "control", core.candidacyWrite);`,
        replace: `core.send(to, { kind: "prepare", ballot, fromSlot }, "control");`,
      },
    ],
    finder: { kind: "core", schedules: 50 },
  },
  {
    id: "ballot-counter-in-memory",
    faults: [3],
    title: "The highest ballot seen is forgotten by a restart",
    patches: [core(`this.highestSeen = recovered.promised;`, `this.highestSeen = null;`)],
    finder: { kind: "core", profile: "flexible", schedules: 100 },
  },
  {
    id: "accept-ignores-promise",
    faults: ["MU-01", 8],
    title: "The acceptor votes in a ballot below its promise",
    patches: [
      acceptor(
        `if (slot <= this.#compactedUpTo) return { kind: "already" };
    if (before(ballot, this.#promised)) return { kind: "rejected" };`,
        `if (slot <= this.#compactedUpTo) return { kind: "already" };`,
      ),
      handlers(`  if (core.voting && order < 0) return reject(core, from, ballot);\n`, ``),
    ],
    finder: { kind: "core", schedules: 100 },
  },
  {
    id: "accept-refuses-promised-ballot",
    faults: [8],
    title: "The acceptor refuses an Accept of the very ballot that it promised",
    patches: [
      handlers(
        `if (core.voting && order < 0) return reject(core, from, ballot);`,
        `if (core.voting && order <= 0) return reject(core, from, ballot);`,
      ),
    ],
    finder: { kind: "core", schedules: 50 },
  },
  {
    id: "accept-raises-no-promise",
    faults: [8],
    title: "A vote above the promise does not raise the promise",
    patches: [
      acceptor(
        `      this.#promised = ballot;
      this.#promisedWrite = write;`,
        ``,
      ),
      // Otherwise the write says that the promise was raised.
      inFile("writes")(`write.promised = vote.ballot;`, ``),
    ],
    finder: { kind: "core", schedules: 400 },
  },
  {
    id: "votes-forgotten-by-restart",
    faults: ["MU-10", 31],
    title: "A restarted acceptor keeps its promise and forgets its votes",
    patches: [
      core(
        `new Acceptor({ promised: recovered.promised, votes: recovered.votes, snapshotIndex }, this.writes);`,
        `new Acceptor({ promised: recovered.promised, votes: [], snapshotIndex }, this.writes);`,
      ),
    ],
    finder: { kind: "core", schedules: 50 },
  },
  {
    id: "votes-above-mark-forgotten-by-restart",
    faults: ["MU-10", 31],
    title: "A restart keeps of the votes only those that are known as chosen",
    patches: [
      core(
        `votes: recovered.votes, snapshotIndex }, this.writes);`,
        `votes: recovered.votes.filter(({ slot }) => slot <= recovered.chosenUpTo), snapshotIndex }, this.writes);`,
      ),
    ],
    finder: { kind: "core", schedules: 200 },
  },
  {
    id: "promise-page-skips-a-vote",
    faults: [16],
    title: "A full page of a promise claims the slot that no longer fitted in",
    patches: [
      acceptor(
        `if (full) return { votes, lastSlot: slot - 1, after };`,
        `if (full) return { votes, lastSlot: slot, after };`,
      ),
    ],
    finder: { kind: "core", schedules: 1000 },
  },
  {
    id: "promise-of-known-slots-only",
    faults: [14],
    title: "A promise covers only the slots that a candidate could know of: votes far above are left out",
    patches: [
      acceptor(
        `for (const slot of this.slots(Math.max(fromSlot, chosenUpTo + 1), Infinity)) {`,
        `for (const slot of this.slots(Math.max(fromSlot, chosenUpTo + 1), chosenUpTo + 1)) {`,
      ),
    ],
    finder: { kind: "core", schedules: 200 },
  },
  {
    id: "vote-over-a-chosen-value",
    faults: [18],
    title: "A follower overwrites what it knows as chosen with a late proposal",
    patches: [handlers(`if (known !== undefined && !sameValue(known, value)) return null;`, ``)],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/replica.test.ts",
      test: "no vote where another value is known as chosen",
    },
  },
  {
    id: "prepare-in-a-foreign-ballot",
    faults: [4, 47, 79],
    title: "A Prepare in the ballot of another node is taken",
    patches: [
      handlers(`if (ballot.node !== from) return core.ignore(from, "prepare in a ballot of another node");`, ``),
    ],
    finder: { kind: "noise", runs: 50 },
  },
];
