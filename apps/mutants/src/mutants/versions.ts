import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (path: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/${path}.ts`, find, replace });
const upgrade = inFile("node/src/versions");
const machine = inFile("rsm/src/machine");

const RSM_TEST = "packages/rsm/test/versions.test.ts";
const NODE_TEST = "packages/node/test/versions.test.ts";

/** Versions of frames, log and state machine, raised by the log while releases change. */
export const versionMutants: readonly Mutant[] = [
  {
    id: "raised-beyond-an-older-member",
    faults: [81],
    title: "A leader raises versions that some member of an older release does not support",
    patches: [upgrade(`      common = lower(common, theirs);`, ``)],
    finder: { kind: "sim", profile: "network", seeds: 130 },
  },
  {
    id: "raised-without-the-silent",
    faults: [81],
    title: "A leader raises versions without those members that it does not hear",
    patches: [upgrade(`      if (theirs === null) return null;`, `      if (theirs === null) continue;`)],
    finder: { kind: "sim", profile: "network", seeds: 100 },
  },
  {
    id: "version-of-the-own-release",
    faults: [81],
    title: "Commands are executed under the version of the local release in place of the one in the log",
    patches: [machine(`      machineVersion: this.#versions.machine,`, `      machineVersion: this.supports.machine,`)],
    finder: { kind: "sim", profile: "network", seeds: 130 },
  },
  {
    id: "raise-not-refused",
    faults: [64, 81],
    title: "A node of an older release goes on past a version that it does not support",
    patches: [
      machine(
        `      if (entry.kind === "raise") checkSupported(\`Slot \${slot} of the log\`, entry.versions, this.supports);`,
        ``,
      ),
    ],
    finder: { kind: "unit", file: RSM_TEST, test: "stops before anything of its batch is applied" },
  },
  {
    id: "versions-fall",
    faults: [81],
    title: "A raise that comes late lowers what is in force",
    patches: [
      machine(`this.#versions = higherVersions(this.#versions, entry.versions);`, `this.#versions = entry.versions;`),
    ],
    finder: { kind: "unit", file: RSM_TEST, test: "start at 1, follow the log, and never fall" },
  },
  {
    id: "snapshot-loses-the-versions",
    faults: [34, 81],
    title: "After a snapshot was restored the versions are those of a new cluster",
    patches: [machine(`      this.#versions = header.versions;`, ``)],
    finder: { kind: "sim", profile: "network", seeds: 60 },
  },
  {
    id: "newer-snapshot-taken",
    faults: [64],
    title: "A node of an older release takes a snapshot of a newer one",
    patches: [
      machine(`    checkSupported(\`The snapshot of slot \${header.index}\`, header.versions, this.supports);`, ``),
    ],
    finder: { kind: "unit", file: RSM_TEST, test: "are in the snapshot, which an older release refuses" },
  },
  {
    id: "frames-of-the-own-release",
    faults: [64, 81],
    title: "A node writes frames of its own release before all members can read them",
    patches: [
      upgrade(
        `    return Math.min(Math.max(versions.wire, this.#wireSeen, oldest), supports.wire);`,
        `    return supports.wire;`,
      ),
    ],
    finder: { kind: "sim", profile: "network", seeds: 130 },
  },
  {
    id: "frames-by-the-own-log-alone",
    faults: [81],
    title: "A node whose log is behind writes frames that peers of the next release no longer read",
    patches: [upgrade(`Math.max(versions.wire, this.#wireSeen, oldest)`, `Math.max(versions.wire, oldest)`)],
    finder: { kind: "unit", file: NODE_TEST, test: "a node whose log is behind writes them too" },
  },
];
