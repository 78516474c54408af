import { join, resolve } from "node:path";
import {
  checkNames,
  type FileSystem,
  optionNames,
  type Random,
  type Recovered,
  type Slot,
  type SnapshotInfo,
  type SnapshotPart,
  type Storage,
  type StorageOpen,
  type StorageWrite,
  SynodError,
} from "@synod/interface";
import { systemRandom } from "@synod/interface/host";
import { ChunkSource } from "./chunk-source.js";
import { errorCode, storageError } from "./errors.js";
import { writeIdentity } from "./identity.js";
import { snapshotName, TEMPORARY } from "./names.js";
import { nodeFileSystem } from "./node-file-system.js";
import { makeStoreDirectory, type OpenedStore, openStore, refuseMissing, type StoreSettings } from "./open-store.js";
import { ballotNumbers, checkNumber, encodeBody } from "./records.js";
import { installSnapshot, readSnapshotFile, type SnapshotPlace, writeSnapshot } from "./snapshot.js";

export interface FileStorageOptions {
  /** The store's own directory. Made when the store is formatted; relative to the working directory of this call. */
  readonly directory: string;
  /** Default: `nodeFileSystem()`. */
  readonly fileSystem?: FileSystem;
  /** For store and boot ids. Default: that of the host. */
  readonly random?: Random;
  /** Size to which a segment of the log is filled (a larger write makes a larger one). From 1 KiB; default 16 MiB. */
  readonly segmentBytes?: number;
  /** Milliseconds of a clock that only goes forward: it tells how fast the disk is. Default: `performance.now`. */
  readonly now?: () => number;
}

// As a record, so that the compiler asks for a new option here, too.
const OPTIONS: Readonly<Record<keyof FileStorageOptions, true>> = {
  directory: true,
  fileSystem: true,
  random: true,
  segmentBytes: true,
  now: true,
};

/**
 * Storage on files: a write-ahead log of batch frames, one data-sync per write, and one snapshot.
 * @throws SynodError `InvalidArgument`
 */
export function fileStorage(options: FileStorageOptions): Storage & AsyncDisposable {
  checkNames((name) => `fileStorage has no option ${name}`, options, optionNames(OPTIONS));
  const { directory, fileSystem = nodeFileSystem(), random = systemRandom(), segmentBytes = 2 ** 24 } = options;
  const { now = (): number => performance.now() } = options;
  if (typeof directory !== "string" || directory === "") {
    throw new SynodError("InvalidArgument", 'fileStorage needs a directory, as in { directory: "./data" }.');
  }
  if (!Number.isSafeInteger(segmentBytes) || segmentBytes < 1024) {
    throw new SynodError("InvalidArgument", `segmentBytes is a whole number from 1024; got ${segmentBytes}.`);
  }
  return new FileStorage({ directory: resolve(directory), fileSystem, random, segmentBytes, now });
}

class FileStorage implements Storage, AsyncDisposable {
  readonly #settings: StoreSettings;
  /** Holds nothing of what was recovered: that is the caller's, and large. */
  #opening: Promise<void> | undefined;
  #store: Pick<OpenedStore, "identity" | "log"> | undefined;
  #unlock: (() => Promise<void>) | undefined;
  #snapshot: SnapshotInfo | null = null;
  #closing: Promise<void> | undefined;
  #failure: SynodError | undefined;
  /** Settles when every call on the log so far has. */
  #logCalls: Promise<unknown> = Promise.resolve();
  /** The same for snapshots, which are saved while the log is written to. */
  #snapshotCalls: Promise<unknown> = Promise.resolve();
  #source: ChunkSource | undefined;

  constructor(settings: StoreSettings) {
    this.#settings = settings;
  }

  async open(options: StorageOpen = {}): Promise<Recovered> {
    if (this.#closing !== undefined) throw this.#closed();
    if (this.#opening !== undefined) {
      throw new SynodError(
        "InvalidArgument",
        "open() was called before. Make a new storage object to open the store again.",
      );
    }
    checkFormat(options);
    const opening = this.#open(options);
    this.#opening = opening.then(
      () => {},
      () => {},
    );
    return opening;
  }

