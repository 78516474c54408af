import type { Clock, Random } from "@synod/interface";

/**
 * The clock of the host. Its timers keep a process alive, as a server's socket would: a node on memory adapters has nothing else
 * that does, and callers that await it would never be answered.
 */
export function systemClock(): Clock {
  return {
    now: () => performance.now(),
    timer(delayMs, callback) {
      const dueMs = performance.now() + delayMs;
      const look = (): void => {
        const leftMs = dueMs - performance.now();
        if (leftMs > 0) handle = setTimeout(look, hostDelay(leftMs));
        else callback();
      };
      let handle = setTimeout(look, hostDelay(delayMs));
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

/** Randomness of the host. */
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

/** 32 hexadecimal digits. */
export function randomHex(random: Random): string {
  let text = "";
  for (let i = 0; i < 4; i++) text += random.uint32().toString(16).padStart(8, "0");
  return text;
}
