// Who has a lock or leads an election, for people who wait for it.
import { SynodError } from "@synod/interface";
import type { Output } from "./output.js";
import type { Remote } from "./remote.js";

/** After so long somebody who looks on wants to know why nothing happens. */
const SILENT_MS = 2_000;
const ANSWER_MS = 2_000;

export interface Holders {
  readonly holders: readonly { readonly lease: string; readonly fencingToken: number; readonly leftMs: number }[];
  readonly holding: number;
  readonly waiting: number;
}

/** @param resource the full name of the queue, as `lock/name` */
export async function holdersOf({ client, coordination, timeoutMs }: Remote, resource: string): Promise<Holders> {
  const answer = await client.read({ kind: "lock", name: resource, seen: -1, after: 0 }, { timeoutMs });
  if (answer.kind !== "lock") return { holders: [], holding: 0, waiting: 0 };
  const leases = answer.holders.map(async ({ id, fencingToken }) => {
    const lease = await coordination.leases.get(id);
    return lease === null ? [] : [{ lease: id, fencingToken, leftMs: lease.leftMs }];
  });
  return { holders: (await Promise.all(leases)).flat(), holding: answer.holding, waiting: answer.waiting };
}

/** Says once, after a while, what is waited for. @returns ends that */
export function noteWaiting(remote: Remote, what: string, resource: string, output: Output): () => void {
  let over = false;
  const timer = setTimeout(() => {
    const asked = holdersOf({ ...remote, timeoutMs: ANSWER_MS }, resource);
    asked.then(
      ({ holding, waiting }) => {
        const why = holding > 0 ? `it is held, ${waiting} in the queue` : "it is about to be free";
        if (!over) output.note(`waits for ${what}: ${why}`);
      },
      (cause: unknown) => {
        if (over || remote.silenceTold()) return;
        const code = cause instanceof SynodError ? ` (${cause.code})` : "";
        output.note(`waits for ${what}: the cluster does not answer${code}; it needs a leader and a majority`);
      },
    );
  }, SILENT_MS);
  return () => {
    over = true;
    clearTimeout(timer);
  };
}
