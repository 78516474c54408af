/** What a write and its flush may take on average for the event loop to wait for them. */
const FAST_MS = 1;
/** Each one counts for this part of the average. */
const WEIGHT = 1 / 16;
/** So many in the background decide whether the next ones are waited for: if a quarter of them was fast. */
const TRIAL = 32;
const FAST_NEEDED = TRIAL / 4;
/** One that takes longer stalls: everything else stood still meanwhile, and peers may have taken this node for dead. */
const STALL_MS = 20;
/** From here on peers may do so. A shorter one may as well come from a process that had to wait for its turn on a busy machine. */
const LONG_STALL_MS = 100;
/** So long nothing is waited for after a stall; each further long one doubles it, until there was none for the longest time. */
const REST_MS = { first: 1_000, longest: 3_600_000 } as const;

/**
 * Says whether the thread of the event loop may wait for a write. On a fast disk that takes less time than the hand-over to the thread pool and
 * back; on a slow one, or one that stalls, everything else would stand still meanwhile. So writes begin in the background, and are waited
 * for once the disk has shown that it is fast, until they are slow.
 */
export class Pace {
  #isFast = false;
  #averageMs = 0;
  #tried = 0;
  #fast = 0;
  #stalledMs = Number.NEGATIVE_INFINITY;
  #restMs: number = REST_MS.first;
  #restUntilMs = Number.NEGATIVE_INFINITY;

  mayWait(nowMs: number): boolean {
    return this.#isFast && nowMs >= this.#restUntilMs;
  }

  /** One that was waited for took so long. */
  waited(ms: number, nowMs: number): void {
    this.#averageMs += (ms - this.#averageMs) * WEIGHT;
    if (ms > STALL_MS) this.#rest(ms, nowMs);
    if (ms > STALL_MS || this.#averageMs > FAST_MS) this.#isFast = false;
  }

  /** One in the background did. */
  tried(ms: number, nowMs: number): void {
    if (this.#isFast || nowMs < this.#restUntilMs) return;
    // The hand-over is part of it, which takes long on a busy machine: so not all have to be fast.
    this.#tried++;
    if (ms <= FAST_MS) this.#fast++;
    if (this.#tried < TRIAL) return;
    this.#isFast = this.#fast >= FAST_NEEDED;
    this.#averageMs = 0;
    this.#tried = 0;
    this.#fast = 0;
  }

  #rest(ms: number, nowMs: number): void {
    if (ms <= LONG_STALL_MS) {
      this.#restUntilMs = nowMs + REST_MS.first;
      return;
    }
    if (nowMs - this.#stalledMs > REST_MS.longest) this.#restMs = REST_MS.first;
    this.#stalledMs = nowMs;
    this.#restUntilMs = nowMs + this.#restMs;
    this.#restMs = Math.min(2 * this.#restMs, REST_MS.longest);
  }
}
