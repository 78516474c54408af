import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (name: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/multipaxos/src/${name}.ts`, find, replace });
const handlers = inFile("snapshot-handlers");
const fetch = inFile("snapshot-fetch");
const proposer = inFile("proposer");

const CORE_TEST = "packages/multipaxos/test/snapshots.test.ts";
const NODE_TEST = "packages/node/test/snapshots.test.ts";

/** Snapshots, what they let go, and how they travel. */
export const snapshotMutants: readonly Mutant[] = [
  {
    id: "leader-keeps-leading-over-an-installed-slot",
    faults: [83],
    title: "A leader installs a snapshot over a slot that it proposed, and announces it",
    patches: [handlers(`if (core.proposer.coveredBy(index)) {`, `if (core.proposer.coveredBy(index) && index < 0) {`)],
    finder: { kind: "unit", file: CORE_TEST, test: "has not counted" },
  },
  {
    id: "no-op-where-a-snapshot-knows",
    faults: [83],
    title: "A leader fills slots that only its snapshot knows with no-ops",
    patches: [
      proposer(`if (slot <= Math.max(log.compactedUpTo, phase1.base)) continue;`, `if (slot <= phase1.base) continue;`),
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/handlers.test.ts",
      test: "proposes nothing where its snapshot knows",
    },
  },
  {
    id: "proposed-below-a-base-of-another-configuration",
    faults: [83],
    title: "A leader fills slots that a promise of another configuration calls chosen",
    patches: [
      proposer(
        `if (slot <= Math.max(log.compactedUpTo, phase1.base)) continue;`,
        `if (slot <= log.compactedUpTo) continue;`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/membership.test.ts",
      test: "proposes nothing where a promise of one configuration says chosen",
    },
  },
  {
    id: "dropped-without-a-snapshot",
    faults: [34],
    title: "The log is dropped up to what was executed, not up to what the flushed snapshot has",
    patches: [
      handlers(
        `const last = Math.min(countTail(core, held.index), log.compactedUpTo + COMPACT_SLOTS_MAX);`,
        `const last = Math.min(countTail(core, core.applied), log.compactedUpTo + COMPACT_SLOTS_MAX);`,
      ),
      handlers(`?? 0), held.index) : 0`, `?? 0), core.applied) : 0`),
    ],
    finder: { kind: "core", profile: "swarm", schedules: 200 },
  },
  {
    id: "compacted-and-no-snapshot-offered",
    faults: [59],
    title: "What is gone from the log is asked for, and no snapshot is offered in its place",
    patches: [
      {
        file: "packages/multipaxos/src/catch-up-handlers.ts",
        find: `if (firstSlot <= core.log.compactedUpTo && offerSnapshot(core, from)) return;`,
        replace: `if (firstSlot < 0 && offerSnapshot(core, from)) return;`,
      },
    ],
    finder: { kind: "core", profile: "swarm", schedules: 200 },
  },
  {
    id: "votes-above-a-snapshot-dropped",
    faults: [57],
    title: "Installing a snapshot forgets the votes above it, too",
    patches: [
      handlers(
        `    core.acceptor.compact(index);
    core.tailBytes = 0;`,
        `    core.acceptor.compact(Number.MAX_SAFE_INTEGER);
    core.tailBytes = 0;`,
      ),
    ],
    finder: { kind: "core", profile: "swarm", schedules: 200 },
  },
  {
    id: "handed-out-again-after-a-snapshot",
    faults: [56],
    title: "Values that a snapshot has are handed out after it was installed",
    patches: [
      {
        file: "packages/multipaxos/src/log.ts",
        find: `this.#ready = this.#ready.filter(({ slot }) => slot > index);`,
        replace: ``,
      },
    ],
    finder: { kind: "unit", file: CORE_TEST, test: "hands nothing out" },
  },
  {
    id: "parts-of-two-snapshots",
    faults: [75],
    title: "A part of another snapshot of the same slot is taken in",
    patches: [fetch(`a.index === b.index && a.hash === b.hash;`, `a.index === b.index;`)],
    finder: { kind: "unit", file: CORE_TEST, test: "other bytes of the same slot" },
  },
  {
    id: "resumed-from-the-start",
    faults: [59],
    title: "Another peer that has the same snapshot is asked for all of it once more",
    patches: [fetch(`transfer.asked = transfer.received;`, `transfer.asked = 0;`)],
    finder: { kind: "unit", file: CORE_TEST, test: "goes on at its offset" },
  },
  {
    id: "silent-sources-take-turns",
    faults: [59],
    title: "Two peers that do not hear are asked in turn for ever",
    patches: [
      fetch(
        `      if (transfer.source !== null) this.#offers.delete(transfer.source);
      this.#askAgain(transfer);`,
        `      this.#askAgain(transfer);`,
      ),
    ],
    finder: { kind: "unit", file: CORE_TEST, test: "do not take turns" },
  },
  {
    id: "damaged-snapshot-installed",
    faults: [57],
    title: "What came of a snapshot is installed whatever its checksums say",
    patches: [
      {
        file: "packages/node/src/snapshot-receiving.ts",
        find: `if (this.#hash.bytes !== this.facts.bytes || this.#hash.hex() !== this.facts.hash) this.#refuse();`,
        replace: ``,
      },
    ],
    finder: { kind: "unit", file: NODE_TEST, test: "come damaged" },
  },
  {
    id: "snapshot-that-waits-while-a-peer-is-served",
    faults: [59],
    title: "A snapshot that waits for its turn stays open as long as a peer is served, and is old when it is written",
    patches: [
      {
        file: "packages/node/src/snapshot-taker.ts",
        find: `if (isKept) this.#giveWay();`,
        replace: `if (isKept) void 0;`,
      },
    ],
    finder: { kind: "unit", file: NODE_TEST, test: "one that waits is given up for a peer that is being served" },
  },
  {
    id: "reads-while-a-snapshot-is-installed",
    faults: [56],
    title: "A read is answered from a state machine that a snapshot is being written into",
    patches: [
      {
        file: "packages/node/src/driver.ts",
        find: `    const { installing } = this.snapshots;`,
        replace: `    const installing = false;`,
      },
    ],
    finder: { kind: "unit", file: NODE_TEST, test: "nothing is executed while" },
  },
  {
    id: "outcomes-of-a-snapshot-awaited",
    faults: [26],
    title: "A call whose command was executed inside of a snapshot waits for an outcome that never comes",
    patches: [
      {
        file: "packages/node/src/snapshots.ts",
        find: `if (skipped) this.#o.outcomesMissed();`,
        replace: ``,
      },
    ],
    finder: { kind: "unit", file: NODE_TEST, test: "whose command was executed in it" },
  },
  {
    id: "no-tail-kept",
    faults: [59],
    title: "A snapshot drops all of the log at once, and a peer that is a little behind needs the snapshot",
    patches: [
      {
        file: "packages/multipaxos/src/snapshot-handlers.ts",
        find: `core.tailBytes > settings.retainedBytesMax)) {`,
        replace: `core.tailBytes + settings.retainedBytesMax > 0)) {`,
      },
    ],
    finder: {
      kind: "unit",
      file: "packages/multipaxos/test/snapshots.test.ts",
      test: "with somebody away, a tail of so many bytes stays",
    },
  },
];
