/**
 * The time that a leader writes into batches: it goes on from the last logged value by the leader's own monotonic clock, so that
 * no wall clock of any machine ever counts.
 */
export class LoggedTime {
  #loggedMs = 0;
  #atMs = 0;

  /** Leadership began: time stands at the last logged value known here and goes on from now. */
  begin(loggedMs: number, nowMs: number): void {
    this.#loggedMs = loggedMs;
    this.#atMs = nowMs;
  }

  /** Integer milliseconds; never below what was logged. */
  now(loggedMs: number, nowMs: number): number {
    const current = this.#loggedMs + Math.max(0, Math.floor(nowMs - this.#atMs));
    if (loggedMs > current) this.begin(loggedMs, nowMs);
    return Math.max(current, loggedMs);
  }
}
