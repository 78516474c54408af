import { createReadStream, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type FileHandle, link, open, rename, rm } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { crc32 } from "node:zlib";
import { SynodError } from "@synod/interface";
import { nodeFileSystem } from "@synod/storage-file";
import * as v from "valibot";
import { beforeEnd } from "./tidy-up.js";

/**
 * A backup file, numbers little-endian:
 *
 * ```
 * magic "SYNODBAK" (8), format version (4), length of the head (4), head as JSON, checksum of all this (4)
 * the snapshot as the node stored it: length says the head
 * checksum of the snapshot (4)
 * ```
 */
const MAGIC = Buffer.from("SYNODBAK");
const VERSION = 1;
const FRONT_BYTES = 16;
const HEAD_BYTES_MAX = 1024 * 1024;
const CHUNK_BYTES = 256 * 1024;

export interface BackupHead {
  readonly cluster: string;
  /** Everything up to this slot is in it. */
  readonly index: number;
  readonly bytes: number;
  /** When it was saved, by the clock of that machine: for people. */
  readonly savedAt: string;
  /** Of the node whose disk it was read from. */
  readonly nodeId: number;
}

const size = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const headSchema: v.GenericSchema<unknown, BackupHead> = v.object({
  cluster: v.string(),
  index: size,
  bytes: size,
  savedAt: v.string(),
  nodeId: size,
});

/** Writes under another name and flushes; only a whole backup gets the name. @throws SynodError `InvalidArgument` where the file is there */
export async function writeBackup(path: string, head: BackupHead, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  // Of its own: somebody else may be writing the same one.
  const temporary = `${path}.${randomUUID()}.partial`;
  // It holds every value: for its owner alone.
  const file = await open(temporary, "wx", 0o600);
  // Each attempt has a name of its own, so what one leaves no other ever clears away.
  const undo = beforeEnd(() => rmSync(temporary, { force: true }));
  try {
    const json = Buffer.from(JSON.stringify(head));
    const front = Buffer.alloc(FRONT_BYTES);
    MAGIC.copy(front);
    front.writeUInt32LE(VERSION, 8);
    front.writeUInt32LE(json.length, 12);
    await writeAll(file, Buffer.concat([front, json, uint32(crc32(json, crc32(front)))]));
    let [bytes, checksum] = [0, 0];
    for await (const chunk of chunks) {
      await writeAll(file, chunk);
      bytes += chunk.length;
      checksum = crc32(chunk, checksum);
    }
    if (bytes !== head.bytes) throw damaged(path, `the snapshot has ${bytes} bytes, not ${head.bytes}`);
    await writeAll(file, uint32(checksum));
    await file.sync();
  } catch (cause) {
    await file.close();
    await rm(temporary, { force: true });
    undo();
    throw cause;
  }
  await file.close();
  await giveName(temporary, path).finally(undo);
  await nodeFileSystem().syncDirectory(dirname(resolve(path)));
}

/** The system may take less than it is given: where the disk is nearly full, it takes what there is room for and complains the next time only. */
async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at)).bytesWritten;
}

async function giveName(temporary: string, path: string): Promise<void> {
  try {
    // Unlike a renaming it never takes the place of a file that came meanwhile.
    await link(temporary, path);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "EEXIST")
      throw new SynodError("InvalidArgument", `${path} is there already: choose another name`, { cause });
    // There are file systems without links.
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** @throws SynodError `Malformed`, `VersionUnsupported`, `InvalidArgument` where it cannot be read */
export async function readBackupHead(path: string): Promise<BackupHead & { readonly snapshotAt: number }> {
  const file = await open(path, "r").catch((cause: unknown) => {
    throw new SynodError("InvalidArgument", `cannot read the backup: ${(cause as Error).message}`, { cause });
  });
  try {
    const front = Buffer.alloc(FRONT_BYTES);
    const { bytesRead } = await file.read(front, 0, FRONT_BYTES, 0);
    if (bytesRead < FRONT_BYTES || !front.subarray(0, 8).equals(MAGIC)) throw damaged(path, "it is no backup of Synod");
    const version = front.readUInt32LE(8);
    if (version !== VERSION) {
      const text = `${path} has format ${version}; this release reads ${VERSION}: use the release that wrote it, or a newer one`;
      throw new SynodError("VersionUnsupported", text);
    }
    const length = front.readUInt32LE(12);
    if (length > HEAD_BYTES_MAX) throw damaged(path, "the length of its head is impossible");
    const rest = Buffer.alloc(length + 4);
    if ((await file.read(rest, 0, rest.length, FRONT_BYTES)).bytesRead < rest.length)
      throw damaged(path, "it ends too early");
    const json = rest.subarray(0, length);
    if (rest.readUInt32LE(length) !== crc32(json, crc32(front)))
      throw damaged(path, "the checksum of its head is wrong");
    const parsed = v.safeParse(headSchema, JSON.parse(json.toString("utf8")));
    if (!parsed.success) throw damaged(path, "its head has not the shape of one");
    return { ...parsed.output, snapshotAt: FRONT_BYTES + rest.length };
  } finally {
    await file.close();
  }
}

/** The snapshot in chunks; that it was whole is known when the iteration has ended. @throws SynodError `Malformed` */
export async function* readBackup(path: string): AsyncGenerator<Uint8Array> {
  const { bytes, snapshotAt } = await readBackupHead(path);
  let [left, checksum] = [bytes, 0];
  let tail = Buffer.alloc(0);
  for await (const data of createReadStream(path, { start: snapshotAt, highWaterMark: CHUNK_BYTES })) {
    const chunk = data as Buffer;
    const part = chunk.subarray(0, left);
    left -= part.length;
    checksum = crc32(part, checksum);
    if (part.length > 0) yield part;
    tail = Buffer.concat([tail, chunk.subarray(part.length)]);
    if (tail.length > 4) break;
  }
  if (left > 0 || tail.length !== 4) throw damaged(path, "its length is wrong");
  if (tail.readUInt32LE(0) !== checksum) throw damaged(path, "the checksum of its content is wrong");
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value >>> 0);
  return bytes;
}

const damaged = (path: string, what: string): SynodError =>
  new SynodError("Malformed", `${path}: ${what}. Take another copy of the backup`);
