import { type FileHandle, type FileSystem, type OpenMode, SynodError } from "@synod/interface";
import { DirectoryNode, type Disk, FileNode } from "./disk.js";
import type { Life } from "./process.js";
import type { Timeline } from "./timeline.js";

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code });
}

function split(path: string): { parent: string[]; name: string } {
  const names = path.split("/").filter((name) => name !== "" && name !== ".");
  return { parent: names.slice(0, -1), name: names.at(-1) ?? "" };
}

export interface FileSystemOptions {
  readonly disk: Disk;
  readonly life: Life;
  readonly timeline: Timeline;
  /** The disk decided that the process ends here. */
  readonly onCrash: (how: "kill" | "power cut") => void;
}

/** The file system as one process sees it. Every operation may take time, fail, or be the last one of the process. */
export class SimulatedFileSystem implements FileSystem {
  readonly #o: FileSystemOptions;

  constructor(options: FileSystemOptions) {
    this.#o = options;
  }

  async open(path: string, mode: OpenMode): Promise<FileHandle> {
    const file = await this.operation(false, path, () => {
      const { parent, name } = split(path);
      const directory = this.#directory(parent, path);
      const found = directory.seen.get(name);
      if (mode !== "create") {
        if (!(found instanceof FileNode)) throw failure("ENOENT", path);
        return found;
      }
      if (found !== undefined) throw failure("EEXIST", path);
      if (this.#o.disk.full) throw this.#full(path);
      const made = new FileNode();
      directory.change({ set: { name, node: made } });
      return made;
    });
    return new SimulatedHandle(this, file, path);
  }

  list(path: string): Promise<string[]> {
    return this.operation(false, path, () => [...this.#directoryAt(path).seen.keys()].sort());
  }

  makeDirectory(path: string): Promise<void> {
    return this.operation(false, path, () => {
      let directory = this.#o.disk.root;
      for (const name of path.split("/").filter((part) => part !== "")) {
        let next = directory.seen.get(name);
        if (next === undefined) {
          next = new DirectoryNode();
          directory.change({ set: { name, node: next } });
        }
        if (!(next instanceof DirectoryNode)) throw failure("ENOTDIR", path);
        directory = next;
      }
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.operation(false, from, () => {
      const source = split(from);
      const target = split(to);
      const directory = this.#directory(source.parent, from);
      const node = directory.seen.get(source.name);
      if (node === undefined) throw failure("ENOENT", from);
      if (this.#directory(target.parent, to) !== directory) throw failure("EXDEV", to);
      directory.change({ remove: source.name, set: { name: target.name, node } });
    });
  }

  remove(path: string): Promise<void> {
    return this.operation(false, path, () => {
      const { parent, name } = split(path);
      const directory = this.#directory(parent, path);
      if (!directory.seen.has(name)) throw failure("ENOENT", path);
      directory.change({ remove: name });
    });
  }

  syncDirectory(path: string): Promise<void> {
    return this.operation(true, path, () => this.#directoryAt(path).flush());
  }

  lock(path: string): Promise<() => Promise<void>> {
    const { disk, life } = this.#o;
    return this.operation(false, path, () => {
      if (disk.locks.has(path)) throw new SynodError("StoreLocked", `${path} is in use`);
      disk.locks.set(path, life);
      return async () => {
        if (disk.locks.get(path) === life) disk.locks.delete(path);
      };
    });
  }

  get disk(): Disk {
    return this.#o.disk;
  }

  #full(path: string): Error {
    this.#o.disk.faulty = true;
    return failure("ENOSPC", path);
  }

  /** Writes, as far as there is room. */
  write(file: FileNode, path: string, position: number, bytes: Uint8Array): void {
    const end = position + bytes.length;
    if (!this.#o.disk.full || end <= file.seen.size) {
      this.#o.disk.change(file, { kind: "write", position, bytes });
      return;
    }
    const fits = this.#o.disk.random.int(0, bytes.length);
    if (fits > 0) this.#o.disk.change(file, { kind: "write", position, bytes: bytes.slice(0, fits) });
    throw this.#full(path);
  }

  /** One call to the operating system. What it does happens at one moment, at once or after the latency. */
  operation<T>(flush: boolean, path: string, effect: () => T, onFault?: () => void): Promise<T> {
    const { disk, life, timeline } = this.#o;
    if (!life.alive) return new Promise(() => undefined);
    const fault = disk.takeFault();
    if (fault === "EIO" || fault === "ENOSPC") {
      onFault?.();
      return Promise.reject(failure(fault, path));
    }
    if (fault !== null) {
      // In an event of its own: whoever made this call is still running.
      timeline.after(0, () => life.alive && this.#o.onCrash(fault));
      disk.begin(effect);
      return new Promise(() => undefined);
    }
    const delayMs = disk.random.between(...(flush ? disk.flushMs : disk.otherMs));
    if (delayMs === 0) return new Promise((resolve) => resolve(effect()));
    return new Promise((resolve, reject) => {
      const operation = disk.begin(effect);
      disk.busyUntilMs = Math.max(disk.busyUntilMs, timeline.nowMs + delayMs);
      timeline.after(delayMs, () => {
        if (!disk.end(operation)) return;
        let settle: () => void;
        try {
          const result = effect();
          settle = () => resolve(result);
        } catch (error) {
          settle = () => reject(error);
        }
        // The kernel works on while the process stands still.
        life.process.whenAwake(life, settle);
      });
    });
  }

  #directoryAt(path: string): DirectoryNode {
    return this.#directory(
      path.split("/").filter((name) => name !== ""),
      path,
    );
  }

  #directory(names: readonly string[], path: string): DirectoryNode {
    let directory = this.#o.disk.root;
    for (const name of names) {
      const next = directory.seen.get(name);
      if (!(next instanceof DirectoryNode)) throw failure("ENOENT", path);
      directory = next;
    }
    return directory;
  }
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

class SimulatedHandle implements FileHandle {
  readonly #system: SimulatedFileSystem;
  readonly #file: FileNode;
  readonly #path: string;

  constructor(system: SimulatedFileSystem, file: FileNode, path: string) {
    this.#system = system;
    this.#file = file;
    this.#path = path;
  }

  write(chunks: readonly Uint8Array[], position: number): Promise<void> {
    const bytes = joined(chunks);
    return this.#system.operation(false, this.#path, () => this.#system.write(this.#file, this.#path, position, bytes));
  }

  read(position: number, length: number): Promise<Uint8Array> {
    return this.#system.operation(false, this.#path, () => this.#system.disk.read(this.#file, position, length));
  }

  size(): Promise<number> {
    return this.#system.operation(false, this.#path, () => this.#file.seen.size);
  }

  truncate(length: number): Promise<void> {
    return this.#system.operation(false, this.#path, () =>
      this.#system.disk.change(this.#file, { kind: "truncate", length }),
    );
  }

  datasync(): Promise<void> {
    return this.sync();
  }

  sync(): Promise<void> {
    // What is written while the flush is under way is not part of it.
    const count = this.#file.changes;
    const { disk } = this.#system;
    return this.#system.operation(
      true,
      this.#path,
      () => this.#file.flush(count),
      () => this.#file.failFlush(count, disk.random),
    );
  }

  async close(): Promise<void> {}
}
