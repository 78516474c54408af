import { dirname, join } from "node:path";
import {
  type Configuration,
  type FileSystem,
  type Random,
  type Recovered,
  type SnapshotInfo,
  type StorageOpen,
  type StoreFormat,
  SynodError,
} from "@synod/interface";
import { randomHex } from "@synod/interface/host";
import { damaged, errorCode } from "./errors.js";
import { checkOwner, readIdentity, type StoredIdentity, writeIdentity } from "./identity.js";
import { Log } from "./log.js";
import { LogReader, type ReadLog } from "./log-reader.js";
import { IDENTITY, type Listing, segmentName, snapshotName, sortNames } from "./names.js";
import { inspectSnapshot } from "./snapshot.js";

export interface StoreSettings {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly segmentBytes: number;
  /** Milliseconds, to tell how fast the disk is. */
  readonly now: () => number;
  readonly random: Random;
}

/** Each opening begins a segment: at so many they become one, if what is in them is not more than this. */
const SEGMENTS_MAX = 8;
const GATHERED_BYTES_MAX = 2 ** 24;

export interface OpenedStore {
  readonly identity: StoredIdentity;
  readonly log: Log;
  readonly recovered: Recovered;
}

/**
 * Reads everything, repairs the end of the log, and flushes again what may have been read from the page cache only. The directory
 * is locked by now. A crash at any step leaves what the next opening can start from: nothing is removed before it is known
 * to be whole elsewhere, and the boot counts last.
 */
export async function openStore(settings: StoreSettings, options: StorageOpen): Promise<OpenedStore> {
  const { fileSystem, directory, random } = settings;
  const listing = sortNames(await fileSystem.list(directory));
  const expect = options.expect ?? {};
  if (options.create !== undefined) checkOwner(options.create, expect, directory);
  const found = await identify(settings, listing, options.create);
  checkOwner(found, expect, directory);
  // With no boot counted no opening has ever settled: what there is of a log is left of an unfinished first one.
  const segments = found.bootCount === 0 ? [] : listing.segments.filter((segment) => segment >= found.firstSegment);
  const snapshot = await findSnapshot(settings, found, listing);
  const read = await readLog(settings, found, segments, snapshot);
  if (options.create !== undefined && !isUnused(read, snapshot)) throw alreadyFormatted(directory);
  await cutTail(settings, read);
  // Formatting has removed what an interrupted formatting left.
  await removeLeftovers(settings, listing.identity ? listing : { ...listing, temporaries: [] }, read);

  const booted: StoredIdentity = { ...found, bootCount: found.bootCount + 1, bootId: randomHex(random) };
  const next = (read.segments.at(-1)?.segment ?? found.firstSegment - 1) + 1;
  const place = { ...settings, storeId: found.storeId };
  const state = { ...read.state, bootCount: booted.bootCount };
  const isGathered = mayGather(read);
  const records = isGathered ? { votes: read.votes, chosen: read.chosen } : read.tail.records;
  const droppedUpTo = Math.max(found.droppedUpTo, snapshot?.index ?? 0);
  const identity = isGathered ? { ...booted, firstSegment: next, droppedUpTo } : booted;
  const log = await Log.begin(place, state, read.segments, next, { ...read.tail, records });
  try {
    // Said first and removed then, as in `drop`.
    await writeIdentity(fileSystem, directory, identity);
    if (isGathered) await log.removeBelow(next);
  } catch (error) {
    await log.close();
    throw error;
  }
  return { identity, log, recovered: summarize(identity, read, snapshot) };
}

/**
 * Whether the first batch of this opening holds all that the log has, so that what is before it may go: a process that ends soon after each start
 * would leave a file each time. Not where something is lost: the loss must be seen again.
 */
function mayGather({ segments, damage, end, votes, chosen }: ReadLog): boolean {
  if (segments.length < SEGMENTS_MAX || damage !== undefined || end === undefined) return false;
  return [...votes, ...chosen].reduce((sum, { value }) => sum + value.length, 0) <= GATHERED_BYTES_MAX;
}

async function identify(settings: StoreSettings, listing: Listing, create?: StoreFormat): Promise<StoredIdentity> {
  const { fileSystem, directory, random } = settings;
  const blank = !listing.identity && listing.segments.length === 0 && listing.snapshots.length === 0;
  if (create !== undefined) {
    if (listing.identity) {
      const found = await readIdentity(fileSystem, directory);
      if (isFormattedAs(found, create)) return found;
    }
    if (!blank) throw alreadyFormatted(directory);
    await removeNames(settings, listing.temporaries);
    const { clusterId, nodeId, founders } = create;
    const identity = {
      clusterId,
      nodeId,
      founders,
      storeId: randomHex(random),
      bootCount: 0,
      bootId: "",
      firstSegment: 1,
      droppedUpTo: 0,
    };
    await writeIdentity(fileSystem, directory, identity);
    // Read back, so that no caller's object is kept.
    return readIdentity(fileSystem, directory);
  }
  if (blank) throw notFormatted(directory);
  if (!listing.identity)
    throw damaged(join(directory, IDENTITY), 0, "the file is missing, yet there are files of a store");
  return readIdentity(fileSystem, directory);
}

function isFormattedAs(found: StoredIdentity, { clusterId, nodeId, founders }: StoreFormat): boolean {
  const same = found.clusterId === clusterId && found.nodeId === nodeId;
  return same && agreed(found.founders) === agreed(founders);
}

