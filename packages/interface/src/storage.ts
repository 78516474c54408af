import type { Configuration } from "./configuration.js";
import type { Ballot, ChosenValue, NodeId, Slot, Vote } from "./ids.js";

/** Who a store belongs to. Written once, when the store is formatted; only the boots change, with each open. */
export interface StoreIdentity {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** Random, made once: 32 hexadecimal digits. */
  readonly storeId: string;
  /** The configuration that the store was formatted with. */
  readonly founders: Configuration;
  /** Opens so far, this one included; flushed before `open` settles. */
  readonly bootCount: number;
  /** Random per open: 32 hexadecimal digits. */
  readonly bootId: string;
}

/** What formatting needs. */
export interface StoreFormat {
  readonly clusterId: string;
  readonly nodeId: NodeId;
  readonly founders: Configuration;
}

export interface StorageOpen {
  /**
   * Formats the store. One that was formatted in the same way (addresses and names aside), and to which nothing was written since, is
   * opened as it is: the first start failed later on. Refused with `AlreadyFormatted` if it holds anything else. Without it a blank store is refused with `NotFormatted`.
   */
  readonly create?: StoreFormat;
  /** Refuses with `StoreForeign` a store of another cluster or node. */
  readonly expect?: { readonly clusterId?: string; readonly nodeId?: NodeId };
}

/** Where a snapshot stands: everything up to `index` is in it. */
export interface SnapshotInfo {
  readonly index: Slot;
  readonly bytes: number;
}

/**
 * A store whose log has lost something in its middle that had been flushed. Every vote and every chosen value that is missing lies at or below
 * `upTo`, and the recovered promise is at or above every one ever made.
 */
export interface LogDamage {
  /** Once everything up to here is chosen and on the disk, nothing that was lost matters any more. Until then no vote, no promise. */
  readonly upTo: Slot;
  /** Where, in the order of the log. */
  readonly places: readonly { readonly file: string; readonly offset: number; readonly what: string }[];
}
/** What to read of a snapshot. */
export interface SnapshotPart {
  readonly index: Slot;
  /** Up to its length; there nothing is read. */
  readonly offset: number;
}

/** All that a store remembers. Nothing in it is only in the page cache: what `open` returns has been flushed again. */
export interface Recovered {
  readonly identity: StoreIdentity;
  readonly promised: Ballot | null;
  /** Last vote of each slot above the snapshot, by slot. The store never changes the bytes of a value that it gave out, here and in `chosen`. */
  readonly votes: readonly Vote[];
  /** Values written as chosen, above the snapshot, by slot. */
  readonly chosen: readonly ChosenValue[];
  /** Every slot up to here was known as chosen; its value is in `chosen`, else in `votes`, else in the snapshot. */
  readonly chosenUpTo: Slot;
  /** Longest time for which this node ever bound itself by a lease, in milliseconds; 0 if it never did. It may still be bound. */
  readonly leaseMs: number;
  readonly snapshot: SnapshotInfo | null;
  /**
   * Absent if the log was whole. With `chosenUpTo` below `damage.upTo` some of `votes` may be older than the last one of their slot, and the
   * node must not take part in a quorum.
   */
  readonly damage?: LogDamage;
}

/** One atomic write: after a crash either all of it is found or nothing. */
export interface StorageWrite {
  /** Raises the promise. */
  readonly promised?: Ballot;
  /** Replaces the votes of these slots. The implied promise (>= every ballot here) is the caller's to state. */
  readonly votes: readonly Vote[];
  /** Values learned as chosen from a peer. */
  readonly chosen: readonly ChosenValue[];
  /** Raises the chosen mark. */
  readonly chosenUpTo?: Slot;
  /** Raises the longest lease: whole milliseconds. */
  readonly leaseMs?: number;
}

/**
 * The durable memory of one acceptor. After `write` or `saveSnapshot` rejects (`StoreFailed`, `StoreFull`), every later call but
 * `close` rejects too: a failed flush is never tried again.
 */
export interface Storage {
  /** Opens, or formats and opens. Once. Flushes a new boot before it settles. */
  open(options?: StorageOpen): Promise<Recovered>;
  /** Settles when durable. Calls take effect in the order they were made; at most one is under way at a time. */
  write(write: StorageWrite): Promise<void>;
  /** Replaces the snapshot by a newer one; settles when it is durable. Chunks are pulled one at a time. */
  saveSnapshot(index: Slot, chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<SnapshotInfo>;
  /**
   * The saved snapshot in chunks, checked as it is read; of `index` and from byte `offset` on, where these are given. Throws
   * `StoreDamaged` where a checksum fails, `InvalidArgument` where the snapshot of `index` has been replaced.
   */
  readSnapshot(part?: SnapshotPart): AsyncIterable<Uint8Array>;
  /** Forgets votes and chosen values up to a slot that the saved snapshot covers. Never forgets the promise. */
  drop(upTo: Slot): Promise<void>;
  /** Waits for the write under way and releases the store. May be called twice. */
  close(): Promise<void>;
}
