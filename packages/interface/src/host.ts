// Defaults of the ports, for the rim alone: the pure core may not import this module. tests/laws.ts holds that.
import type { Clock, Random } from "./ports.js";

// What every host has, browsers included. As it is at each call: tests put something else in its place.
declare const performance: { now(): number };
declare const crypto: { getRandomValues(words: Uint32Array): unknown };
declare function setTimeout(callback: () => void, delayMs: number): unknown;
declare function clearTimeout(handle: unknown): void;

export interface SystemClockOptions {
  /** Whether a timer keeps the process alive, as an open socket does; true by default. Browsers know no difference. */
  readonly keepsAlive?: boolean;
}

/**
 * The clock of the host. Its timers keep a process alive, unless told otherwise: a node on memory adapters has nothing else that does, and
 * callers that await it would never be answered.
 */
export function systemClock({ keepsAlive = true }: SystemClockOptions = {}): Clock {
  const start = (callback: () => void, delayMs: number): unknown => {
    const handle = setTimeout(callback, hostDelay(delayMs));
    if (!keepsAlive) (handle as { unref?: () => unknown }).unref?.();
    return handle;
  };
  return {
    now: () => performance.now(),
    timer(delayMs, callback) {
      const dueMs = performance.now() + delayMs;
      const look = (): void => {
        const leftMs = dueMs - performance.now();
        if (leftMs > 0) handle = start(look, leftMs);
        else callback();
      };
      let handle = start(look, delayMs);
      return () => clearTimeout(handle);
    },
    soon(callback) {
      // Browsers have none; there a timer of 0 is the next best.
      const immediate = (globalThis as { setImmediate?: (callback: () => void) => unknown }).setImmediate;
      if (immediate === undefined) setTimeout(callback, 0);
      else immediate(callback);
    },
  };
}

/** Hosts cut delays down to whole milliseconds, and fire at once where one has more than 31 bits. */
const hostDelay = (delayMs: number): number => Math.min(Math.ceil(delayMs), 2 ** 31 - 1);

/** Randomness of the host, fit for identifiers that nobody may draw again. */
export function systemRandom(): Random {
  // One call for many words: the call costs far more than a word.
  const words = new Uint32Array(256);
  let next = words.length;
  return {
    uint32() {
      if (next === words.length) {
        crypto.getRandomValues(words);
        next = 0;
      }
      return words[next++] ?? 0;
    },
  };
}

/** 128 random bits as 32 hexadecimal digits. */
export function randomHex(random: Random): string {
  let text = "";
  for (let i = 0; i < 4; i++) text += random.uint32().toString(16).padStart(8, "0");
  return text;
}
