import * as fs from "node:fs";
import { dirname } from "node:path";
import type { FileHandle, FileSystem, OpenMode } from "@synod/interface";
import { lockDirectory } from "./directory-lock.js";

const FLAGS: Readonly<Record<OpenMode, string>> = { read: "r", write: "r+", create: "wx+" };

/** The file system of the operating system. */
export function nodeFileSystem(): FileSystem {
  return {
    open: async (path, mode) =>
      new NodeFileHandle(await call<number>((done) => fs.open(path, FLAGS[mode], 0o644, done))),
    list: async (path) => (await call<string[]>((done) => fs.readdir(path, done))).sort(),
    makeDirectory: makeDirectory,
    rename: (from, to) => call<void>((done) => fs.rename(from, to, done)),
    remove: (path) => call<void>((done) => fs.unlink(path, done)),
    syncDirectory: syncDirectory,
    lock: lockDirectory,
  };
}

type Done<T> = (error: NodeJS.ErrnoException | null, result: T) => void;

function call<T>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, result) => {
      if (error === null || error === undefined) resolve(result);
      else reject(error);
    });
  });
}

class NodeFileHandle implements FileHandle {
  readonly #fd: number;

  readonly now = {
    write: (chunks: readonly Uint8Array[], position: number): void => this.#writeNow(chunks, position),
    datasync: (): void => fs.fdatasyncSync(this.#fd),
  };

  constructor(fd: number) {
    this.#fd = fd;
  }

  async write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    let rest = chunks.filter((chunk) => chunk.length > 0);
    let at = position;
    while (rest.length > 0) {
      const written = await call<number>((done) => fs.writev(this.#fd, rest, at, done));
      at += written;
      rest = skip(rest, written);
    }
  }

  #writeNow(chunks: readonly Uint8Array[], position: number): void {
    let rest = chunks;
    let at = position;
    while (rest.length > 0) {
      const written = fs.writevSync(this.#fd, rest, at);
      at += written;
      rest = skip(rest, written);
    }
  }

  async read(position: number, length: number, into?: Uint8Array): Promise<Uint8Array> {
    const bytes = into ?? Buffer.allocUnsafeSlow(length);
    let filled = 0;
    while (filled < length) {
      const from = filled;
      const got = await call<number>((done) => fs.read(this.#fd, bytes, from, length - from, position + from, done));
      if (got === 0) break;
      filled += got;
    }
    return bytes.subarray(0, filled);
  }

  async size(): Promise<number> {
    return (await call<fs.Stats>((done) => fs.fstat(this.#fd, done))).size;
  }

  truncate(length: number): Promise<void> {
    return call<void>((done) => fs.ftruncate(this.#fd, length, done));
  }

  datasync(): Promise<void> {
    return call<void>((done) => fs.fdatasync(this.#fd, done));
  }

  sync(): Promise<void> {
    return call<void>((done) => fs.fsync(this.#fd, done));
  }

  close(): Promise<void> {
    return call<void>((done) => fs.close(this.#fd, done));
  }
}

/** What is left of the chunks after so many bytes: the system may take fewer than it is given. */
function skip(chunks: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let left = bytes;
  const rest: Uint8Array[] = [];
  for (const chunk of chunks) {
    if (left < chunk.length) rest.push(chunk.subarray(left));
    left = Math.max(0, left - chunk.length);
  }
  return rest;
}

async function makeDirectory(path: string): Promise<void> {
  const first = await call<string | undefined>((done) => fs.mkdir(path, { recursive: true }, done));
  if (first === undefined) return;
  // Each level that was made is a new name in the level above it.
  for (let made = path; made.length >= first.length; made = dirname(made)) await syncDirectory(dirname(made));
}

async function syncDirectory(path: string): Promise<void> {
  // Windows has no such call, and writes names through its journal in order.
  if (process.platform === "win32") return;
  const fd = await call<number>((done) => fs.open(path, "r", done));
  try {
    await call<void>((done) => fs.fsync(fd, done));
  } finally {
    await call<void>((done) => fs.close(fd, done));
  }
}
