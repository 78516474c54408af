import { type Clock, type Metrics, SynodError } from "@synod/interface";

export interface LoopOptions {
  readonly clock: Clock;
  readonly metrics: Metrics;
  /** A turn comes at least this often. */
  readonly everyMs: number;
  readonly turn: () => void;
  /** The loop stands still by then. Called once. */
  readonly onFailure: (error: SynodError) => void;
}

/** The turns of a node, one at a time. What throws in one ends the node: nobody knows which half of it was done. */
export class Loop {
  readonly #o: LoopOptions;
  #scheduled = false;
  #stopped = false;
  #cancelTimer: (() => void) | null = null;
  /** How late the timer was last. */
  lagMs = 0;
  #seenMs = 0;

  constructor(options: LoopOptions) {
    this.#o = options;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Asked for each command: no closure for it. */
  get nowMs(): number {
    try {
      this.#seenMs = this.#o.clock.now();
    } catch (cause) {
      this.#failed(cause);
    }
    return this.#seenMs;
  }

  /** For who only looks on: where the clock fails the node ends, but the caller gets the last time that was read. */
  get seenMs(): number {
    this.guarded(() => {
      this.#seenMs = this.#o.clock.now();
    });
    return this.#seenMs;
  }

  start(): void {
    this.#armTimer();
    this.wake();
  }

  /** Makes sure that a turn comes. */
  wake(): void {
    if (!this.#scheduled && !this.#stopped) this.#schedule();
  }

  /** No turn runs after this. */
  stop(): void {
    this.#stopped = true;
    this.guarded(() => this.#cancelTimer?.());
  }

  fail(cause: unknown): void {
    if (this.#stopped) return;
    this.stop();
    const text = "the node stops: an unexpected error in it or in one of its ports";
    this.#o.onFailure(cause instanceof SynodError ? cause : new SynodError("InvariantViolated", text, { cause }));
  }

  /** For what must not throw into its caller. */
  guarded(action: () => void): void {
    try {
      action();
    } catch (cause) {
      this.fail(cause);
    }
  }

  /** The same for a call whose answer is needed. */
  orFail<T>(call: () => T): T {
    try {
      return call();
    } catch (cause) {
      return this.#failed(cause);
    }
  }

  #failed(cause: unknown): never {
    this.fail(cause);
    throw new SynodError("Closed", "the node stops: one of its ports failed", { cause });
  }

  #schedule(): void {
    this.#scheduled = true;
    this.guarded(() => this.#o.clock.soon(this.#onTurn));
  }

  readonly #onTurn = (): void => this.#guardedTurn();

  #guardedTurn(): void {
    this.#scheduled = false;
    if (!this.#stopped) this.guarded(() => this.#o.turn());
  }

  #armTimer(): void {
    const { clock, everyMs } = this.#o;
    this.guarded(() => {
      const dueMs = clock.now() + everyMs;
      this.#cancelTimer = clock.timer(everyMs, () => {
        if (this.#stopped) return;
        this.guarded(() => this.#late(clock.now() - dueMs));
        this.#armTimer();
        this.wake();
      });
    });
  }

  #late(byMs: number): void {
    this.lagMs = Math.max(0, byMs);
    this.#o.metrics.observe("synod_loop_lag_ms", this.lagMs);
  }
}
