import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { FileHandle, FileSystem, Slot, SnapshotInfo, SynodError } from "@synod/interface";
import { asBuffer, FORMAT_VERSION, getUint64, putUint64 } from "./bytes.js";
import { JoinedCrc } from "./crc.js";
import { damaged, versionUnsupported } from "./errors.js";
import { snapshotName, TEMPORARY } from "./names.js";

/**
 * A snapshot file, all numbers little-endian:
 *
 * ```
 * header: magic "SYNS" (4), format version (4), store id (16), index (8), checksum of bytes 0 to 31 (4)
 * chunk:  length from 1 (4), checksum (4), bytes
 * footer: zero (4), index (8), bytes in all chunks (8), checksum of all chunks as one (4), checksum of footer bytes 0 to 23 (4)
 * ```
 */
const MAGIC = new TextEncoder().encode("SYNS");
const HEADER_BYTES = 36;
const CHUNK_HEADER_BYTES = 8;
const FOOTER_BYTES = 28;
const CHUNK_BYTES_MAX = 2 ** 18;
/** A chunk of full size with its header. */
const PIECE_BYTES: number = CHUNK_HEADER_BYTES + CHUNK_BYTES_MAX;

export interface SnapshotPlace {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly storeId: string;
}

/** Writes under the temporary name and flushes; `installSnapshot` makes it count. */
export async function writeSnapshot(
  { fileSystem, directory, storeId }: SnapshotPlace,
  index: Slot,
  pull: () => Promise<Uint8Array | undefined>,
): Promise<SnapshotInfo> {
  const handle = await fileSystem.open(join(directory, TEMPORARY.snapshot), "create");
  try {
    await handle.write([encodeHeader(storeId, index)], 0);
    const writer = new ChunkWriter(handle);
    for (let chunk = await pull(); chunk !== undefined; chunk = await pull()) await writer.add(chunk);
    await writer.flush();
    await handle.write([encodeFooter(index, writer.bytes, writer.checksum.value)], writer.at);
    await handle.sync();
    return { index, bytes: writer.bytes };
  } finally {
    await handle.close();
  }
}

