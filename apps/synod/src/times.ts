import { setTimeout as delay } from "node:timers/promises";

/** How long calls under way may take after SIGTERM, unless `shutdownTimeout` says otherwise. */
export const SHUTDOWN_MS = 10_000;
/** Beyond that: for handing over, and for closing the disk. Then the process ends, whatever hangs. */
export const CLOSING_MS = 10_000;

/** Settles after the time, or when the signal aborts. Nothing of it stays with the signal. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  delay(ms, undefined, { signal }).catch(() => {});
