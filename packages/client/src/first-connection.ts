import { offAbort, onAbort, SynodError } from "@synod/interface";
import type { Context } from "./context.js";
import type { Link } from "./link.js";
import type { Pool } from "./pool.js";

export interface FirstConnectionOptions {
  readonly context: Context;
  readonly pool: Pool;
  readonly signal: AbortSignal | undefined;
  /** Registers what is to be called whenever a link has come up or gone down. */
  readonly onLook: (look: (link: Link) => void) => void;
}

/** Not reached, or going away: another attempt may succeed. Everything else was said by a server that wants no such client. */
const unreached: ReadonlySet<string> = new Set(["NoServer", "Closed"]);

/**
 * Settles with the first server that accepts this client. Once every server was tried, none accepted and one refused, there is nothing to
 * wait for: rejects with that refusal. Where none can be reached, tries until the time limit.
 */
export function firstConnection({ context, pool, signal, onLook }: FirstConnectionOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const tried = new Set<Link>();
    const end = (error: SynodError | null): void => {
      cancel();
      if (signal !== undefined) offAbort(signal, aborted);
      if (error === null) resolve();
      else reject(error);
    };
    const noServer = (why: string, cause: unknown): SynodError =>
      new SynodError("NoServer", `${why} (${pool.describe()})`, { cause });
    const aborted = (): void => end(noServer("the signal was aborted before a server was reached", signal?.reason));
    const cancel = context.clock.timer(context.limits.timeoutMs, () =>
      end(noServer("no server was reached in time", pool.links.find(({ failure }) => failure !== null)?.failure)),
    );
    if (signal?.aborted === true) return aborted();
    if (signal !== undefined) onAbort(signal, aborted);
    onLook((link) => {
      if (pool.readyCount > 0) return end(null);
      tried.add(link);
      if (tried.size < pool.links.length) return;
      const refused = pool.links.filter(({ failure }) => failure !== null && !unreached.has(failure.code));
      const by = refused.find(({ failure }) => failure?.code !== "Busy") ?? refused[0];
      if (by?.failure) end(saidBy(by.address, by.failure));
    });
    pool.dial();
  });
}

/** Whoever named several servers wants to know which. */
function saidBy(server: string, cause: SynodError): SynodError {
  return new SynodError(cause.code, `${server}: ${cause.message}`, { cause, details: { ...cause.details, server } });
}
