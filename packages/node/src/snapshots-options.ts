import type { Clock, Incarnation, Logger, Metrics, NodeId, Storage } from "@synod/interface";
import type { Message, Replica } from "@synod/multipaxos";
import type { ReplicatedMachine } from "@synod/rsm";
import type { Applier } from "./applier.js";
import type { NodeEvent, NodeLimits } from "./types.js";

export interface SnapshotsOptions {
  readonly self: Pick<Incarnation, "nodeId">;
  readonly replica: Replica;
  /** It takes snapshots only where the core wants to forget. */
  readonly witness: boolean;
  readonly machine: Omit<ReplicatedMachine<never, unknown>, "query" | "watch">;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits: NodeLimits;
  readonly applier: Applier;
  readonly now: () => number;
  /** Runs something in a turn: nothing here touches the replica outside of one. */
  readonly inTurn: (run: () => void) => void;
  readonly send: (to: NodeId, message: Message) => void;
  /** The state has skipped slots whose outcomes nobody here was told. */
  readonly outcomesMissed: () => void;
  readonly emit: (event: NodeEvent) => void;
  readonly fail: (cause: unknown) => void;
}
