import type {
  Clock,
  Codec,
  Incarnation,
  Logger,
  Member,
  Metrics,
  NodeId,
  Random,
  Slot,
  Storage,
  SynodError,
  Transport,
} from "@synod/interface";
import type { Envelope, Replica } from "@synod/multipaxos";
import type { ReplicatedMachine } from "@synod/rsm";
import type { Buggify, NodeLimits } from "./types.js";
import type { Watches } from "./watches.js";

/** What comes in between two turns. */
export type Input =
  | { readonly kind: "frame"; readonly from: NodeId; readonly frame: Uint8Array }
  | { readonly kind: "peerUp"; readonly peer: Incarnation }
  | { readonly kind: "peerDown"; readonly id: NodeId }
  | { readonly kind: "peerRefused"; readonly id: NodeId; readonly reason: string }
  | { readonly kind: "task"; readonly run: () => void };

export interface DriverOptions {
  /** It only votes: it has no state to be held against that of others. */
  readonly witness: boolean;
  readonly self: Incarnation;
  /** Where members listen that the log says nothing of. */
  readonly addresses: readonly Member[];
  readonly replica: Replica;
  /** What was known as chosen at the start. */
  readonly recoveredUpTo: Slot;
  readonly machine: Omit<ReplicatedMachine<never, unknown>, "query" | "watch">;
  readonly transport: Transport;
  readonly storage: Storage;
  readonly codec: Codec<Envelope>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits: NodeLimits;
  readonly buggify: Buggify;
  /** Versions are raised only after `upgrade.allow()`. */
  readonly manualUpgrade: boolean;
  /** After which the cluster forgets an unused session, by logged time. */
  readonly sessionTtlMs: number;
  /** The node cannot go on. Called once. */
  readonly onFailure: (error: SynodError) => void;
  /** Gives the metrics what goes up and down. */
  readonly publish: () => void;
  readonly watches: Pick<Watches<never, unknown>, "count" | "serve" | "failAll">;
  /** The node is no member any more, and may stop. Called once. */
  readonly onRemoved: (epoch: number) => void;
}
