import type { Metrics, Storage, StorageWrite } from "@synod/interface";
import type { Replica } from "@synod/multipaxos";

export interface WritingOptions {
  readonly replica: Pick<Replica, "takeWrite" | "writeDone">;
  readonly storage: Pick<Storage, "write">;
  readonly metrics: Metrics;
  /** A write is durable: to be told to `done`, outside of the call that began it. */
  readonly written: (id: number) => void;
  readonly fail: (cause: unknown) => void;
}

/** The writes of the replica, one at a time: what gathers meanwhile goes with the next one. */
export class Writing {
  readonly #o: WritingOptions;
  #under = false;
  #startedMs = 0;
  /** Counters for status. */
  count = 0;
  lastMs = 0;

  constructor(options: WritingOptions) {
    this.#o = options;
  }

  get isUnderWay(): boolean {
    return this.#under;
  }

  /** Starts one if there is anything to write and none is under way. @returns whether it did */
  start(nowMs: number): boolean {
    const { replica, storage, metrics, written, fail } = this.#o;
    const next = this.#under ? null : replica.takeWrite();
    if (next === null) return false;
    this.#under = true;
    this.#startedMs = nowMs;
    this.count++;
    metrics.observe("synod_storage_write_bytes", bytesOf(next.write));
    storage.write(next.write).then(
      () => written(next.id),
      (cause: unknown) => fail(cause),
    );
    return true;
  }

  done(id: number, nowMs: number): void {
    const { replica, metrics } = this.#o;
    this.#under = false;
    this.lastMs = nowMs - this.#startedMs;
    metrics.observe("synod_storage_write_ms", this.lastMs);
    replica.writeDone(id);
  }
}

function bytesOf({ votes, chosen }: StorageWrite): number {
  let bytes = 0;
  for (const { value } of votes) bytes += value.length;
  for (const { value } of chosen) bytes += value.length;
  return bytes;
}
