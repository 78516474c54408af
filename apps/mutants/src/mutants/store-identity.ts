import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (name: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/storage-file/src/${name}.ts`, find, replace });
const reader = inFile("log-reader");
const store = inFile("open-store");
const storage = inFile("file-storage");

const REFUSAL = "packages/storage-file/test/refusal.test.ts";
const DAMAGE = "packages/storage-file/test/damage.test.ts";
const LOCK = "packages/storage-file/test/directory-lock.test.ts";

/** Whose a store is, and who may open it. */
export const storeIdentityMutants: readonly Mutant[] = [
  {
    id: "blank-disk-votes",
    faults: [31, 70],
    title: "A node that finds its directory empty formats it and takes part",
    patches: [
      store(
        `  if (blank) throw notFormatted(directory);`,
        `  if (blank) return identify(settings, listing, { clusterId: "c", nodeId: 1, founders: { epoch: 1, members: [{ id: 1 }], alpha: 1, quorum: { kind: "majority" } } });`,
      ),
      storage(
        `if (options.create === undefined) await refuseMissing(this.#settings);
      else await makeStoreDirectory(this.#settings);`,
        `await makeStoreDirectory(this.#settings);`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/storage-file/test/directory-lock.test.ts",
      test: "keeps a second storage out of the store, and a failed opening gives it back",
    },
  },
  {
    id: "blank-disk-formatted",
    faults: [31, 70],
    title: "A node whose disk was replaced by a blank one formats it and goes on under its old id",
    patches: [
      {
        file: "packages/node/src/create-node.ts",
        find: `...(options.bootstrap === true ? { create:`,
        replace: `...(options.bootstrap !== undefined ? { create:`,
      },
      store(`if (options.create !== undefined && !isUnused(read, snapshot)) throw alreadyFormatted(directory);`, ``),
    ],
    finder: { kind: "sim", profile: "disk", seeds: 100 },
  },
  {
    id: "used-store-bootstrapped-again",
    faults: [31, 70],
    title: "A second bootstrap opens a store that has been written to",
    patches: [
      store(`if (options.create !== undefined && !isUnused(read, snapshot)) throw alreadyFormatted(directory);`, ``),
    ],
    finder: {
      kind: "unit",
      file: "packages/storage-file/test/contract.test.ts",
      test: "a store that nothing was written to may be formatted again in the same way, which changes nothing",
    },
  },
  {
    id: "formatted-over",
    faults: [31, 70],
    title: "Formatting does not look whether there is a store",
    patches: [store(`if (!blank) throw alreadyFormatted(directory);`, ``)],
    finder: { kind: "unit", file: REFUSAL, test: "a log without identity: neither opened nor formatted over" },
  },
  {
    id: "foreign-store-opened",
    faults: [37],
    title: "The directory of another node is opened",
    patches: [
      inFile("identity")(
        `if (identity.clusterId === clusterId && identity.nodeId === nodeId) return;`,
        `if (identity.clusterId === clusterId || identity.nodeId === nodeId) return;`,
      ),
    ],
    finder: { kind: "unit", file: DAMAGE, test: "belongs to one node of one cluster" },
  },
  {
    id: "foreign-segment-read",
    faults: [37],
    title: "A segment of another store is read",
    patches: [
      reader(
        `if (header.storeId !== this.#storeId) throw damaged(file, at,`,
        `if (header.storeId === "") throw damaged(file, at,`,
      ),
    ],
    finder: { kind: "unit", file: REFUSAL, test: "a segment, a snapshot or an identity of another store" },
  },
  {
    id: "second-process-let-in",
    faults: [38],
    title: "Two processes open one store",
    patches: [
      inFile("directory-lock")(
        "if (await isListening(reach.path(name))) throw locked(path, Number(pid));",
        "if (pid === String(process.pid)) throw locked(path, Number(pid));",
      ),
    ],
    finder: {
      kind: "unit",
      file: DAMAGE,
      test: "holds while another process lives, paused too, and is no obstacle once that was killed",
    },
  },
  {
    id: "two-storages-of-one-process",
    faults: [38],
    title: "Two storages of one process open one store",
    patches: [
      inFile("directory-lock")(`if (heldHere.has(directory)) throw locked(path, process.pid);`, ``),
      inFile("directory-lock")(
        "if (await isListening(reach.path(name))) throw locked(path, Number(pid));",
        "if (pid !== String(process.pid) && (await isListening(reach.path(name)))) throw locked(path, Number(pid));",
      ),
    ],
    finder: {
      kind: "unit",
      file: LOCK,
      test: "keeps a second storage out of the store, and a failed opening gives it back",
    },
  },
  {
    id: "lock-outlives-its-process",
    faults: [38],
    title: "The lock that a killed process leaves keeps the store closed",
    patches: [
      inFile("directory-lock")(`resolve(code !== "ECONNREFUSED" && code !== "ENOENT");`, `resolve(code !== "ENOENT");`),
    ],
    finder: {
      kind: "unit",
      file: "packages/storage-file/test/damage.test.ts",
      test: "holds while another process lives, paused too, and is no obstacle once that was killed",
    },
  },
  {
    id: "old-log-put-back",
    faults: [82],
    title: "A log that ends earlier than the identity knows is accepted: a restored backup votes again",
    patches: [store(`  if (boots < identity.bootCount) {`, `  if (boots < 0) {`)],
    finder: { kind: "unit", file: REFUSAL, test: "an identity or a log that was put back" },
  },
];
