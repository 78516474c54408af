import type { Clock, Random } from "@synod/interface";

interface Host {
  readonly performance: { now(): number };
  readonly crypto: { getRandomValues(words: Uint32Array): unknown };
  setTimeout(callback: () => void, delayMs: number): unknown;
  clearTimeout(handle: unknown): void;
}

const host = globalThis as unknown as Host;
/** Hosts fire at once where a delay has more than 31 bits. */
const DELAY_MAX_MS = 2 ** 31 - 1;

/** The clock of the host: monotonic. Its timers keep a process alive: who waits for a lock is not done. */
export const hostClock: Clock = {
  now: () => host.performance.now(),
  timer(delayMs, callback) {
    const dueMs = host.performance.now() + delayMs;
    const look = (): void => {
      const leftMs = dueMs - host.performance.now();
      if (leftMs > 0) handle = host.setTimeout(look, Math.min(Math.ceil(leftMs), DELAY_MAX_MS));
      else callback();
    };
    let handle = host.setTimeout(look, Math.min(Math.ceil(delayMs), DELAY_MAX_MS));
    return () => host.clearTimeout(handle);
  },
  soon(callback) {
    host.setTimeout(callback, 0);
  },
};

export const hostRandom: Random = {
  uint32() {
    const words = new Uint32Array(1);
    host.crypto.getRandomValues(words);
    return words[0] ?? 0;
  },
};
