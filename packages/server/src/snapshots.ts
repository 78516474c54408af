import { SynodError } from "@synod/interface";
import {
  type AdminCall,
  type Deadlines,
  type SnapshotBytes,
  type SnapshotPlace,
  snapshotPartBytesMax,
  NOWHERE,
  type Timed,
} from "@synod/client/protocol";
import { endedBy } from "./ended-by.js";
import type { ServedNode, SnapshotSource } from "./types.js";

export interface SnapshotsOptions {
  readonly node: Pick<ServedNode<never, never>, "id" | "openSession" | "closeSession" | "snapshot">;
  /** Undefined: nobody may fetch snapshots. */
  readonly storage: SnapshotSource | undefined;
  readonly deadlines: Deadlines;
  readonly now: () => number;
}

/** An open reader keeps the room of a file on the disk: whoever asks for nothing in so long has to have it opened again. */
const idleMs = 30_000;

interface Reader {
  readonly place: SnapshotPlace;
  readonly chunks: AsyncIterator<Uint8Array>;
  /** Read and not asked for yet. */
  readonly rest: Uint8Array;
}

/** What one client fetches of snapshots. It asks for one part after the other, so the reader stays open in between. */
export class Snapshots {
  readonly #o: SnapshotsOptions;
  /** Between two questions. */
  #reader: Reader | null = null;
  #idle: Timed | null = null;
  #closed = false;

  constructor(options: SnapshotsOptions) {
    this.#o = options;
  }

  /** @throws SynodError `Compacted`, `InvalidArgument`, the reason of the signal, and what node and storage throw */
  async read(call: Extract<AdminCall, { op: "readSnapshot" }>, signal: AbortSignal): Promise<SnapshotBytes> {
    const { storage } = this.#o;
    if (storage === undefined) {
      const text = "this server gives no snapshots away: `serve` was not given the storage of its node";
      throw new SynodError("InvalidArgument", text);
    }
    const reader = this.#taken(storage, call.at ?? (await this.#fresh(signal)));
    return this.#part(reader, Math.min(call.bytesMax, snapshotPartBytesMax));
  }

  /** The client is gone. */
  close(): void {
    this.#closed = true;
    this.#keep(null);
  }

  /** A snapshot with everything that was acknowledged before. */
  async #fresh(signal: AbortSignal): Promise<SnapshotPlace> {
    const { node } = this.#o;
    // What was acknowledged before is in the log before this session, up to which this node has executed then.
    const { id } = await endedBy(signal, node.openSession({ signal }));
    node.closeSession(id).catch(() => {
      // It is forgotten by itself.
    });
    for (;;) {
      const { index, bytes } = await endedBy(signal, node.snapshot());
      // One that was being taken already may be older.
      if (index >= id.slot) return { node: node.id, index, bytes, offset: 0 };
    }
  }

  /** The reader at that place: nobody else has it now. */
  #taken(storage: SnapshotSource, place: SnapshotPlace): Reader {
    const { node } = this.#o;
    if (place.node !== node.id) {
      const text = `the snapshot is at node ${place.node}, and this is node ${node.id}: begin again`;
      throw new SynodError("Compacted", text);
    }
    const reader = this.#reader;
    if (reader?.place.index !== place.index || reader.place.offset !== place.offset) {
      const { index, offset } = place;
      const chunks = storage.readSnapshot({ index, offset })[Symbol.asyncIterator]();
      return { place, chunks, rest: new Uint8Array(0) };
    }
    this.#forget();
    return reader;
  }

  async #part({ place, chunks, rest }: Reader, bytesMax: number): Promise<SnapshotBytes> {
    const part = new Uint8Array(Math.min(bytesMax, place.bytes - place.offset));
    let filled = 0;
    let left = rest;
    try {
      while (filled < part.length) {
        if (left.length === 0) left = await nextOf(chunks);
        const some = left.subarray(0, part.length - filled);
        part.set(some, filled);
        filled += some.length;
        left = left.subarray(some.length);
      }
    } catch (cause) {
      close(chunks);
      throw gone(place, cause);
    }
    const next = { ...place, offset: place.offset + filled };
    if (this.#closed || next.offset === place.bytes) close(chunks);
    else this.#keep({ place: next, chunks, rest: left });
    return { ...place, part };
  }

  #keep(reader: Reader | null): void {
    const before = this.#reader;
    this.#forget();
    if (before !== null) close(before.chunks);
    if (reader === null) return;
    this.#reader = reader;
    this.#idle = { untilMs: this.#o.now() + idleMs, place: NOWHERE, expire: () => this.#keep(null) };
    this.#o.deadlines.add(this.#idle);
  }

  #forget(): void {
    this.#reader = null;
    if (this.#idle !== null) this.#o.deadlines.delete(this.#idle);
    this.#idle = null;
  }
}

async function nextOf(chunks: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  const { done, value } = await chunks.next();
  if (done !== true) return value;
  throw new SynodError("StoreDamaged", "the snapshot ended before its end");
}

/** A reader that is given up has nothing to say. */
function close(chunks: AsyncIterator<Uint8Array>): void {
  Promise.resolve(chunks.return?.()).catch(() => {});
}

/** A storage knows one snapshot, the newest. */
function gone({ index, offset }: SnapshotPlace, cause: unknown): unknown {
  if (!(cause instanceof SynodError) || cause.code !== "InvalidArgument") return cause;
  const text = `the snapshot of slot ${index} was replaced by a newer one, ${offset} bytes of it had been read: begin again`;
  return new SynodError("Compacted", text, { cause });
}
