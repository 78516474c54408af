import { type Recovered, type Storage, SynodError } from "@synod/interface";
import { fileStorage } from "@synod/storage-file";
import { open, readdir } from "node:fs/promises";
import { connect } from "node:net";
import { CliError } from "./exit-codes.js";
import { readOnlyFileSystem } from "./read-only.js";

/** A store as its recovery sees it, without a change on the disk. */
export async function readStore(
  directory: string,
): Promise<{ readonly storage: Storage & AsyncDisposable; readonly recovered: Recovered }> {
  // Recovery begins a new segment, which is filled with zeros: in memory it is to be small.
  const storage = fileStorage({ directory, fileSystem: readOnlyFileSystem(), segmentBytes: 1024 });
  const recovered = await storage.open().catch((cause: unknown) => {
    throw explainedStore(cause, directory);
  });
  return { storage, recovered };
}

/** What an operator can do about a store that is missing or another one's with this program: storage speaks of its API. */
export function explainedStore(cause: unknown, directory: string): unknown {
  if (!(cause instanceof SynodError)) return cause;
  const { code, details } = cause;
  if (code === "NotFormatted") return missingStore(directory, cause);
  if (code !== "StoreForeign") return cause;
  const text = cause.message.replace(
    / If this one's disk is lost, .*$/s,
    " If this one's disk is lost, replace it under a new id: `synod member replace`.",
  );
  const source =
    "What is expected comes from --cluster and --id, SYNOD_CLUSTER and SYNOD_ID, or the configuration file.";
  return new SynodError(code, `${text} ${source}`, { cause, details });
}

export function missingStore(directory: string, cause?: SynodError): SynodError {
  const text =
    `there is no store in ${directory}. The very first start of this node? Then format it: \`synod init\`. A node that had a store must not start ` +
    "without it: find the right directory, or replace the node: `synod member replace`";
  return new SynodError("NotFormatted", text, { details: { directory }, ...(cause === undefined ? {} : { cause }) });
}

/** The process that has the directory open, null if there is none that this process can see. */
export async function holderOf(directory: string): Promise<number | null> {
  const names = await readdir(directory).catch(() => []);
  const locks = names.filter((name) => LOCK.test(name));
  if (locks.length === 0) return null;
  // The path of a socket has room for a hundred bytes, and a store may have a longer one only on Linux.
  const handle = process.platform === "linux" ? await open(directory).catch(() => null) : null;
  const base = handle === null ? directory : `/proc/self/fd/${handle.fd}`;
  try {
    for (const name of locks) if (await answers(`${base}/${name}`)) return Number(LOCK.exec(name)?.[1]);
    return null;
  } finally {
    await handle?.close();
  }
}

const LOCK = /^lock-(\d+)-/;

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.on("connect", () => resolve(socket.destroy() !== undefined));
    socket.on("error", () => resolve(false));
  });
}

/** Where a store is made before it is moved to its place. */
export const RESTORING = "restoring";

export const isStoreFile = (name: string): boolean => /^(identity|wal-\d{16}\.log|snapshot-\d{16})$/.test(name);

/** Whether the store is complete: its identity comes last, also where a backup is restored. Whoever does that has it until the rest is cleared away. */
export async function isComplete(directory: string): Promise<boolean> {
  const names = await readdir(directory).catch((): string[] => []);
  if (!names.includes("identity")) return false;
  // Left where that program was ended at the last moment.
  return !names.includes(RESTORING) || (await holderOf(directory)) === null;
}

/** Whether the directory has a store, whole or not. @throws what reading the directory throws, unless it is missing. */
export async function isFormatted(directory: string): Promise<boolean> {
  try {
    const names = await readdir(directory);
    return names.some(isStoreFile);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw new SynodError("StoreFailed", `cannot read ${directory}: ${(cause as Error).message}`, { cause });
  }
}

/** What an interrupted `init` or `doctor` leaves, and a new file system has in its root. */
const LEFT = /^(lock-\d+-.*|(identity|segment|snapshot)\.tmp|\.synod-doctor-.*|lost\+found)$/;

/** @throws CliError for a directory that holds something else: its files would be taken for those of the store, and the store for theirs */
export async function checkBlank(directory: string): Promise<void> {
  const names = await readdir(directory).catch((): string[] => []);
  const foreign = names.filter((name) => !LEFT.test(name)).sort();
  if (foreign.length === 0) return;
  const some =
    foreign.length > 3 ? `${foreign.slice(0, 3).join(", ")} and ${foreign.length - 3} more` : foreign.join(", ");
  throw new CliError("store", `${directory} is not empty (${some}), and no store: give a blank directory of its own`);
}