/** Small chunks are gathered, large ones split, so that a reader needs one bounded buffer. */
class ChunkWriter {
  readonly #handle: FileHandle;
  readonly #pending: Buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES_MAX);
  #pendingBytes = 0;
  at: number = HEADER_BYTES;
  bytes = 0;
  readonly checksum: JoinedCrc = new JoinedCrc();

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async add(chunk: Uint8Array): Promise<void> {
    for (let from = 0; from < chunk.length; ) {
      const part = chunk.subarray(from, from + CHUNK_BYTES_MAX - this.#pendingBytes);
      this.#pending.set(part, this.#pendingBytes);
      this.#pendingBytes += part.length;
      from += part.length;
      if (this.#pendingBytes === CHUNK_BYTES_MAX) await this.flush();
    }
  }

  async flush(): Promise<void> {
    if (this.#pendingBytes === 0) return;
    const data = this.#pending.subarray(0, this.#pendingBytes);
    const header = Buffer.allocUnsafe(CHUNK_HEADER_BYTES);
    header.writeUInt32LE(data.length, 0);
    const checksum = crc32(data);
    header.writeUInt32LE(checksum, 4);
    await this.#handle.write([header, data], this.at);
    this.at += CHUNK_HEADER_BYTES + data.length;
    this.bytes += data.length;
    this.checksum.add(checksum, data.length);
    this.#pendingBytes = 0;
  }
}

/**
 * Reads the temporary file back, then gives it its name.
 * @param goOn called again and again meanwhile; ends it by throwing
 */
export async function installSnapshot(place: SnapshotPlace, index: Slot, goOn: () => void): Promise<void> {
  const { fileSystem, directory } = place;
  const temporary = join(directory, TEMPORARY.snapshot);
  for await (const chunk of readSnapshotFile(place, temporary, index)) {
    void chunk;
    goOn();
  }
  await fileSystem.rename(temporary, join(directory, snapshotName(index)));
  await fileSystem.syncDirectory(directory);
}

/** Looks at both ends of a snapshot file; the chunks are checked when they are read. */
export async function inspectSnapshot(place: SnapshotPlace, index: Slot): Promise<SnapshotInfo> {
  const file = join(place.directory, snapshotName(index));
  const handle = await place.fileSystem.open(file, "read");
  try {
    await checkHeader(handle, file, place.storeId, index);
    const at = (await handle.size()) - FOOTER_BYTES;
    const { bytes } = decodeFooter(await readExactly(handle, file, at, FOOTER_BYTES), file, at, index);
    return { index, bytes };
  } finally {
    await handle.close();
  }
}

/** @throws SynodError `StoreDamaged`, `VersionUnsupported` */
export async function* readSnapshotFile(
  place: SnapshotPlace,
  file: string,
  index: Slot,
  offset = 0,
): AsyncGenerator<Uint8Array> {
  const handle = await place.fileSystem.open(file, "read");
  const pieces = new Pieces(handle);
  try {
    await checkHeader(handle, file, place.storeId, index);
    // All chunks but the last are of one size.
    const skipped = Math.floor(offset / CHUNK_BYTES_MAX);
    let skip = offset % CHUNK_BYTES_MAX;
    let at = HEADER_BYTES + skipped * PIECE_BYTES;
    let total = skipped * CHUNK_BYTES_MAX;
    const whole = new JoinedCrc();
    for (;;) {
      const head = await pieces.take(at, CHUNK_HEADER_BYTES);
      if (head.length < CHUNK_HEADER_BYTES) throw tooShort(file, at);
      const length = head.readUInt32LE(0);
      if (length === 0) break;
      if (length > CHUNK_BYTES_MAX) throw damaged(file, at, `a chunk cannot have ${length} bytes`);
      const data = await pieces.take(at + CHUNK_HEADER_BYTES, length);
      if (data.length < length) throw tooShort(file, at + CHUNK_HEADER_BYTES);
      // What follows a shorter one is the end.
      if (length === CHUNK_BYTES_MAX) pieces.ahead(at + PIECE_BYTES);
      const checksum = crc32(data);
      if (checksum !== head.readUInt32LE(4)) throw damaged(file, at, "the checksum of a chunk is wrong");
      whole.add(checksum, length);
      total += length;
      at += CHUNK_HEADER_BYTES + length;
      if (skip < data.length) yield data.subarray(skip);
      skip = 0;
    }
    const footer = decodeFooter(await readExactly(handle, file, at, FOOTER_BYTES), file, at, index);
    const size = await handle.size();
    const rightSum = skipped > 0 || footer.checksum === whole.value;
    if (footer.bytes !== total || !rightSum || at + FOOTER_BYTES !== size) {
      throw damaged(file, at, "the chunks are not those that the footer was written for");
    }
  } finally {
    await pieces.release();
    await handle.close();
  }
}

/** Reads the next chunk while the one before is looked at. Each has memory of its own: whoever gets a chunk may keep it. */
class Pieces {
  readonly #handle: FileHandle;
  #at = 0;
  #bytes: Promise<Uint8Array> | undefined;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  /** Begins to read a chunk of full size with its header, or less where the file ends. */
  ahead(at: number): void {
    this.#at = at;
    this.#bytes = this.#handle.read(at, PIECE_BYTES);
    // An error is told to whoever needs the bytes.
    this.#bytes.catch(() => {});
  }

  /** Fewer bytes than asked for only at the end of the file. */
  async take(at: number, length: number): Promise<Buffer> {
    const from = at - this.#at;
    if (this.#bytes === undefined || from < 0 || from + length > PIECE_BYTES) {
      return asBuffer(await this.#handle.read(at, length));
    }
    return asBuffer(await this.#bytes).subarray(from, from + length);
  }

  /** Settles when nothing is read any more: the file may be closed. */
  async release(): Promise<void> {
    await this.#bytes?.catch(() => {});
  }
}

async function readExactly(handle: FileHandle, file: string, at: number, length: number): Promise<Buffer> {
  const bytes = at < 0 ? Buffer.alloc(0) : asBuffer(await handle.read(at, length));
  if (bytes.length < length) throw tooShort(file, Math.max(at, 0));
  return bytes;
}

const tooShort = (file: string, at: number): SynodError => damaged(file, at, "the file ends too early");

function encodeHeader(storeId: string, index: Slot): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.set(MAGIC, 0);
  bytes.writeUInt32LE(FORMAT_VERSION, 4);
  bytes.write(storeId, 8, 16, "hex");
  putUint64(bytes, index, 24);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 32)), 32);
  return bytes;
}

async function checkHeader(handle: FileHandle, file: string, storeId: string, index: Slot): Promise<void> {
  const bytes = await readExactly(handle, file, 0, HEADER_BYTES);
  if (bytes.compare(MAGIC, 0, 4, 0, 4) !== 0 || crc32(bytes.subarray(0, 32)) !== bytes.readUInt32LE(32)) {
    throw damaged(file, 0, "it does not begin as a snapshot");
  }
  const version = bytes.readUInt32LE(4);
  if (version !== FORMAT_VERSION) throw versionUnsupported(file, version);
  const owner = bytes.toString("hex", 8, 24);
  if (owner !== storeId) throw damaged(file, 8, `it belongs to another store (${owner})`);
  if (getUint64(bytes, 24) !== index) throw damaged(file, 24, `it is the snapshot of slot ${getUint64(bytes, 24)}`);
}

function encodeFooter(index: Slot, total: number, checksum: number): Buffer {
  const bytes = Buffer.alloc(FOOTER_BYTES);
  putUint64(bytes, index, 4);
  putUint64(bytes, total, 12);
  bytes.writeUInt32LE(checksum, 20);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 24)), 24);
  return bytes;
}

function decodeFooter(bytes: Buffer, file: string, at: number, index: Slot): { bytes: number; checksum: number } {
  const right =
    bytes.readUInt32LE(0) === 0 &&
    crc32(bytes.subarray(0, 24)) === bytes.readUInt32LE(24) &&
    getUint64(bytes, 4) === index;
  if (!right) throw damaged(file, at, "it does not end as this snapshot");
  return { bytes: getUint64(bytes, 12), checksum: bytes.readUInt32LE(20) };
}
