import type { SnapshotFacts } from "@synod/multipaxos";
import { checksumOf, ContentHash } from "@synod/rsm";

export interface ReceivedChunk {
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly checksum: string;
}

/** The bytes of a snapshot of a peer on their way to the disk. Only as many are in memory as the core lets be asked for. */
export class SnapshotReceiving {
  readonly facts: SnapshotFacts;
  readonly #onStored: (offset: number) => void;
  readonly #chunks: ReceivedChunk[] = [];
  readonly #hash = new ContentHash();
  #wake: (() => void) | null = null;
  /** `refused`: what came is not what was promised. `givenUp`: it is of no use any more. */
  state: "open" | "refused" | "givenUp" = "open";

  /** @param onStored the disk took over everything up to this offset */
  constructor(facts: SnapshotFacts, onStored: (offset: number) => void) {
    this.facts = facts;
    this.#onStored = onStored;
  }

  add(chunk: ReceivedChunk): void {
    this.#chunks.push(chunk);
    this.#wake?.();
  }

  giveUp(): void {
    if (this.state === "open") this.state = "givenUp";
    this.#wake?.();
  }

  /** For storage. Throws, so that nothing is kept, unless every byte is what its sender said. */
  async *feed(): AsyncGenerator<Uint8Array> {
    while (this.#hash.bytes < this.facts.bytes) {
      const chunk = await this.#next();
      if (checksumOf(chunk.bytes) !== chunk.checksum) this.#refuse();
      this.#hash.add(chunk.bytes);
      yield chunk.bytes;
      this.#onStored(this.#hash.bytes);
    }
    if (this.#hash.bytes !== this.facts.bytes || this.#hash.hex() !== this.facts.hash) this.#refuse();
  }

  async #next(): Promise<ReceivedChunk> {
    for (;;) {
      if (this.state !== "open") throw new Error("the snapshot is of no use any more");
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) return chunk;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }

  #refuse(): never {
    this.state = "refused";
    throw new Error("a snapshot came with a wrong checksum");
  }
}
