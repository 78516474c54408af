import type { Clock, Random } from "@synod/interface";

/** The clock of the host: `performance.now`, timers that do not keep a process alive, `setImmediate` where there is one. */
export function systemClock(): Clock {
  return {
    now: () => performance.now(),
    timer(delayMs, callback) {
      const handle: unknown = setTimeout(callback, delayMs);
      // In Node.js a pending timer would keep the process alive.
      (handle as { unref?: () => void }).unref?.();
      return () => clearTimeout(handle as ReturnType<typeof setTimeout>);
    },
    soon(callback) {
      // Browsers have none; there a timer of 0 is the next best.
      const immediate = (globalThis as { setImmediate?: (callback: () => void) => unknown }).setImmediate;
      if (immediate === undefined) setTimeout(callback, 0);
      else immediate(callback);
    },
  };
}

/** Randomness of the host. */
export function systemRandom(): Random {
  const words = new Uint32Array(1);
  return {
    uint32() {
      crypto.getRandomValues(words);
      return words[0] ?? 0;
    },
  };
}

/** 32 hexadecimal digits. */
export function randomHex(random: Random): string {
  let text = "";
  for (let i = 0; i < 4; i++) text += random.uint32().toString(16).padStart(8, "0");
  return text;
}
