import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (path: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/${path}.ts`, find, replace });
const snapshots = inFile("multipaxos/src/snapshot-handlers");

const NETWORK = { kind: "sim", profile: "network" } as const;
const MEMBERS = { kind: "core", profile: "members" } as const;

/** Mistakes that show checks of the simulators which nothing else makes bite. */
export const checkMutants: readonly Mutant[] = [
  {
    id: "leader-waits-to-hear-itself",
    faults: [81],
    title: "A leader waits for its own answer before it raises versions, and never does",
    patches: [
      inFile("node/src/versions")(
        `      if (id === self) continue;
      const theirs = present`,
        `      const theirs = present`,
      ),
    ],
    finder: { ...NETWORK, seeds: 40 },
  },
  {
    id: "learner-holds-versions-back",
    faults: [81],
    title: "A leader waits for the answer of a learner, which answers nothing, before it raises versions",
    patches: [
      inFile("node/src/versions")(
        `heard.includes(id) || learners.includes(id)`,
        `heard.includes(id) && !learners.includes(id)`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/node/test/versions.test.ts",
      test: "does not wait for a learner to answer questions of voters, but for its connection and its release",
    },
  },
  {
    id: "snapshot-loses-the-hash",
    faults: [58],
    title: "After a snapshot was restored the hash of what was executed begins anew",
    patches: [inFile("rsm/src/machine")(`this.#chain = header.chain;`, `this.#chain = HASH_START;`)],
    finder: { ...NETWORK, seeds: 40 },
  },
  {
    id: "open-change-called-refused",
    faults: [63, 67],
    title:
      "A caller who waits no longer for a change of the members is told that there was none, though a leader was asked for it",
    patches: [
      inFile("node/src/changes")(`    const [code, rest] = asked.sent\n`, `    const [code, rest] = asked.proposed\n`),
    ],
    finder: { ...NETWORK, start: 40, seeds: 60 },
  },
  {
    id: "log-dropped-above-the-snapshot",
    faults: [34],
    title: "The log is dropped from the disk as far as it is known, not as far as the snapshot goes",
    patches: [snapshots(`core.pending.compactedUpTo = upTo;`, `core.pending.compactedUpTo = core.log.chosenUpTo;`)],
    finder: { ...NETWORK, seeds: 20 },
  },
  {
    id: "sends-after-its-end",
    faults: [66],
    title: "A node that a port stopped in the middle of a turn sends the rest of its messages",
    patches: [inFile("node/src/sending")(`stopped() ? null : wire.encode(message)`, `wire.encode(message)`)],
    finder: { kind: "sim", profile: "disk", start: 40, seeds: 60 },
  },
  {
    id: "parts-of-another-snapshot",
    faults: [57],
    title: "A late part of another snapshot is taken for one of that under way",
    patches: [
      inFile("multipaxos/src/snapshot-fetch")(
        `if (transfer === null || !sameSnapshot(transfer.facts, { ...chunk, bytes: 0 })) return [];`,
        `if (transfer === null) return [];`,
      ),
    ],
    finder: { ...MEMBERS, schedules: 60 },
  },
  {
    id: "older-snapshot-lowers-what-was-executed",
    faults: [56, 57],
    title: "A snapshot that the log has overtaken lowers what counts as executed",
    patches: [snapshots(`core.applied = Math.max(core.applied, index);`, `core.applied = index;`)],
    finder: { ...MEMBERS, schedules: 60 },
  },
  {
    id: "witness-among-changing-members-forgets-too-much",
    faults: [77],
    title: "A witness forgets all that it knows as chosen, while members change",
    patches: [
      inFile("multipaxos/src/witness")(
        `return Math.min(log.chosenUpTo, bytes > settings.retainedBytesMax ? Math.max(all, one) : all);`,
        `return bytes > one + all ? log.chosenUpTo : log.chosenUpTo + 0 * settings.retainedBytesMax;`,
      ),
    ],
    // Here members change in the run that finds it.
    finder: { ...NETWORK, start: 43, seeds: 30 },
  },
  {
    id: "closed-session-goes-on",
    faults: [27, 87],
    title: "A session that its client gave up executes commands until it expires",
    patches: [
      inFile("rsm/src/sessions")(
        `    return this.#remove(keyOf(id));`,
        `    return this.#table.get(keyOf(id)) !== undefined;`,
      ),
    ],
    finder: { ...NETWORK, seeds: 100 },
  },
  {
    id: "snapshot-loses-the-sessions",
    faults: [26, 58],
    title: "After a snapshot was restored no session is known",
    patches: [inFile("rsm/src/machine")(`        table.fill(sessions);`, `        table.fill(sessions.slice(0, 0));`)],
    finder: { ...NETWORK, seeds: 60 },
  },
];
