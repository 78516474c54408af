import { setTimeout as delay } from "node:timers/promises";
import { type Client, connect } from "@synod/client";
import {
  type Coordination,
  coordination,
  type CoordinationAnswer,
  coordinationCodecs,
  type CoordinationCommand,
  type CoordinationQuery,
  type CoordinationResult,
} from "@synod/coordination";
import { SynodError } from "@synod/interface";

const CALL_MS = 2_000;
/** All faults are over by then. */
const PATIENCE_MS = 60_000;

export interface Connected {
  readonly client: Client<CoordinationCommand, CoordinationQuery, CoordinationResult, CoordinationAnswer>;
  readonly all: Coordination;
  readonly close: () => Promise<void>;
}

/** As soon as somebody lets it in. @throws SynodError `NoServer` */
export async function connected(cluster: string, servers: readonly string[], name: string): Promise<Connected> {
  for (const end = performance.now() + PATIENCE_MS; ; await delay(100)) {
    try {
      const client = await connect({
        cluster,
        servers,
        ...coordinationCodecs(),
        name,
        // Short, as faults are.
        limits: { timeoutMs: CALL_MS, reconnectMaxMs: 300, idleTimeoutMs: 2_000 },
      });
      const all = coordination(client);
      const close = async (): Promise<void> => {
        await all.close();
        await client.close();
      };
      return { client, all, close };
    } catch (error) {
      if (!(error instanceof SynodError) || performance.now() > end) throw error;
    }
  }
}
