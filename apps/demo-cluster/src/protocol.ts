import type { Member, NodeId, Slot, SnapshotInfo } from "@synod/interface";
import type { MembershipChange, NodeEvent, NodeStatus, StaleAnswer } from "@synod/node";
import type { KvAnswer, KvCommand, KvQuery, KvResult } from "./kv.js";
import type { Seen } from "./moments.js";
import type { Part } from "./view.js";
import type { WireEvent } from "./wire.js";

/** What a replica process is told once, before anything else. */
export interface ReplicaConfig {
  readonly id: NodeId;
  readonly clusterId: string;
  /** The founders, for good. */
  readonly founders: readonly Member[];
  /** Where the others listen that came later. */
  readonly contacts: readonly Member[];
  /** Where this replica listens. */
  readonly address: string;
  readonly directory: string;
  readonly bootstrap: boolean;
  readonly cut: readonly NodeId[];
  /** How much longer each write to its disk takes. */
  readonly slowMs: number;
}

/** How a read is answered: `stale` by what the replica has, which may be old. */
export type ReadVia = "leader" | "quorum" | "stale";

/** What a replica can be asked. Each call gets one reply, or none if the process dies. */
export type Call =
  | { readonly kind: "propose"; readonly command: KvCommand }
  | { readonly kind: "read"; readonly query: KvQuery; readonly via: Exclude<ReadVia, "stale"> }
  | { readonly kind: "readStale"; readonly query: KvQuery }
  | { readonly kind: "digest" }
  | { readonly kind: "recent" }
  | { readonly kind: "cut"; readonly peers: readonly NodeId[] }
  | { readonly kind: "slow"; readonly ms: number }
  | { readonly kind: "change"; readonly change: MembershipChange }
  | { readonly kind: "transfer"; readonly to: NodeId }
  | { readonly kind: "snapshot" };

export interface Digest {
  readonly applied: number;
  readonly digest: string;
}

/** What each kind of call is answered with. */
export interface CallResults {
  readonly propose: KvResult;
  readonly read: KvAnswer;
  readonly readStale: StaleAnswer<KvAnswer>;
  readonly digest: Digest;
  /** Its last messages, oldest first. */
  readonly recent: readonly WireEvent[];
  readonly cut: null;
  readonly slow: null;
  /** The epoch in force when the change is complete. */
  readonly change: number;
  readonly transfer: NodeId;
  readonly snapshot: SnapshotInfo;
}

export interface NumberedCall {
  readonly number: number;
  readonly call: Call;
  /** The replica gives up after this. */
  readonly timeoutMs: number;
}

export type Reply =
  | { readonly number: number; readonly ok: true; readonly value: unknown }
  | { readonly number: number; readonly ok: false; readonly code: string; readonly message: string };

/** From the supervisor to a replica. Calls travel in groups: one message a turn, however many there are. */
export type ToReplica =
  | { readonly kind: "start"; readonly config: ReplicaConfig }
  | { readonly kind: "calls"; readonly calls: readonly NumberedCall[] }
  /** In order: what is under way is answered first, and a leader hands over. */
  | { readonly kind: "stop"; readonly inOrder: boolean };

/** The part of a node's status that is shown. */
export type ReplicaStatus = Pick<
  NodeStatus,
  | "role"
  | "leader"
  | "ballot"
  | "promised"
  | "chosenUpTo"
  | "applied"
  | "commandsApplied"
  | "chainHash"
  | "content"
  | "reason"
  | "impaired"
> & {
  readonly heard: readonly NodeId[];
  readonly epoch: number;
  readonly part: Part;
  /** It was removed, and has stopped. */
  readonly removed: boolean;
  /** Everything up to this slot is in its snapshot. */
  readonly snapshot: Slot;
  readonly storeId: string;
};

/** An event without its error object, which does not survive a pipe. */
export type ReplicaEvent = Exclude<NodeEvent, { kind: "failed" }>;

/** From a replica to the supervisor. */
export type FromReplica =
  | { readonly kind: "ready" }
  /** It cannot start or go on; the process ends after this. */
  | { readonly kind: "failed"; readonly code: string; readonly message: string }
  | { readonly kind: "status"; readonly status: ReplicaStatus }
  | { readonly kind: "event"; readonly event: ReplicaEvent }
  | { readonly kind: "seen"; readonly seen: Seen }
  | { readonly kind: "replies"; readonly replies: readonly Reply[] };
