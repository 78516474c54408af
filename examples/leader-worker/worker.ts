import { setTimeout as delay } from "node:timers/promises";
import type { Coordination, Protected } from "@synod/coordination";
import { SynodError } from "@synod/interface";

/**
 * Works whenever this process is elected, until `stop` aborts. The work must end soon when its signal aborts: it is somebody else's from then on.
 * Every process of the team runs this; one of them works at a time.
 */
export async function runWorker(
  { elections }: Coordination,
  options: { name: string; stop: AbortSignal; work: (given: Protected) => Promise<void> },
): Promise<void> {
  const { name, stop, work } = options;
  while (!stop.aborted) {
    try {
      await elections.lead("outbox", (given) => work({ ...given, signal: AbortSignal.any([given.signal, stop]) }), {
        value: name,
        signal: stop,
        ttlMs: 5_000,
      });
    } catch (error) {
      if (stop.aborted && error instanceof Error && error.name === "AbortError") return;
      // Lost, or not got: whoever is elected next goes on. Anything else is an error of the work.
      if (!(error instanceof SynodError) || (error.code !== "LeaseLost" && error.code !== "LockNotAcquired"))
        throw error;
      // The node or client has ended for good, and refuses at once.
      if (error.details["reason"] === "closed") return;
      if (error.code === "LockNotAcquired") await delay(1_000, undefined, { signal: stop }).catch(() => {});
    }
  }
}
