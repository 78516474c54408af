/** What keeps a node from leading well: a write that does not end, or an event loop that stands still. */
export type Impairment = "disk" | "loop";

/** Up to this many election timeouts a write or a turn is slow; beyond, it stands still. */
const STILL_TIMEOUTS = 2;
/**
 * For so many timeouts after it stood still, a node is not the first choice. A disk that stood still is likely to do so again; a loop
 * that runs was paused, and a node with a bad disk must not go on for lack of others.
 */
const REMEMBERED_TIMEOUTS = { disk: 16, loop: 2 } as const;

/**
 * Watches the disk and the event loop through what the replica is told anyway: when writes begin and end, and how late its ticks
 * come. Time in which the loop stood still counts against nobody else.
 */
export class Health {
  readonly #timeoutMs: number;
  #tickedMs: number | null = null;
  #writeSinceMs: number | null = null;
  #loopUntilMs = Number.NEGATIVE_INFINITY;
  #rememberedUntilMs = Number.NEGATIVE_INFINITY;
  /** How long the write under way has taken, or the loop stood still; 0 where nothing is wrong. */
  stillMs = 0;

  constructor(electionTimeoutMs: number) {
    this.#timeoutMs = electionTimeoutMs;
  }

  /** @returns how late this tick is: time that the loop lost and nobody else */
  tick(nowMs: number): number {
    const lateMs = this.#tickedMs === null ? 0 : Math.max(0, nowMs - this.#tickedMs - this.#timeoutMs / 8);
    this.#tickedMs = nowMs;
    if (this.#writeSinceMs !== null) this.#writeSinceMs = Math.min(nowMs, this.#writeSinceMs + lateMs);
    if (lateMs > STILL_TIMEOUTS * this.#timeoutMs) {
      this.#loopUntilMs = nowMs + this.#timeoutMs;
      this.stillMs = lateMs;
    }
    const cause = this.cause(nowMs);
    if (cause !== null) this.remember(cause, nowMs);
    return lateMs;
  }

  writeBegun(nowMs: number): void {
    this.#writeSinceMs = nowMs;
  }

  writeDone(): void {
    this.#writeSinceMs = null;
  }

  /** How long the write under way has taken. */
  writeMs(nowMs: number): number {
    return this.#writeSinceMs === null ? 0 : nowMs - this.#writeSinceMs;
  }

  /** From here on this node is not the first choice. */
  remember(cause: Impairment, nowMs: number): void {
    const untilMs = nowMs + REMEMBERED_TIMEOUTS[cause] * this.#timeoutMs;
    this.#rememberedUntilMs = Math.max(this.#rememberedUntilMs, untilMs);
  }

  /** What is wrong now. The loop counts for one timeout after it stood still. */
  cause(nowMs: number): Impairment | null {
    if (this.writeMs(nowMs) > STILL_TIMEOUTS * this.#timeoutMs) {
      this.stillMs = this.writeMs(nowMs);
      return "disk";
    }
    return nowMs < this.#loopUntilMs ? "loop" : null;
  }

  /** Whether something is wrong, or was lately. */
  impaired(nowMs: number): boolean {
    return nowMs < this.#rememberedUntilMs;
  }
}
