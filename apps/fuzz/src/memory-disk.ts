import type { FileHandle, FileSystem } from "@synod/interface";

const fault = (code: string, path: string): Error => Object.assign(new Error(`${code}: ${path}`), { code });

interface File {
  bytes: Uint8Array;
}

/** Files in memory, for stores that are opened millions of times. */
export class MemoryDisk implements FileSystem {
  readonly #files: Map<string, File>;

  constructor(files: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#files = new Map([...files].map(([path, bytes]) => [path, { bytes }]));
  }

  /** As they stand. Nothing changes the bytes of a file in place. */
  get files(): Map<string, Uint8Array> {
    return new Map([...this.#files].map(([path, { bytes }]) => [path, bytes]));
  }

  async open(path: string, mode: "read" | "write" | "create"): Promise<FileHandle> {
    if (mode !== "create") return handleOf(this.#at(path));
    if (this.#files.has(path)) throw fault("EEXIST", path);
    const file = { bytes: new Uint8Array(0) };
    this.#files.set(path, file);
    return handleOf(file);
  }

  async list(path: string): Promise<string[]> {
    const inside = [...this.#files.keys()].filter((file) => file.startsWith(`${path}/`));
    return inside.map((file) => file.slice(path.length + 1)).sort();
  }

  async makeDirectory(): Promise<void> {}
  async syncDirectory(): Promise<void> {}

  async rename(from: string, to: string): Promise<void> {
    this.#files.set(to, this.#at(from));
    this.#files.delete(from);
  }

  async remove(path: string): Promise<void> {
    this.#at(path);
    this.#files.delete(path);
  }

  async lock(): Promise<() => Promise<void>> {
    return async () => {};
  }

  #at(path: string): File {
    const file = this.#files.get(path);
    if (file === undefined) throw fault("ENOENT", path);
    return file;
  }
}

function handleOf(file: File): FileHandle {
  const resized = (length: number): Uint8Array => {
    const bytes = new Uint8Array(length);
    bytes.set(file.bytes.subarray(0, length));
    return bytes;
  };
  return {
    async write(chunks, position) {
      const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      const bytes = resized(Math.max(file.bytes.length, position + length));
      let at = position;
      for (const chunk of chunks) {
        bytes.set(chunk, at);
        at += chunk.length;
      }
      file.bytes = bytes;
    },
    read: async (position, length) => file.bytes.slice(position, position + length),
    size: async () => file.bytes.length,
    async truncate(length) {
      file.bytes = resized(length);
    },
    datasync: async () => {},
    sync: async () => {},
    close: async () => {},
  };
}
