import type { ReplicaSettings } from "./settings.js";
import type { WriteBuffer } from "./writes.js";

/** A leader is told in so many rounds more that there is credit again: it may have heard the words in another order, or not. */
const REPEATS = 3;

/** What this replica can still take in, and what its leader was told of that. */
export class Credit {
  readonly #settings: Pick<ReplicaSettings, "creditBytesMax" | "applyBytesMax">;
  readonly #writes: WriteBuffer;
  /** Chosen values that wait for execution. */
  applyBytes = 0;
  /** Rounds in which the leader is still to be told again. */
  repeats = 0;
  /** The lowest that the leader was told since it was last told that there is enough. */
  #told: number;

  constructor(settings: Pick<ReplicaSettings, "creditBytesMax" | "applyBytesMax">, writes: WriteBuffer) {
    this.#settings = settings;
    this.#writes = writes;
    this.#told = settings.creditBytesMax;
  }

  get bytes(): number {
    const { creditBytesMax, applyBytesMax } = this.#settings;
    return creditOf({ creditBytesMax, applyBytesMax, writeBytes: this.#writes.bytes, applyBytes: this.applyBytes });
  }

  /** To be told to the leader now. */
  tell(): number {
    const { bytes } = this;
    this.#told = Math.min(this.#told, bytes);
    if (bytes === 0) this.repeats = 0;
    return bytes;
  }

  /** Whether there is room again after the leader was told that there is none: it waits for this word, and is told so now, and again. */
  recovered(): boolean {
    const { bytes } = this;
    const { creditBytesMax, applyBytesMax } = this.#settings;
    if (this.#told > 0 || bytes < Math.min(creditBytesMax, applyBytesMax) / 2) return false;
    this.#told = bytes;
    this.repeats = REPEATS;
    return true;
  }
}

/**
 * The credit that a follower gives: as much as it can still hold, waiting for its disk or for execution. In coarse steps: the
 * exact number is of no use when it arrives.
 */
export function creditOf(options: {
  readonly creditBytesMax: number;
  readonly applyBytesMax: number;
  /** Waiting for the disk. */
  readonly writeBytes: number;
  /** Waiting for execution. */
  readonly applyBytes: number;
}): number {
  const { creditBytesMax, applyBytesMax, writeBytes, applyBytes } = options;
  const room = Math.min(creditBytesMax - writeBytes, applyBytesMax - applyBytes, creditBytesMax);
  const step = Math.max(1, Math.floor(creditBytesMax / 8));
  return Math.max(0, Math.min(Math.ceil(room / step) * step, creditBytesMax));
}
