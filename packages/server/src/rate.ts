/** A bucket that fills at a rate and holds one second of it. */
export class Rate {
  readonly #perMs: number;
  readonly #most: number;
  #left: number;
  #atMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perMs = perSecond / 1_000;
    this.#most = Math.max(1, perSecond);
    this.#left = this.#most;
    this.#atMs = nowMs;
  }

  /** Takes one. @returns 0, or in how many milliseconds there is one */
  take(nowMs: number): number {
    this.#left = Math.min(this.#most, this.#left + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
    if (this.#left < 1) return Math.max(1, (1 - this.#left) / this.#perMs);
    this.#left--;
    return 0;
  }
}
