import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (name: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/multipaxos/src/${name}.ts`, find, replace });
const reads = inFile("reads");
const handlers = inFile("read-handlers");

const stale = (find: string, replace: string): Patch => ({
  file: "packages/node/src/stale-reads.ts",
  find,
  replace,
});

/** Linearizable reads, and stale ones with a bound. */
export const readMutants: readonly Mutant[] = [
  {
    id: "local-read-at-the-leader",
    faults: [50],
    title: "A leader reads without asking whether it still leads",
    patches: [reads(`if (!round.quorums.phase2(round.confirmed)) return false;`, ``)],
    finder: { kind: "core", profile: "network", schedules: 300 },
  },
  {
    id: "confirms-a-deposed-leader",
    faults: [50],
    title: "A member confirms a leader below its promise",
    patches: [
      handlers(
        `if (compareBallots(promised, ballot) > 0) return reject(core, from, ballot);`,
        `if (promised === null) return;`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/leadership.test.ts",
      test: "a node that promised a higher ballot confirms nothing",
    },
  },
  {
    id: "confirmation-of-any-round",
    faults: [54],
    title: "A confirmation of an earlier round counts for the present one",
    patches: [
      reads(
        `if (round === null || round.nonce !== nonce) return false;`,
        `if (round === null || nonce < 0) return false;`,
      ),
    ],
    finder: { kind: "core", schedules: 400 },
  },
  {
    id: "read-joins-the-round-under-way",
    faults: [54, 73],
    title: "A read joins a confirmation round that began before it",
    patches: [
      reads(
        `    this.#waiting.delete(key);\n    this.#waiting.set(key, reader);`,
        `    if (this.#round !== null) (this.#round.readers as Map<string, Reader>).set(key as never, reader);\n    else this.#waiting.set(key, reader);`,
      ),
    ],
    finder: { kind: "core", schedules: 400 },
  },
  {
    id: "read-before-recovery",
    faults: [21],
    title: "A new leader reads before it has proposed again what phase 1 found",
    patches: [handlers(`if (core.proposer.recovering || core.applied < barrier) return;`, `if (barrier < 0) return;`)],
    finder: { kind: "core", schedules: 1000 },
  },
  {
    id: "read-before-barrier-applied",
    faults: [21, 85],
    title: "A confirmation round begins before the barrier is applied",
    patches: [
      handlers(
        `if (core.proposer.recovering || core.applied < barrier) return;`,
        `if (core.proposer.recovering || barrier < 0) return;`,
      ),
    ],
    finder: { kind: "core", schedules: 400 },
  },
  {
    id: "index-reply-for-an-earlier-life",
    faults: [47, 73],
    title: "A replayed answer to a question of an earlier life gives a read its index",
    patches: [
      handlers(`if (message.bootId !== core.bootId) return core.ignore(from, "read index for an earlier life");`, ``),
    ],
    finder: { kind: "core", schedules: 1000 },
  },
  {
    id: "index-reply-for-any-question",
    faults: [54, 73],
    title: "A late answer to an earlier question gives a newer read its index",
    patches: [
      reads(
        `if (ask === null || ask.nonce !== nonce || ask.to !== from) return null;`,
        `if (ask === null || ask.nonce < 0) return null;`,
      ),
    ],
    finder: { kind: "core", schedules: 600 },
  },
  {
    id: "index-from-the-follower",
    faults: [55, 73],
    title: "A follower reads at its own chosen prefix instead of the leader's",
    patches: [
      handlers(`tokens, index: message.index,`, `tokens, index: Math.min(message.index, core.log.chosenUpTo),`),
    ],
    finder: { kind: "core", schedules: 500 },
  },
  {
    id: "reads-lost-with-the-leader",
    faults: [20],
    title: "Reads that wait at a leader are forgotten when it is deposed",
    patches: [
      reads(
        `const readers = [...settling, ...(this.#round?.readers.values() ?? []), ...this.#waiting.values()];`,
        `const readers = [...settling, ...this.#waiting.values()];`,
      ),
    ],
    finder: { kind: "core", schedules: 1000 },
  },
  {
    id: "late-question-never-repeated",
    faults: [73],
    title: "A follower's question for an index is not repeated when it is lost",
    patches: [
      handlers(`if (late !== null) sendAsk(core, late);`, `if (late !== null && late.nonce < 0) sendAsk(core, late);`),
    ],
    finder: { kind: "core", schedules: 400 },
  },
  {
    id: "lease-readers-kept-one-by-one",
    faults: [45],
    title: "Each read that a lease vouches for is looked at with every other one that waits",
    patches: [reads(`if (last?.index === index) last.readers`, `if (last?.index === -1) last.readers`)],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/reads.test.ts",
      test: "readers of one index that a lease vouches for wait together",
    },
  },
  {
    id: "rounds-of-one-index-apart",
    faults: [45],
    title: "Each round leaves readers of its own behind while one slot stays open",
    patches: [reads(`if (last?.index !== index) {`, `if (last?.index !== -1) {`)],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/reads.test.ts",
      test: "all with the same index wait together, however many rounds there were",
    },
  },
  {
    id: "given-up-quorum-reads-stay",
    faults: [45],
    title: "A quorum read that nobody waits for is looked at until its index is executed",
    patches: [
      {
        file: "packages/multipaxos/src/quorum-reads.ts",
        find: `if (this.#settling[at]?.tokens.size === 0) this`,
        replace: `if (this.#settling[at]?.tokens.size === -1) this`,
      },
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/quorum-reads.test.ts",
      test: "who gives up while its index is not applied leaves no group behind",
    },
  },
  {
    id: "stale-by-some-slots-more",
    faults: [50],
    title: "A read that may be so many slots old is answered from a state that is older",
    patches: [stale(`heardUpTo - applied <= maxSlots`, `heardUpTo - applied <= maxSlots + 5`)],
    finder: {
      kind: "unit",
      file: "packages/node/test/stale-reads.test.ts",
      test: "with maxSlots count the slots",
    },
  },
  {
    id: "stale-whatever-the-age",
    faults: [50],
    title: "A read that may be so old is answered from a state of any age",
    patches: [stale(` || this.#confirmedMs < calledMs - maxAgeMs) return`, ` || maxAgeMs < 0) return`)],
    finder: { kind: "sim", profile: "swarm", seeds: 170 },
  },
];
