import type { Ballot, Recovered, Storage, StorageOpen, StorageWrite, StoreFormat, Vote } from "@synod/interface";
import { bytes, check, show, text } from "./assert.js";
import type { Scope } from "./suite.js";

/** One disk, blank at first. Storage objects come and go on it. */
export interface StorageMedium {
  /** A storage object that was not opened yet, or was closed; the one before is closed, or was left by `crash`. */
  storage(): Storage;
  /** Lets something happen, where time does not pass by itself. Called while the suite waits. */
  advance?(): void | Promise<void>;
  dispose?(): void | Promise<void>;
}

export const format: StoreFormat = {
  clusterId: "cluster-a",
  nodeId: 2,
  founders: {
    epoch: 1,
    members: [{ id: 1 }, { id: 2, address: "127.0.0.1:1" }],
    alpha: 16,
    quorum: { kind: "majority" },
  },
};

export const ballot = (round: number, node = 1): Ballot => ({ round, node });
export const vote = (slot: number, round: number, content: string): Vote => ({
  slot,
  ballot: ballot(round),
  value: bytes(content),
});
export const write = (part: Partial<StorageWrite>): StorageWrite => ({ votes: [], chosen: [], ...part });

export type AddCase = (name: string, body: (bench: StorageBench) => Promise<void>) => void;

interface BenchParts {
  readonly scope: Scope;
  readonly medium: StorageMedium;
  readonly crash: () => void | Promise<void>;
  readonly fail: () => void | Promise<void>;
}

/** What a case works with. All calls are guarded. */
export class StorageBench {
  readonly scope: Scope;
  readonly #parts: BenchParts;

  constructor(parts: BenchParts) {
    this.scope = parts.scope;
    this.#parts = parts;
  }

  /** The next storage object on the medium; closed at the end of the case. */
  storage(): Storage {
    const storage = this.#parts.medium.storage();
    this.scope.defer("close() at the end", () => storage.close());
    return storage;
  }

  async open(storage: Storage, options?: StorageOpen): Promise<Recovered> {
    const opening = options === undefined ? storage.open() : storage.open(options);
    const recovered = await this.scope.settled("open()", opening);
    // No case of this suite damages anything, not even where it ends the process or makes a call fail.
    check(recovered.damage === undefined, `a store that nothing has damaged reports ${show(recovered.damage)}`);
    return recovered;
  }

  async formatted(): Promise<Storage> {
    const storage = this.storage();
    await this.open(storage, { create: format });
    return storage;
  }

  write(storage: Storage, part: Partial<StorageWrite>): Promise<void> {
    return this.scope.settled("write()", storage.write(write(part)));
  }

  async close(storage: Storage): Promise<void> {
    await this.scope.settled("close()", storage.close());
  }

  async restart(storage: Storage): Promise<{ storage: Storage; recovered: Recovered }> {
    await this.close(storage);
    const next = this.storage();
    return { storage: next, recovered: await this.open(next) };
  }

  async restartAfterCrash(): Promise<Recovered> {
    await this.scope.settled("crash()", Promise.resolve(this.#parts.crash()));
    return this.open(this.storage());
  }

  async fail(): Promise<void> {
    await this.scope.settled("fail()", Promise.resolve(this.#parts.fail()));
  }

  save(storage: Storage, index: number, ...contents: string[]): Promise<{ index: number; bytes: number }> {
    return this.scope.settled("saveSnapshot()", storage.saveSnapshot(index, contents.map(bytes)));
  }

  read(storage: Storage): Promise<string> {
    return this.scope.settled("readSnapshot()", collect(storage.readSnapshot()));
  }
}

/** A whole snapshot as text. */
export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk.slice());
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return text(whole);
}
