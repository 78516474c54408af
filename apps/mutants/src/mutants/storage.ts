import type { Mutant, Patch } from "../mutant.js";

const inFile =
  (name: string) =>
  (find: string, replace: string): Patch => ({ file: `packages/storage-file/src/${name}.ts`, find, replace });
const log = inFile("log");
const reader = inFile("log-reader");
const store = inFile("open-store");
const storage = inFile("file-storage");

const REFUSAL = "packages/storage-file/test/refusal.test.ts";
const SCHEDULES = "packages/storage-file/test/schedules.test.ts";

/** The write-ahead log and the other files of a store. */
export const storageMutants: readonly Mutant[] = [
  {
    id: "write-without-sync",
    faults: [2],
    title: "A write settles without having been flushed",
    patches: [log(`    await handle.datasync();`, ``)],
    finder: { kind: "sim", profile: "disk", seeds: 20 },
  },
  {
    id: "fast-disk-without-sync",
    faults: [2],
    title: "Where the disk is fast, a write settles without having been flushed",
    patches: [log(`handle.now.datasync();`, `await turnEnd();`)],
    finder: {
      kind: "unit",
      file: "packages/storage-file/test/pace.test.ts",
      test: "a power cut takes nothing back that was acknowledged after a flush that was waited for",
    },
  },
  {
    id: "leftovers-removed-before-names-last",
    faults: [33],
    title:
      "A start removes what was replaced while the new name is in the page cache alone: a power cut leaves neither",
    patches: [store(`  if (names.length > 0) await settings.fileSystem.syncDirectory(settings.directory);\n`, ``)],
    finder: {
      kind: "unit",
      file: "packages/storage-file/test/unflushed-names.test.ts",
      test: "the snapshot before goes only when the name of the new one lasts",
    },
  },
  {
    id: "damaged-log-gathered",
    faults: [29],
    title: "A log with a loss is gathered into one batch: the next start knows nothing of the loss",
    patches: [
      store(
        `segments.length < SEGMENTS_MAX || damage !== undefined || end === undefined`,
        `segments.length < SEGMENTS_MAX || end === undefined`,
      ),
    ],
    finder: { kind: "unit", file: REFUSAL, test: "a log with a loss is not gathered" },
  },
  {
    id: "gathered-log-not-said",
    faults: [29],
    title: "The segments before a gathered log are removed, and the identity does not say so",
    patches: [store(`isGathered ? { ...booted, firstSegment: next, droppedUpTo } : booted`, `booted`)],
    finder: { kind: "unit", file: REFUSAL, test: "however often it starts" },
  },
  {
    id: "torn-record-accepted",
    faults: [29],
    title: "The body of a record is read without looking at its checksum",
    patches: [reader(`body !== undefined && crc32(body) === header.bodyChecksum;`, `body !== undefined;`)],
    finder: { kind: "sim", profile: "disk", seeds: 100 },
  },
  {
    id: "half-record-is-fatal",
    faults: [29, 91],
    title: "A torn last write is taken for damage, and the store does not open",
    patches: [
      reader(
        `    if (!whole) return;
    this.#lastWhole`,
        `    if (!whole) throw damaged(this.#file(header.segment), header.offset, "the checksum is wrong");
    this.#lastWhole`,
      ),
    ],
    finder: {
      kind: "unit",
      file: "packages/storage-file/test/power-cut.test.ts",
      test: "keeps every acknowledged write and refuses nothing falsely",
    },
  },
  {
    id: "damage-taken-for-the-end",
    faults: [30],
    title: "Damage in the middle of the log is taken for its end",
    patches: [
      reader(
        `(await this.#headerAt(segment, window, at)) ?? (await this.#laterHeader(segment, window, at));`,
        `await this.#headerAt(segment, window, at);`,
      ),
    ],
    finder: { kind: "unit", file: REFUSAL, test: "in any batch but the last of the last segment are damage" },
  },
  {
    id: "damage-rolls-the-log-back",
    faults: [30, 82],
    title: "A damaged log is taken back to its last whole batch before the damage, and votes from there",
    patches: [
      reader(
        `    this.#last = { header, whole, index: this.#segments.length - 1 };
    if (!whole) return;`,
        `    if (!whole) return;
    this.#last = { header, whole, index: this.#segments.length - 1 };`,
      ),
      reader(
        `    this.#checkOrder(header);
`,
        ``,
      ),
    ],
    finder: { kind: "sim", profile: "disk", seeds: 100 },
  },
  {
    id: "gap-between-segments-accepted",
    faults: [30],
    title: "A segment is read although batches are missing before it",
    patches: [
      reader(
        `    if (jumped && (offset === 0 || skipped)) return missing(before.sequence + 1);`,
        `    if (jumped) return;`,
      ),
    ],
    finder: { kind: "sim", profile: "disk", seeds: 100 },
  },
  {
    id: "failed-sync-retried",
    faults: [32],
    title: "A flush that failed is tried again, and the second try succeeds",
    patches: [log(`    await handle.datasync();`, `    await handle.datasync().catch(() => handle.datasync());`)],
    finder: {
      kind: "unit",
      file: SCHEDULES,
      test: "every call after a failure is refused, and the failed flush is not tried again",
    },
  },
  {
    id: "store-goes-on-after-failure",
    faults: [32, 36],
    title: "After a failed write the store takes the next one",
    patches: [
      storage(
        `      if (this.#failure !== undefined) throw this.#failure;
      try {`,
        `      try {`,
      ),
      storage(
        `    if (this.#failure !== undefined) throw this.#failure;
    if (this.#store`,
        `    if (this.#store`,
      ),
    ],
    finder: {
      kind: "unit",
      file: SCHEDULES,
      test: "every call after a failure is refused, and the failed flush is not tried again",
    },
  },
  {
    id: "segment-name-not-flushed",
    faults: [33],
    title: "A new segment gets its name without the directory being flushed",
    patches: [
      log(
        `join(directory, segmentName(segment)));
  await fileSystem.syncDirectory(directory);`,
        `join(directory, segmentName(segment)));`,
      ),
    ],
    finder: { kind: "sim", profile: "disk", seeds: 100 },
  },
  {
    id: "identity-name-not-flushed",
    faults: [33],
    title: "The identity file is replaced without the directory being flushed",
    patches: [
      inFile("identity")(
        `join(directory, IDENTITY));
  await fileSystem.syncDirectory(directory);`,
        `join(directory, IDENTITY));`,
      ),
    ],
    finder: { kind: "sim", profile: "disk", seeds: 100 },
  },
  {
    id: "identity-not-flushed",
    faults: [33],
    title: "The identity file gets its name before its bytes are on disk",
    patches: [inFile("identity")(`    await handle.sync();`, ``)],
    finder: { kind: "sim", profile: "disk", seeds: 100 },
  },
  {
    id: "snapshot-name-not-flushed",
    faults: [33, 34],
    title: "A snapshot gets its name without the directory being flushed, and the log before it goes",
    patches: [
      inFile("snapshot")(
        `join(directory, snapshotName(index)));
  await fileSystem.syncDirectory(directory);`,
        `join(directory, snapshotName(index)));`,
      ),
    ],
    finder: {
      kind: "unit",
      file: SCHEDULES,
      test: "loses nothing acknowledged and refuses nothing falsely, at every call of one life with snapshots and drops",
    },
  },
  {
    id: "log-dropped-beyond-snapshot",
    faults: [34],
    title: "The log is cut although the snapshot does not reach so far",
    patches: [storage(`upTo > covered) {`, `upTo > covered + 1000) {`)],
    finder: { kind: "unit", file: "packages/storage-file/test/contract.test.ts", test: "drop" },
  },
  {
    id: "segments-removed-before-said",
    faults: [34],
    title: "Old segments are removed before the identity says that they may be missing",
    patches: [
      storage(
        `      await writeIdentity(this.#settings.fileSystem, this.#settings.directory, next);
      this.#store = { log: store.log, identity: next };
      await store.log.removeBelow(firstSegment);`,
        `      await store.log.removeBelow(firstSegment);
      await writeIdentity(this.#settings.fileSystem, this.#settings.directory, next);
      this.#store = { log: store.log, identity: next };`,
      ),
    ],
    finder: {
      kind: "unit",
      file: SCHEDULES,
      test: "loses nothing acknowledged and refuses nothing falsely, at every call of one life with snapshots and drops",
    },
  },
  {
    id: "dropped-segment-read-again",
    faults: [35],
    title: "A segment that was dropped and comes back is read again",
    patches: [store(`listing.segments.filter((segment) => segment >= found.firstSegment);`, `[...listing.segments];`)],
    finder: { kind: "unit", file: REFUSAL, test: "a dropped segment that comes back is not read" },
  },
  {
    id: "later-format-read",
    faults: [64],
    title: "A log of a later release is read as if it were of this one",
    patches: [
      reader(
        `    const file = this.#file(segment);
    if (header.version !== FORMAT_VERSION) throw versionUnsupported(file, header.version);
    if (header.storeId`,
        `    const file = this.#file(segment);
    if (header.storeId`,
      ),
      reader(
        `      if (ours && header.version !== FORMAT_VERSION) throw versionUnsupported(this.#file(segment), header.version);\n`,
        ``,
      ),
    ],
    finder: { kind: "unit", file: REFUSAL, test: "a later format is refused as such: identity, batch, snapshot" },
  },
  {
    id: "tail-of-page-cache-trusted",
    faults: [88],
    title: "An opening answers from what it read, without flushing again what only the page cache may have had",
    patches: [
      log(
        `await log.#write(state, encodeBody(tail.records));`,
        `await log.#write(state, encodeBody({ votes: [], chosen: [] }));`,
      ),
      store(
        `    await handle.sync();
  } finally {`,
        `  } finally {`,
      ),
    ],
    finder: { kind: "sim", profile: "disk", seeds: 100 },
  },
];
