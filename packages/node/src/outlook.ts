import type { Configuration, Logger, NodeId } from "@synod/interface";
import type { ReplicaStatus } from "@synod/multipaxos";
import type { Peers } from "./peers.js";
import { sightOf } from "./sight.js";

/** So long a cluster may be without a working leader before it is worth a line: an election takes less. */
const FIRST_MS = 5_000;
const AGAIN_MS = 60_000;

export interface OutlookOptions {
  readonly self: NodeId;
  readonly status: () => Pick<ReplicaStatus, "content" | "leader" | "heard">;
  readonly configuration: () => Configuration;
  readonly peers: Pick<Peers, "isConnected" | "refusalOf">;
  readonly logger: Logger;
}

/** Says that no working leader is in sight, and what is known of why. That peers cannot be reached is no event: nothing else would be said. */
export class Outlook {
  readonly #o: OutlookOptions;
  /** When to say so, unless there is one by then. */
  #dueMs: number | null = null;

  constructor(options: OutlookOptions) {
    this.#o = options;
  }

  look(nowMs: number): void {
    const { self, status, configuration, peers, logger } = this.#o;
    const now = status();
    if (now.content) {
      this.#dueMs = null;
      return;
    }
    this.#dueMs ??= nowMs + FIRST_MS;
    if (nowMs < this.#dueMs) return;
    this.#dueMs = nowMs + AGAIN_MS;
    const { members } = configuration();
    const { text } = sightOf(self, now, configuration());
    const unreached = members
      .filter(({ id }) => id !== self && !peers.isConnected(id))
      .map(
        ({ id, address }) =>
          `${id}${address === undefined ? "" : ` at ${address}`}: ${peers.refusalOf(id) ?? "not connected"}`,
      );
    logger.warn("no working leader is in sight: nothing is decided here", { sight: text, unreached });
  }
}