  async #open(options: StorageOpen): Promise<Recovered> {
    const { fileSystem, directory } = this.#settings;
    try {
      if (options.create === undefined) await refuseMissing(this.#settings);
      else await makeStoreDirectory(this.#settings);
      this.#unlock = await fileSystem.lock(directory);
      const { identity, log, recovered } = await openStore(this.#settings, options);
      this.#store = { identity, log };
      this.#snapshot = recovered.snapshot;
      return recovered;
    } catch (error) {
      await this.#unlock?.().catch(() => {});
      this.#unlock = undefined;
      throw this.#fail(error);
    }
  }

  async write(write: StorageWrite): Promise<void> {
    const { log } = this.#usable();
    const { promised, chosenUpTo, leaseMs } = write;
    // The caller's objects stay the caller's.
    const marks = {
      promised: promised === undefined ? null : { round: promised.round, node: promised.node },
      chosenUpTo: chosenUpTo ?? 0,
      leaseMs: leaseMs ?? 0,
    };
    for (const number of promised === undefined ? [] : ballotNumbers(promised)) checkNumber(number);
    checkNumber(marks.chosenUpTo);
    checkNumber(marks.leaseMs);
    const body = encodeBody(write);
    const isEmpty = body.bytes === 0 && promised === undefined && chosenUpTo === undefined && leaseMs === undefined;
    await this.#afterLogCalls(() => (isEmpty ? Promise.resolve() : log.append(marks, body)));
  }

  async saveSnapshot(index: Slot, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<SnapshotInfo> {
    this.#usable();
    const saved = this.#snapshotCalls.then(() => this.#saveSnapshot(index, chunks));
    this.#snapshotCalls = saved.catch(() => {});
    return saved;
  }

  async #saveSnapshot(index: Slot, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<SnapshotInfo> {
    this.#usable();
    const before = this.#snapshot?.index ?? 0;
    if (!Number.isSafeInteger(index) || index <= before) {
      throw new SynodError(
        "InvalidArgument",
        `A snapshot must reach a slot above ${before}, that of the saved one; got ${index}.`,
      );
    }
    const source = new ChunkSource(chunks);
    this.#source = source;
    const { fileSystem, directory } = this.#settings;
    try {
      const info = await writeSnapshot(this.#place(), index, source.pull);
      this.#usable();
      // Nobody waits for a whole snapshot to be read when the store is closed.
      await installSnapshot(this.#place(), index, () => void this.#usable());
      this.#snapshot = info;
      if (before > 0) await fileSystem.remove(join(directory, snapshotName(before)));
      return info;
    } catch (error) {
      // What the source or the caller ended is no failure of the disk.
      if (source.failure === undefined && this.#closing === undefined) throw this.#fail(error);
      await this.#tidyUp(join(directory, TEMPORARY.snapshot));
      throw source.failure === undefined ? storageError(error, directory) : source.failure.reason;
    } finally {
      this.#source = undefined;
      await source.release().catch(() => {});
    }
  }

  async *readSnapshot(part?: SnapshotPart): AsyncGenerator<Uint8Array> {
    this.#usable();
    const { directory } = this.#settings;
    if (this.#snapshot === null) throw new SynodError("InvalidArgument", "No snapshot has been saved.");
    const { index, bytes } = this.#snapshot;
    const offset = part?.offset ?? 0;
    if ((part !== undefined && part.index !== index) || !(offset >= 0 && offset <= bytes)) {
      throw new SynodError(
        "InvalidArgument",
        `The saved snapshot is of slot ${index} and has ${bytes} bytes; asked for slot ${part?.index} from byte ${offset}.`,
      );
    }
    try {
      for await (const chunk of readSnapshotFile(this.#place(), join(directory, snapshotName(index)), index, offset)) {
        yield chunk;
        this.#usable();
      }
    } catch (error) {
      throw storageError(error, directory);
    }
  }

  async drop(upTo: Slot): Promise<void> {
    const store = this.#usable();
    const covered = this.#snapshot?.index ?? 0;
    if (!Number.isSafeInteger(upTo) || upTo < 0 || upTo > covered) {
      throw new SynodError(
        "InvalidArgument",
        `Only what the saved snapshot covers may go, slots up to ${covered}; got ${upTo}.`,
      );
    }
    await this.#afterLogCalls(async () => {
      const firstSegment = store.log.firstNeeded(upTo);
      const identity = this.#store?.identity ?? store.identity;
      if (firstSegment <= identity.firstSegment) return;
      // Said first and removed then: an opening in between finds left-overs, not holes.
      const next = { ...identity, firstSegment, droppedUpTo: Math.max(identity.droppedUpTo, upTo) };
      await writeIdentity(this.#settings.fileSystem, this.#settings.directory, next);
      this.#store = { log: store.log, identity: next };
      await store.log.removeBelow(firstSegment);
    });
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    await this.#opening;
    this.#source?.giveUp(this.#closed());
    await Promise.all([this.#logCalls, this.#snapshotCalls]);
    // Everything that was acknowledged has been flushed; nothing that fails here can take it back.
    await this.#store?.log.close().catch(() => {});
    await this.#unlock?.();
  }

  #afterLogCalls(call: () => Promise<void>): Promise<void> {
    const result = this.#logCalls.then(async () => {
      if (this.#failure !== undefined) throw this.#failure;
      try {
        await call();
      } catch (error) {
        throw this.#fail(error);
      }
    });
    this.#logCalls = result.catch(() => {});
    return result;
  }

  #usable(): Pick<OpenedStore, "identity" | "log"> {
    if (this.#closing !== undefined) throw this.#closed();
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#store === undefined) throw new SynodError("InvalidArgument", "Wait for open() before any other call.");
    return this.#store;
  }

  #fail(error: unknown): SynodError {
    this.#failure ??= storageError(error, this.#settings.directory);
    return this.#failure;
  }

  #closed(): SynodError {
    return new SynodError("Closed", `The store in ${this.#settings.directory} was closed.`);
  }

  #place(): SnapshotPlace {
    const { fileSystem, directory } = this.#settings;
    return { fileSystem, directory, storeId: this.#store?.identity.storeId ?? "" };
  }

  async #tidyUp(file: string): Promise<void> {
    try {
      await this.#settings.fileSystem.remove(file);
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw this.#fail(error);
    }
  }
}

function checkFormat({ create }: StorageOpen): void {
  if (create === undefined) return;
  if (typeof create.clusterId !== "string" || create.clusterId === "") {
    throw new SynodError("InvalidArgument", "A store is formatted with the cluster's id, a text that is not empty.");
  }
  if (!Number.isSafeInteger(create.nodeId) || create.nodeId < 1) {
    throw new SynodError("InvalidArgument", `A node id is a whole number from 1; got ${create.nodeId}.`);
  }
}
