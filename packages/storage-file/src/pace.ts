/** What a flush may take on average for the event loop to wait for it. */
const FAST_MS = 1;
/** Each flush counts for this part of the average: a single stall of 16 ms is enough to wait no more. */
const WEIGHT = 1 / 16;
/** So many flushes in the background decide whether the next ones are waited for: if a quarter of them was fast. */
const TRIAL = 32;
const FAST_NEEDED = TRIAL / 4;

/**
 * Says whether the thread of the event loop may wait for a flush. On a fast disk that takes less time than the hand-over to the thread pool and
 * back; on a slow one, or one that stalls, everything else would stand still meanwhile. So flushes begin in the background, and are waited
 * for once the disk has shown that it is fast, until they are slow.
 */
export class Pace {
  #mayWait = false;
  #averageMs = 0;
  #tried = 0;
  #fast = 0;

  get mayWait(): boolean {
    return this.#mayWait;
  }

  /** @param ms what a flush took, in the way that `mayWait` said */
  took(ms: number): void {
    if (this.#mayWait) {
      this.#averageMs += (ms - this.#averageMs) * WEIGHT;
      this.#mayWait = this.#averageMs <= FAST_MS;
      return;
    }
    // The hand-over is part of it, which takes long on a busy machine: so not all have to be fast.
    this.#tried++;
    if (ms <= FAST_MS) this.#fast++;
    if (this.#tried < TRIAL) return;
    this.#mayWait = this.#fast >= FAST_NEEDED;
    this.#averageMs = 0;
    this.#tried = 0;
    this.#fast = 0;
  }
}
