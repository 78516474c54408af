import type { Mutant, Patch, UnitFinder } from "../mutant.js";

const inFile =
  (name: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/multipaxos/src/${name}.ts`, find, replace });
const leases = inFile("leases");
const handlers = inFile("lease-handlers");
const acceptor = inFile("acceptor-handlers");
const quorumReads = inFile("quorum-reads");
const node = (find: string, replace: string): Patch => ({
  file: "packages/node/src/confirmed-reads.ts",
  find,
  replace,
});

const unit = (name: string, test: string): UnitFinder => ({
  kind: "unit",
  file: `packages/multipaxos/test/${name}.test.ts`,
  test,
});

/** Leader leases, and reads without a leader. */
export const leaseMutants: readonly Mutant[] = [
  {
    id: "lease-with-a-phase-1-quorum",
    faults: [76],
    title: "Grantors that are a phase-1 quorum make a lease",
    patches: [leases(`if (quorums.phase2(grantors)) return`, `if (quorums.phase1(grantors)) return`)],
    finder: { kind: "core", profile: "flexible", schedules: 800 },
  },
  {
    id: "lease-from-any-member",
    faults: [50, 76],
    title: "A leader holds a lease with whatever grants it has",
    patches: [leases(`if (quorums.phase2(grantors)) return`, `if (quorums.members.length > 0) return`)],
    finder: { kind: "core", profile: "network", schedules: 1_000 },
  },
  {
    id: "lease-counted-from-the-answer",
    faults: [52],
    title: "A lease is counted from when the grant came, not from when it was asked for",
    patches: [
      leases(
        `onGrant(from: NodeId, nonce: number): void {`,
        `onGrant(from: NodeId, nonce: number, nowMs: number): void {`,
      ),
      leases(
        `this.#granted.set(from, Math.max(sentAtMs, this.#granted.get(from) ?? sentAtMs));`,
        `this.#granted.set(from, nowMs);\n    this.#lastSentAtMs = nowMs;`,
      ),
      handlers(`core.lease.onGrant(from, message.nonce);`, `core.lease.onGrant(from, message.nonce, core.nowMs);`),
    ],
    finder: unit("leases", "lasts from when it asked"),
  },
  {
    id: "lease-without-a-margin",
    faults: [51],
    title: "Leader and grantor count the same time, though their clocks drift",
    patches: [
      leases(`(durationMs * (100 - driftPercent)) / 100`, `durationMs`),
      leases(`Math.ceil((durationMs * (100 + driftPercent)) / 100)`, `durationMs + 0 * driftPercent`),
    ],
    finder: unit("leases", "the leader counts less than the duration, the grantor more"),
  },
  {
    id: "grantor-promises-a-rival",
    faults: [76],
    title: "A grantor promises another ballot while its lease lasts",
    patches: [
      acceptor(`if (isNew && core.grantor.leftMs(ballot, core.nowMs) > 0) return reject(core, from, ballot);`, ``),
    ],
    finder: unit("leases", "grantors promise nothing to another ballot meanwhile, and say for how long"),
  },
  {
    id: "lease-binds-nobody",
    faults: [50, 76],
    title: "Grantors promise and campaign as if they had granted nothing",
    patches: [
      leases(
        `return ballotsEqual(ballot, this.#ballot) ? 0 : this.#untilMs - nowMs;`,
        `return ballot === null ? 0 : 0 * nowMs;`,
      ),
    ],
    finder: { kind: "core", profile: "network", schedules: 1_000 },
  },
  {
    id: "grantor-votes-for-a-rival",
    faults: [76],
    title: "A grantor votes in a higher ballot, which promises it, while its lease lasts",
    patches: [
      acceptor(
        `if (core.voting && order > 0 && values.length > 0 && core.grantor.leftMs(ballot, core.nowMs) > 0)`,
        `if (values.length < 0)`,
      ),
    ],
    finder: unit("leases", "a deposed leader uses its lease no more before it says so"),
  },
  {
    id: "grantor-campaigns-itself",
    faults: [76],
    title: "A grantor becomes a candidate while its own grant lasts",
    patches: [
      inFile("election-handlers")(
        `canPromise && core.voting && core.grantor.leftMs(null, core.nowMs) === 0;`,
        `canPromise && core.voting;`,
      ),
    ],
    finder: unit("leases", "nobody campaigns while its own grant lasts"),
  },
  {
    id: "no-wait-after-a-restart",
    faults: [76],
    title: "A grantor that restarts promises at once",
    patches: [leases(`this.#formerUntilMs = nowMs + this.#formerMs;`, `this.#formerUntilMs = nowMs;`)],
    finder: unit("leases", "a grantor that restarts waits before it promises"),
  },
  {
    id: "grant-before-the-longest-lease-is-on-disk",
    faults: [76],
    title: "A grant leaves before the longest lease is flushed",
    patches: [handlers(`const after = core.writes.wait(core.boundWrite);`, `const after = 0;`)],
    finder: unit("leases", "the longest lease is on disk before the grant leaves, and once"),
  },
  {
    id: "old-question-after-the-release",
    faults: [73],
    title: "A question of before the release is granted after it",
    patches: [leases(`nonce <= released.nonce) return false;`, `nonce < 0) return false;`)],
    finder: unit("leases", "a released lease is over, and a question of before gives it no second life"),
  },
  {
    id: "lease-before-the-barrier",
    faults: [21, 85],
    title: "A lease counts before everything that earlier leaders may have got chosen is executed",
    patches: [
      handlers(
        `if (terms === null || !core.leads || core.proposer.recovering || core.applied < core.proposer.barrier) return null;`,
        `if (terms === null || !core.leads) return null;`,
      ),
    ],
    finder: { kind: "core", profile: "network", schedules: 1_000 },
  },
  {
    id: "lease-trusted-after-a-stall",
    faults: [53],
    title: "A leader that stood still goes on with its lease",
    patches: [handlers(`durationMs / 2) return;\n  lease.drop();\n`, `durationMs / 2) return;\n`)],
    finder: unit("leases", "a leader that stood still asks for a lease anew"),
  },
  {
    id: "lease-not-looked-at-after-the-read",
    faults: [53],
    title: "The node answers a lease read without looking at the clock again",
    patches: [
      node(`if (untilMs < Infinity && driver.nowMs >= untilMs) return "round";`, `if (untilMs < 0) return "round";`),
    ],
    finder: {
      kind: "unit",
      file: "packages/node/test/stale-reads.test.ts",
      test: "end while a process stands still: the first read after it asks a quorum",
    },
  },
  {
    id: "quorum-read-without-votes",
    faults: [74],
    title: "A quorum read forgets the highest vote",
    patches: [
      quorumReads(
        `Math.max(round.index, facts.highestVote, facts.chosenUpTo`,
        `Math.max(round.index, facts.chosenUpTo`,
      ),
    ],
    finder: { kind: "core", profile: "network", schedules: 500 },
  },
  {
    id: "quorum-read-without-the-chosen-prefix",
    faults: [74],
    title: "A quorum read looks at votes alone",
    patches: [
      quorumReads(
        `Math.max(round.index, facts.highestVote, facts.chosenUpTo, facts.snapshotIndex)`,
        `Math.max(round.index, facts.highestVote)`,
      ),
    ],
    finder: unit("quorum-reads", "chosenUpTo counts"),
  },
  {
    id: "quorum-read-of-a-phase-2-quorum",
    faults: [74],
    title: "A quorum read asks a phase-2 quorum",
    patches: [
      quorumReads(
        `if (!round.quorums.phase1(round.replied)) return false;`,
        `if (!round.quorums.phase2(round.replied)) return false;`,
      ),
    ],
    finder: { kind: "core", profile: "flexible", schedules: 800 },
  },
  {
    id: "quorum-read-joins-the-round-under-way",
    faults: [73],
    title: "A quorum read joins a round that began before it",
    patches: [
      quorumReads(
        `    this.#waiting.add(token);\n  }\n\n  /** Starts`,
        `    (this.#round?.tokens ?? this.#waiting).add(token);\n  }\n\n  /** Starts`,
      ),
    ],
    finder: { kind: "core", profile: "network", schedules: 1_000 },
  },
  {
    id: "quorum-read-of-the-newest-configuration-alone",
    faults: [86],
    title: "A quorum read is settled without asking the configuration above its index",
    patches: [quorumReads(`if (quorumsAt(index + 1) === quorums) {`, `if (index >= 0) {`)],
    finder: unit("quorum-reads", "another configuration above the index is asked, too"),
  },
  {
    id: "quorum-read-of-an-earlier-life",
    faults: [73],
    title: "A reply to an earlier life of the reader counts",
    patches: [
      inFile("quorum-read-handlers")(
        `if (message.bootId !== core.bootId) return core.ignore(from, "quorum read of an earlier life");`,
        ``,
      ),
    ],
    finder: unit("quorum-reads", "an answer to an earlier life is none"),
  },
  {
    id: "removed-member-answers-quorum-reads",
    faults: [74],
    title: "A member that was removed answers a quorum read, although votes go on without it",
    patches: [
      {
        file: "packages/multipaxos/src/quorum-read-handlers.ts",
        find: `if (!core.quorumsAt(core.log.chosenUpTo + 1).members.includes(core.me)) {`,
        replace: `if (core.quorumsAt(core.log.chosenUpTo + 1).members.length === 0) {`,
      },
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/quorum-reads.test.ts",
      test: "who is no member any more does not answer",
    },
  },
];
