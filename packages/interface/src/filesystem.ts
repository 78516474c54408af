/** An open file. Offsets and lengths are in bytes. */
export interface FileHandle {
  /** Writes all chunks one after the other, starting at `position`. Durable only after a sync. */
  write(chunks: readonly Uint8Array[], position: number): Promise<void>;
  /**
   * `write` and `datasync` that are done when they return; the thread waits. For short writes into room that is there already. Without it
   * storage does everything in the background.
   */
  readonly now?: {
    write(chunks: readonly Uint8Array[], position: number): void;
    datasync(): void;
  };
  /**
   * Fewer bytes than asked for only at the end of the file. The result is the caller's.
   * @param into - memory of that length, the caller's too: the result may be the front of it, to spare fresh memory
   */
  read(position: number, length: number, into?: Uint8Array): Promise<Uint8Array>;
  size(): Promise<number>;
  truncate(length: number): Promise<void>;
  /** Flushes data and the file size. */
  datasync(): Promise<void>;
  /** Flushes data and all metadata. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** How a file is opened: `create` fails if it exists, `write` and `read` if it does not. */
export type OpenMode = "read" | "write" | "create";

/**
 * The part of a file system that storage stands on, so that a simulated disk can run the same code. Errors keep the operating
 * system's `code` (`ENOENT`, `EEXIST`, `ENOSPC`, `EIO`, ...). A new, renamed or removed name is durable only after
 * `syncDirectory` of its directory.
 */
export interface FileSystem {
  open(path: string, mode: OpenMode): Promise<FileHandle>;
  /** Names in a directory, sorted by code unit. */
  list(path: string): Promise<string[]>;
  /** Makes a directory and its parents; no error if it is there. */
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  syncDirectory(path: string): Promise<void>;
  /**
   * Takes the directory for this process; the lock of a process that is gone is no obstacle.
   * @returns the releasing function.
   * @throws SynodError `StoreLocked` if a living process holds it.
   */
  lock(path: string): Promise<() => Promise<void>>;
}
