import type { FileHandle, FileSystem, OpenMode } from "@synod/interface";
import { nodeFileSystem } from "@synod/storage-file";

/** A file that exists in memory only. */
class MemoryFile {
  bytes: Uint8Array = new Uint8Array(0);

  handle(): FileHandle {
    const nothing = async (): Promise<void> => {};
    return {
      write: async (chunks, position) => {
        let at = position;
        // Once for all: each time everything is copied.
        this.#grow(at + chunks.reduce((sum, { length }) => sum + length, 0));
        for (const chunk of chunks) {
          this.bytes.set(chunk, at);
          at += chunk.length;
        }
      },
      read: async (position, length) => this.bytes.slice(position, position + length),
      size: async () => this.bytes.length,
      truncate: async (length) => {
        this.bytes = this.bytes.slice(0, length);
      },
      datasync: nothing,
      sync: nothing,
      close: nothing,
    };
  }

  #grow(length: number): void {
    if (length <= this.bytes.length) return;
    const bytes = new Uint8Array(length);
    bytes.set(this.bytes);
    this.bytes = bytes;
  }
}

/**
 * The real files to read from; whatever is written stays in memory. So the recovery of the store itself can be run over a data
 * directory without changing one byte of it. Takes no lock.
 */
export function readOnlyFileSystem(): FileSystem {
  const real = nodeFileSystem();
  const written = new Map<string, MemoryFile>();
  const removed = new Set<string>();

  const enoent = (path: string): Error =>
    Object.assign(new Error(`ENOENT: no such file or directory, open '${path}'`), { code: "ENOENT" });

  /** A file that is to be changed becomes a copy first. */
  const copied = async (path: string): Promise<MemoryFile> => {
    const file = new MemoryFile();
    const handle = await real.open(path, "read");
    try {
      file.bytes = await handle.read(0, await handle.size());
    } finally {
      await handle.close();
    }
    written.set(path, file);
    return file;
  };

  const open = async (path: string, mode: OpenMode): Promise<FileHandle> => {
    const inMemory = written.get(path);
    if (mode === "create") {
      const file = new MemoryFile();
      written.set(path, file);
      removed.delete(path);
      return file.handle();
    }
    if (inMemory !== undefined) return inMemory.handle();
    if (removed.has(path)) throw enoent(path);
    return mode === "read" ? real.open(path, "read") : (await copied(path)).handle();
  };

  return {
    open,
    list: async (path) => {
      const prefix = `${path.replace(/[\\/]$/, "")}/`;
      const names = (await real.list(path)).filter((name) => !removed.has(`${prefix}${name}`));
      const made = [...written.keys()]
        .map((file) => file.replaceAll("\\", "/"))
        .filter((file) => file.startsWith(prefix));
      return [...new Set([...names, ...made.map((file) => file.slice(prefix.length))])].sort();
    },
    makeDirectory: async () => {},
    rename: async (from, to) => {
      const file = written.get(from) ?? (await copied(from));
      written.delete(from);
      removed.add(from);
      written.set(to, file);
      removed.delete(to);
    },
    remove: async (path) => {
      written.delete(path);
      removed.add(path);
    },
    syncDirectory: async () => {},
    lock: async () => async () => {},
  };
}
