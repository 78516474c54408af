import type { NodeId, Recovered, SnapshotInfo, Storage, StorageOpen, StorageWrite } from "@synod/interface";
import type { Oracle } from "./oracle.js";
import type { Life } from "./process.js";

/** Passes calls on and tells the oracle what storage said; `note` has a line for the trace. */
export function watchedStorage(
  inner: Storage,
  watch: {
    readonly id: NodeId;
    readonly life: Life;
    readonly oracle: Oracle;
    readonly note: (text: string) => void;
    readonly opened: () => void;
    readonly failed: () => void;
    /** A write was asked for after the storage was closed. */
    readonly writtenLate: () => void;
  },
): Storage {
  const { id, life, oracle, note } = watch;
  const never = new Promise<never>(() => undefined);
  let closed = false;
  return {
    open: async (options?: StorageOpen): Promise<Recovered> => {
      const recovered = await inner.open(options);
      if (!life.alive) return never;
      watch.opened();
      oracle.onRecovered(id, recovered);
      note(`opens its store: ${recovered.votes.length} votes, chosen up to ${recovered.chosenUpTo}`);
      if (recovered.damage !== undefined)
        note(`its log is damaged: it may have forgotten votes up to ${recovered.damage.upTo}`);
      return recovered;
    },
    write: async (write: StorageWrite): Promise<void> => {
      if (closed) watch.writtenLate();
      oracle.onWriteBegun(id, write);
      try {
        await inner.write(write);
      } catch (error) {
        watch.failed();
        throw error;
      }
      if (!life.alive) return never;
      oracle.onWriteDone(id, write);
      note("write done");
    },
    saveSnapshot: async (index, chunks) => {
      if (closed) watch.writtenLate();
      let info: SnapshotInfo;
      try {
        info = await inner.saveSnapshot(index, chunks);
      } catch (error) {
        watch.failed();
        throw error;
      }
      if (!life.alive) return never;
      oracle.onSnapshotSaved(id, index);
      note(`snapshot of slot ${index} saved, ${info.bytes} bytes`);
      return info;
    },
    readSnapshot: async function* (part) {
      try {
        yield* inner.readSnapshot(part);
      } catch (error) {
        watch.failed();
        throw error;
      }
    },
    drop: async (upTo) => {
      oracle.onDrop(id, upTo);
      try {
        await inner.drop(upTo);
      } catch (error) {
        watch.failed();
        throw error;
      }
    },
    close: () => {
      closed = true;
      return inner.close();
    },
  };
}
