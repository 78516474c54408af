import { dirname } from "node:path";
import { type FileHandle, type FileSystem, SynodError } from "@synod/interface";

const SECTOR_BYTES = 512;

/** Numbers from a seed, the same on every machine (mulberry32). */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  uint32(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  below(limit: number): number {
    return this.uint32() % limit;
  }

  chance(probability: number): boolean {
    return this.uint32() < probability * 2 ** 32;
  }
}

class Inode {
  bytes = new Uint8Array(0);
  durable = new Uint8Array(0);
  /** Sectors whose content differs in the page cache, and is still to be flushed. */
  dirty = new Set<number>();

  resize(length: number): void {
    const next = new Uint8Array(length);
    next.set(this.bytes.subarray(0, length));
    this.bytes = next;
  }

  put(chunk: Uint8Array, at: number): void {
    if (at + chunk.length > this.bytes.length) this.resize(at + chunk.length);
    this.bytes.set(chunk, at);
    for (let sector = Math.floor(at / SECTOR_BYTES); sector * SECTOR_BYTES < at + chunk.length; sector++)
      this.dirty.add(sector);
  }

  flush(): void {
    const next = this.durable.length === this.bytes.length ? this.durable : this.#resizedDurable(this.bytes.length);
    for (const sector of this.dirty) this.#copySector(sector, next);
    this.dirty.clear();
    this.durable = next;
  }

  /** What the disk has after a power cut: any of the sectors that were under way, at the old length or the new one. */
  cut(random: SeededRandom): void {
    const length = random.chance(0.5) ? this.bytes.length : this.durable.length;
    const next = this.#resizedDurable(length);
    const kept = [0, 0.5, 1][random.below(3)] ?? 0;
    for (const sector of this.dirty) if (random.chance(kept)) this.#copySector(sector, next);
    this.durable = next;
    this.bytes = next.slice();
    this.dirty.clear();
  }

  #resizedDurable(length: number): Uint8Array<ArrayBuffer> {
    const next = new Uint8Array(length);
    next.set(this.durable.subarray(0, length));
    return next;
  }

  #copySector(sector: number, into: Uint8Array): void {
    const from = sector * SECTOR_BYTES;
    const end = Math.min(from + SECTOR_BYTES, this.bytes.length, into.length);
    if (from < end) into.set(this.bytes.subarray(from, end), from);
  }
}

type Names = Map<string, Inode>;
type NameChange = (names: Names) => void;

class Directory {
  names: Names = new Map();
  durable: Names = new Map();
  changes: NameChange[] = [];

  change(change: NameChange): void {
    change(this.names);
    this.changes.push(change);
  }

  flush(): void {
    this.durable = new Map(this.names);
    this.changes = [];
  }

  /** Any of the changes that were under way, in their order. */
  cut(random: SeededRandom): void {
    const kept = [0, 0.5, 1][random.below(3)] ?? 0;
    for (const change of this.changes) if (random.chance(kept)) change(this.durable);
    this.names = new Map(this.durable);
    this.changes = [];
  }
}

export type Operation =
  | "open"
  | "list"
  | "makeDirectory"
  | "rename"
  | "remove"
  | "syncDirectory"
  | "lock"
  | "write"
  | "read"
  | "size"
  | "truncate"
  | "datasync"
  | "sync"
  | "close";

export class Halted extends Error {}

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

/**
 * A disk with a page cache that forgets on command. Each `mount` is one process: after `kill` or `powerCut` all its calls fail.
 * Directories themselves are durable at once; names in them are not.
 */
export class SimulatedDisk {
  readonly directories = new Map<string, Directory>([["/", new Directory()]]);
  /** Space for all files together. */
  capacityBytes: number = Number.POSITIVE_INFINITY;
  /** Called before each call, with the number of calls so far; may throw. */
  before: (operation: Operation, path: string, count: number) => void = () => {};
  count = 0;
  /** The flush of a file with this number, from 1, fails. */
  failFlush = 0;
  #flushes = 0;
  #process = 0;
  #locks = new Map<string, number>();