/** Addresses and names are of one day: a port that was taken may be another one now. */
function agreed(founders: Configuration): string {
  const members = founders.members.map(({ address: _address, name: _name, ...rest }) => rest);
  return JSON.stringify({ ...founders, members });
}

/** Formatted, and nothing but opened since: whoever formats it in the same way changes nothing. */
function isUnused({ state, votes, chosen, chosenUpTo, damage }: ReadLog, snapshot: SnapshotInfo | null): boolean {
  const marks = state.promised === null && chosenUpTo === 0 && state.leaseMs === 0;
  return marks && votes.length === 0 && chosen.length === 0 && snapshot === null && damage === undefined;
}

/** @throws SynodError `NotFormatted` */
export async function refuseMissing({ fileSystem, directory }: StoreSettings): Promise<void> {
  try {
    await fileSystem.list(directory);
  } catch (error) {
    throw errorCode(error) === "ENOENT" ? notFormatted(directory) : error;
  }
}

function notFormatted(directory: string): SynodError {
  return new SynodError(
    "NotFormatted",
    `There is no store in ${directory}. Is this the very first start of a founder? Then format it (bootstrap: true). A node that had a store must not start without it: ` +
      "find the right directory, or remove the node's id from the configuration and add a new one.",
    { details: { directory } },
  );
}

function alreadyFormatted(directory: string): SynodError {
  return new SynodError(
    "AlreadyFormatted",
    `${directory} holds a store. Leave bootstrap (create) out to open it, or choose another directory.`,
    { details: { directory } },
  );
}

async function findSnapshot(
  { fileSystem, directory }: StoreSettings,
  identity: StoredIdentity,
  listing: Listing,
): Promise<SnapshotInfo | null> {
  const index = listing.snapshots.at(-1) ?? 0;
  if (index < identity.droppedUpTo) {
    const file = join(directory, snapshotName(identity.droppedUpTo));
    throw damaged(file, 0, `a snapshot up to slot ${identity.droppedUpTo} or later must be there, and is not`);
  }
  return index === 0 ? null : inspectSnapshot({ fileSystem, directory, storeId: identity.storeId }, index);
}

async function readLog(
  { fileSystem, directory }: StoreSettings,
  identity: StoredIdentity,
  segments: readonly number[],
  snapshot: SnapshotInfo | null,
): Promise<ReadLog> {
  const started = identity.bootCount > 0;
  const { firstSegment } = identity;
  const hole = segments.findIndex((segment, i) => segment !== firstSegment + i);
  const missing = hole >= 0 ? firstSegment + hole : firstSegment;
  if (hole >= 0 || (started && segments.length === 0)) {
    throw damaged(join(directory, segmentName(missing)), 0, "the file is missing");
  }
  const read = await new LogReader(fileSystem, directory, identity.storeId, snapshot?.index ?? 0).read(segments);
  const boots = read.state.bootCount;
  if (boots < identity.bootCount) {
    const last = join(directory, segmentName(segments.at(-1) ?? firstSegment));
    const what = `the log ends in opening ${boots} of ${identity.bootCount}; its end is lost or older files were put back`;
    throw damaged(last, read.end?.at ?? 0, what);
  }
  if (boots > identity.bootCount + 1) {
    const what = `it counts ${identity.bootCount} openings, the log has ${boots}; an older file was put back`;
    throw damaged(join(directory, IDENTITY), 0, what);
  }
  return read;
}

/** The unfinished last write goes for good before anything is appended, lest it be read as something later. */
async function cutTail({ fileSystem, directory }: StoreSettings, { end }: ReadLog): Promise<void> {
  if (end === undefined) return;
  const handle = await fileSystem.open(join(directory, segmentName(end.segment)), "write");
  try {
    if ((await handle.size()) > end.at) await handle.truncate(end.at);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function removeLeftovers(settings: StoreSettings, listing: Listing, read: ReadLog): Promise<void> {
  const kept = new Set(read.segments.map(({ segment }) => segment));
  const names = [
    ...listing.temporaries,
    ...listing.snapshots.slice(0, -1).map(snapshotName),
    ...listing.segments.filter((segment) => !kept.has(segment)).map(segmentName),
  ];
  // A process that ended between a change of names and its flush left that in the page cache alone: what has been read must last before anything it replaces goes.
  if (names.length > 0) await settings.fileSystem.syncDirectory(settings.directory);
  await removeNames(settings, names);
}

async function removeNames({ fileSystem, directory }: StoreSettings, names: readonly string[]): Promise<void> {
  for (const name of names) await fileSystem.remove(join(directory, name));
  await fileSystem.syncDirectory(directory);
}

/** Makes the directory, and makes its name last. */
export async function makeStoreDirectory({ fileSystem, directory }: StoreSettings): Promise<void> {
  await fileSystem.makeDirectory(directory);
  await fileSystem.syncDirectory(dirname(directory));
}

function summarize(identity: StoredIdentity, read: ReadLog, snapshot: SnapshotInfo | null): Recovered {
  const { clusterId, nodeId, storeId, founders, bootCount, bootId } = identity;
  return {
    identity: { clusterId, nodeId, storeId, founders, bootCount, bootId },
    promised: read.state.promised,
    votes: read.votes,
    chosen: read.chosen,
    chosenUpTo: read.chosenUpTo,
    leaseMs: read.state.leaseMs,
    snapshot,
    ...(read.damage === undefined ? {} : { damage: read.damage }),
  };
}
