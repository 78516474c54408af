import type { FileHandle, FileSystem, OpenMode } from "@synod/interface";

const SECTOR = 512;

interface Inode {
  /** What reads see. */
  data: Uint8Array;
  /** What survives a power cut for sure. */
  durable: Uint8Array;
  /** Sectors written since the last flush. */
  readonly dirty: Set<number>;
}

/** One atomic change of names. */
interface NameChange {
  readonly set?: { readonly path: string; readonly inode: Inode };
  readonly remove?: string;
}

class FileError extends Error {
  readonly code: string;
  constructor(code: string, path: string) {
    super(`${code}: ${path}`);
    this.code = code;
  }
}

/** Draws numbers in [0, 1) from a seed. */
export function randomOf(seed: number): () => number {
  let state = (seed + 0x9e3779b9) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A disk that forgets. Writes are durable per sector after a sync of the file, names after a sync of the directory. At a power cut
 * each unsynced sector is kept or not, by chance and in any order; of unsynced name changes a prefix is kept.
 */
export class ForgetfulDisk {
  readonly #names = new Map<string, Inode>();
  #durableNames = new Map<string, Inode>();
  #nameChanges: NameChange[] = [];
  #locked = false;
  /** Calls so far, over all lives. */
  calls = 0;
  /** The power goes at this call, in the middle of it. */
  cutAtCall = Number.POSITIVE_INFINITY;
  #off = false;
  /** Bytes that still fit. */
  room = Number.POSITIVE_INFINITY;
  /** The next sync fails, and what it should have flushed is lost. */
  failNextSync = false;
  syncs = 0;

  files(): string[] {
    return [...this.#names.keys()].sort();
  }

  content(path: string): Uint8Array {
    return this.#inode(path).data;
  }

  /** Changes a file behind everybody's back. */
  damage(path: string, data: Uint8Array): void {
    const inode = this.#inode(path);
    inode.data = data;
    inode.durable = data.slice();
    inode.dirty.clear();
  }

  remove(path: string): void {
    this.#names.delete(path);
    this.#durableNames.delete(path);
  }

  clone(): ForgetfulDisk {
    const copy = new ForgetfulDisk();
    for (const [path, inode] of this.#names) {
      const own = { data: inode.data.slice(), durable: inode.data.slice(), dirty: new Set<number>() };
      copy.#names.set(path, own);
      copy.#durableNames.set(path, own);
    }
    return copy;
  }

  /** The power is gone: what comes back is a new disk in effect, with the old calls dead. */
  powerCut(random: () => number): void {
    const kept = Math.floor(random() * (this.#nameChanges.length + 1));
    const names = new Map(this.#durableNames);
    for (const change of this.#nameChanges.slice(0, kept)) {
      if (change.remove !== undefined) names.delete(change.remove);
      if (change.set !== undefined) names.set(change.set.path, change.set.inode);
    }
    this.#names.clear();
    for (const [path, inode] of names) {
      this.#names.set(path, inode);
      settleInode(inode, random);
    }
    this.#durableNames = new Map(this.#names);
    this.#nameChanges = [];
    this.#locked = false;
    this.#off = false;
    this.cutAtCall = Number.POSITIVE_INFINITY;
  }

  /** The process ends, the machine does not: nothing is lost. */
  processEnds(): void {
    this.#locked = false;
    this.#off = false;
    this.cutAtCall = Number.POSITIVE_INFINITY;
  }

  fileSystem(): FileSystem {
    return {
      open: async (path, mode) => this.#open(path, mode),
      list: async (path) => {
        this.#call(path);
        const inside = [...this.#names.keys()].filter((name) => name.startsWith(`${path}/`));
        return inside.map((name) => name.slice(path.length + 1)).sort();
      },
      makeDirectory: async (path) => this.#call(path),
      rename: async (from, to) => {
        this.#call(from);
        const inode = this.#inode(from);
        this.#names.delete(from);
        this.#names.set(to, inode);
        this.#nameChanges.push({ set: { path: to, inode }, remove: from });
      },
      remove: async (path) => {
        this.#call(path);
        this.#inode(path);
        this.#names.delete(path);
        this.#nameChanges.push({ remove: path });
      },
      syncDirectory: async (path) => {
        this.#call(path);
        this.#sync(path);
        this.#durableNames = new Map(this.#names);
        this.#nameChanges = [];
      },
      lock: async (path) => {
        this.#call(path);
        if (this.#locked) throw new FileError("ELOCKED", path);
        this.#locked = true;
        return async () => {
          this.#locked = false;
        };
      },
    };
  }

  #call(path: string): void {
    this.calls++;
    if (this.calls >= this.cutAtCall) this.#off = true;
    if (this.#off) throw new FileError("EIO", path);
  }

  #sync(path: string): void {
    this.syncs++;
    if (!this.failNextSync) return;
    this.failNextSync = false;
    throw new FileError("EIO", path);
  }

  #inode(path: string): Inode {
    const inode = this.#names.get(path);
    if (inode === undefined) throw new FileError("ENOENT", path);
    return inode;
  }

  #open(path: string, mode: OpenMode): FileHandle {
    this.#call(path);
    if (mode === "create") {
      if (this.#names.has(path)) throw new FileError("EEXIST", path);
      const inode = { data: new Uint8Array(), durable: new Uint8Array(), dirty: new Set<number>() };
      this.#names.set(path, inode);
      this.#nameChanges.push({ set: { path, inode } });
    }
    return this.#handle(path, this.#inode(path));
  }

  #handle(path: string, inode: Inode): FileHandle {
    const flush = async (): Promise<void> => {
      this.#call(path);
      this.#sync(path);
      inode.durable = inode.data.slice();
      inode.dirty.clear();
    };
    return {
      write: async (chunks, position) => {
        // The power may go after any part of it has reached the page cache.
        this.#call(path);
        let at = position;
        for (const chunk of chunks) {
          this.#grow(path, inode, at + chunk.length);
          inode.data.set(chunk, at);
          for (let s = Math.floor(at / SECTOR); s * SECTOR < at + chunk.length; s++) inode.dirty.add(s);
          at += chunk.length;
        }
      },
      read: async (position, length) => {
        this.#call(path);
        return inode.data.slice(position, position + length);
      },
      size: async () => {
        this.#call(path);
        return inode.data.length;
      },
      truncate: async (length) => {
        this.#call(path);
        inode.data = inode.data.slice(0, length);
      },
      datasync: flush,
      sync: flush,
      close: async () => undefined,
    };
  }

  #grow(path: string, inode: Inode, size: number): void {
    if (size <= inode.data.length) return;
    const more = size - inode.data.length;
    if (more > this.room) throw new FileError("ENOSPC", path);
    this.room -= more;
    const grown = new Uint8Array(size);
    grown.set(inode.data);
    inode.data = grown;
  }
}

function settleInode(inode: Inode, random: () => number): void {
  const size = random() < 0.5 ? inode.data.length : inode.durable.length;
  const result = new Uint8Array(size);
  result.set(inode.durable.subarray(0, Math.min(size, inode.durable.length)));
  for (const sector of inode.dirty) {
    if (random() < 0.5) continue;
    const from = sector * SECTOR;
    if (from < size) result.set(inode.data.subarray(from, Math.min(from + SECTOR, size, inode.data.length)), from);
  }
  inode.data = result;
  inode.durable = result.slice();
  inode.dirty.clear();
}
