// All servers of a cluster, asked at once: what each says, which are missing, and who of them knows most.
import type { RemoteNodeStatus } from "@synod/client";
import { SynodError } from "@synod/interface";
import type { Remote } from "./remote.js";
import { inFlags } from "./waiting.js";

/** A server that is there is connected by then. */
export const CONNECT_MS = 2000;

/** What one server said, or why it said nothing. */
export interface Row {
  readonly server: string;
  readonly node: RemoteNodeStatus | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

/** Each server that is there, at the same time; of the others why they are not. */
export async function askAll(remote: Remote): Promise<Row[]> {
  await waitForAll(remote.client, Math.min(remote.timeoutMs, CONNECT_MS));
  return askEach(remote);
}

export function askEach({ client, servers, timeoutMs }: Remote): Promise<Row[]> {
  return Promise.all(
    servers.map(async (server) => {
      const known = client.status().servers.find(({ address: at }) => at === server);
      if (known?.connected === false && known.failure !== null)
        return { server, node: null, error: errorOf(known.failure) };
      try {
        return { server, node: await client.admin.status({ server, timeoutMs }), error: null };
      } catch (cause) {
        return { server, node: null, error: errorOf(cause) };
      }
    }),
  );
}

function errorOf(cause: unknown): { readonly code: string; readonly message: string } {
  const { code, message } = cause instanceof SynodError ? cause : { code: "failed", message: String(cause) };
  return { code, message: inFlags(message) };
}

/** Until all are connected, or the time is up. @returns those that are not, and why */
export async function waitForAll(
  client: Remote["client"],
  limitMs: number,
): Promise<{ readonly address: string; readonly reason: string }[]> {
  const signal = AbortSignal.timeout(limitMs);
  const missing = (): { address: string; reason: string }[] =>
    client
      .status()
      .servers.filter(({ connected }) => !connected)
      .map(({ address: at, failure }) => ({ address: at, reason: inFlags(failure?.message ?? "not connected") }));
  const events = client.events({ signal });
  if (missing().length === 0) return [];
  for await (const _ of events) if (missing().length === 0) break;
  return missing();
}

/** The leader knows most of the others. Whoever leads is asked where it can be; else any. */
export async function leaderStatus(remote: Remote): Promise<RemoteNodeStatus> {
  const rows = await askAll(remote);
  return bestInformed(rows.flatMap(({ node }) => (node === null ? [] : [node]))) ?? remote.client.admin.status();
}

/**
 * Who knows most of the cluster: one that leads, else one that hears a working leader, else one that leads in vain, else any. The first of
 * several. A leader that has lost its majority still says that it leads, and knows nothing of what was decided since.
 */
export function bestInformed<Node extends Pick<RemoteNodeStatus, "role" | "content">>(
  nodes: readonly Node[],
): Node | undefined {
  const leads = ({ role }: Node): boolean => role === "leader";
  return (
    nodes.find((node) => leads(node) && node.content) ??
    nodes.find(({ content }) => content) ??
    nodes.find(leads) ??
    nodes[0]
  );
}

/** Whether it runs, and what is not as it should be. A server of an older release does not say all of it. */
export function stateText(node: Pick<RemoteNodeStatus, "state" | "membership" | "content" | "voting">): string {
  const { state, membership, content, voting } = node;
  const isRemoved = state !== "removed" && (membership?.removed ?? null) !== null;
  const notes = [...(isRemoved ? ["removed"] : []), ...(content ? [] : ["sees no leader"])];
  return [state, ...notes, ...(voting ? [] : ["does not vote"])].join(", ");
}

/** What a table of nodes has no room for, a line for each node: whom others refuse and why, and why one sees no leader. */
export function troubles(
  nodes: readonly Pick<RemoteNodeStatus, "id" | "content" | "reason" | "peers">[],
): readonly string[] {
  const refusals = new Map<number, { readonly by: number[]; readonly why: string }>();
  for (const { id: by, peers } of nodes) {
    for (const { id, refused } of peers) {
      // A server of an older release does not say it.
      if (refused === null || refused === undefined) continue;
      const known = refusals.get(id);
      if (known === undefined) refusals.set(id, { by: [by], why: refused });
      else known.by.push(by);
    }
  }
  const refused = [...refusals].map(
    ([id, { by, why }]) => `node ${id}: nothing is taken from it by node ${by.join(", ")}: ${why}`,
  );
  const alone = nodes.filter(({ id, content }) => !content && !refusals.has(id));
  return [...refused, ...alone.map(({ id, reason }) => `node ${id}: ${reason}`)];
}