  mount(): FileSystem {
    return new MountedDisk(this, this.#process);
  }

  /** The process is gone, the page cache is not. */
  kill(): void {
    this.#process++;
    this.#locks.clear();
  }

  powerCut(random: SeededRandom): void {
    this.kill();
    const inodes = new Set<Inode>();
    for (const directory of this.directories.values()) {
      for (const inode of directory.names.values()) inodes.add(inode);
      for (const inode of directory.durable.values()) inodes.add(inode);
    }
    for (const inode of inodes) inode.cut(random);
    for (const directory of this.directories.values()) directory.cut(random);
  }

  failsFlush(): boolean {
    return ++this.#flushes === this.failFlush;
  }

  /** True once the process of that mount is gone. */
  isGone(process: number): boolean {
    return process !== this.#process;
  }

  lock(path: string, process: number): () => void {
    if (this.#locks.get(path) === process) throw new SynodError("StoreLocked", path);
    this.#locks.set(path, process);
    return () => this.#locks.delete(path);
  }

  freeBytes(): number {
    const inodes = new Set([...this.directories.values()].flatMap(({ names }) => [...names.values()]));
    return this.capacityBytes - [...inodes].reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  directory(path: string): Directory {
    const directory = this.directories.get(path);
    if (directory === undefined) throw systemError("ENOENT", path);
    return directory;
  }

  inode(path: string): Inode {
    const inode = this.directory(dirname(path)).names.get(name(path));
    if (inode === undefined) throw systemError("ENOENT", path);
    return inode;
  }

  /** What is in a file, to be looked at or spoiled; changes are durable. */
  edit(path: string, change: (bytes: Uint8Array<ArrayBuffer>) => Uint8Array): void {
    const inode = this.inode(path);
    inode.bytes = new Uint8Array(change(inode.bytes.slice()));
    inode.durable = inode.bytes.slice();
    inode.dirty.clear();
  }

  put(path: string, bytes: Uint8Array): void {
    const directory = this.directory(dirname(path));
    directory.change((names) => names.set(name(path), new Inode()));
    directory.flush();
    this.edit(path, () => bytes);
  }

  delete(path: string): void {
    const directory = this.directory(dirname(path));
    directory.change((names) => names.delete(name(path)));
    directory.flush();
  }

  files(path: string): Map<string, Uint8Array> {
    return new Map(
      [...this.directory(path).names]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, inode]) => [name, inode.bytes.slice()]),
    );
  }

  /** A disk with the same files, all flushed. */
  copy(): SimulatedDisk {
    const copy = new SimulatedDisk();
    for (const path of this.directories.keys()) {
      copy.directories.set(path, new Directory());
      for (const [name, bytes] of this.files(path)) copy.put(`${path}/${name}`, bytes);
    }
    return copy;
  }
}

