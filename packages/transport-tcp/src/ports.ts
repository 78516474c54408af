import type { Clock, Random } from "@synod/interface";

/** What a transport needs of a clock. */
export type TransportClock = Pick<Clock, "now" | "timer">;

export const hostClock: TransportClock = {
  now: () => performance.now(),
  timer(delayMs, callback) {
    const handle = setTimeout(callback, delayMs).unref();
    return () => clearTimeout(handle);
  },
};

/** For jitter only. */
export const hostRandom: Random = { uint32: () => Math.floor(Math.random() * 2 ** 32) };