function name(path: string): string {
  return path.slice(dirname(path).length).replace(/^\//, "");
}

class MountedDisk implements FileSystem {
  readonly #disk: SimulatedDisk;
  readonly #process: number;

  constructor(disk: SimulatedDisk, process: number) {
    this.#disk = disk;
    this.#process = process;
  }

  /** One call that returns when it is done: it may fail before it has any effect. */
  callNow(operation: Operation, path: string, act: () => void): void {
    this.#checkAlive();
    this.#disk.before(operation, path, this.#disk.count++);
    this.#checkAlive();
    act();
  }

  /** One call: it may fail before it has any effect, and the process may be gone when it would return. */
  async call<T>(operation: Operation, path: string, act: () => T): Promise<T> {
    await Promise.resolve();
    this.#checkAlive();
    this.#disk.before(operation, path, this.#disk.count++);
    this.#checkAlive();
    const result = act();
    await Promise.resolve();
    this.#checkAlive();
    return result;
  }

  #checkAlive(): void {
    if (this.#disk.isGone(this.#process)) throw new Halted("the process is gone");
  }

  open(path: string, mode: "read" | "write" | "create"): Promise<FileHandle> {
    return this.call("open", path, () => {
      const directory = this.#disk.directory(dirname(path));
      if (mode !== "create") return new MountedFile(this, this.#disk, path, this.#disk.inode(path));
      if (directory.names.has(name(path))) throw systemError("EEXIST", path);
      const inode = new Inode();
      directory.change((names) => names.set(name(path), inode));
      return new MountedFile(this, this.#disk, path, inode);
    });
  }

  list(path: string): Promise<string[]> {
    return this.call("list", path, () => [...this.#disk.directory(path).names.keys()].sort());
  }

  makeDirectory(path: string): Promise<void> {
    return this.call("makeDirectory", path, () => {
      if (!this.#disk.directories.has(path)) this.#disk.directories.set(path, new Directory());
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.call("rename", from, () => {
      const inode = this.#disk.inode(from);
      this.#disk.directory(dirname(from)).change((names) => {
        names.delete(name(from));
        names.set(name(to), inode);
      });
    });
  }

  remove(path: string): Promise<void> {
    return this.call("remove", path, () => {
      this.#disk.inode(path);
      this.#disk.directory(dirname(path)).change((names) => names.delete(name(path)));
    });
  }

  syncDirectory(path: string): Promise<void> {
    return this.call("syncDirectory", path, () => this.#disk.directory(path).flush());
  }

  lock(path: string): Promise<() => Promise<void>> {
    return this.call("lock", path, () => {
      this.#disk.directory(path);
      const release = this.#disk.lock(path, this.#process);
      return async () => {
        release();
      };
    });
  }
}

class MountedFile implements FileHandle {
  readonly #mount: MountedDisk;
  readonly #disk: SimulatedDisk;
  readonly #path: string;
  readonly #inode: Inode;
  #open = true;

  constructor(mount: MountedDisk, disk: SimulatedDisk, path: string, inode: Inode) {
    this.#mount = mount;
    this.#disk = disk;
    this.#path = path;
    this.#inode = inode;
  }

  #call<T>(operation: Operation, act: () => T): Promise<T> {
    if (!this.#open) throw new Error(`${operation} on a closed file: ${this.#path}`);
    return this.#mount.call(operation, this.#path, act);
  }

  async write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    let at = position;
    for (const chunk of chunks) {
      const from = at;
      await this.#call("write", () => this.#put(chunk, from));
      at += chunk.length;
    }
  }

  #callNow(operation: Operation, act: () => void): void {
    if (!this.#open) throw new Error(`${operation} on a closed file: ${this.#path}`);
    this.#mount.callNow(operation, this.#path, act);
  }

  readonly now = {
    write: (chunks: readonly Uint8Array[], position: number): void => this.#writeNow(chunks, position),
    datasync: (): void => this.#callNow("datasync", () => this.#flush()),
  };

  #writeNow(chunks: readonly Uint8Array[], position: number): void {
    let at = position;
    for (const chunk of chunks) {
      const from = at;
      this.#callNow("write", () => this.#put(chunk, from));
      at += chunk.length;
    }
  }

  #put(chunk: Uint8Array, at: number): void {
    const grows = Math.max(0, at + chunk.length - this.#inode.bytes.length);
    const fits = chunk.subarray(0, chunk.length - Math.max(0, grows - this.#disk.freeBytes()));
    this.#inode.put(fits, at);
    if (fits.length < chunk.length) throw systemError("ENOSPC", this.#path);
  }

  read(position: number, length: number): Promise<Uint8Array> {
    return this.#call("read", () => this.#inode.bytes.slice(position, position + length));
  }

  size(): Promise<number> {
    return this.#call("size", () => this.#inode.bytes.length);
  }

  truncate(length: number): Promise<void> {
    return this.#call("truncate", () => this.#inode.resize(length));
  }

  datasync(): Promise<void> {
    return this.#call("datasync", () => this.#flush());
  }

  sync(): Promise<void> {
    return this.#call("sync", () => this.#flush());
  }

  #flush(): void {
    if (!this.#disk.failsFlush()) return this.#inode.flush();
    // The system takes the pages for clean from now on, and the disk does not have them.
    this.#inode.dirty.clear();
    throw systemError("EIO", this.#path);
  }

  async close(): Promise<void> {
    const closed = this.#call("close", () => {});
    this.#open = false;
    await closed;
  }
}
