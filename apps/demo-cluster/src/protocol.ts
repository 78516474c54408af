import type { Member, NodeId } from "@synod/interface";
import type { NodeEvent, NodeStatus } from "@synod/node";
import type { KvAnswer, KvCommand, KvQuery, KvResult } from "./kv.js";

/** What a replica process is told once, before anything else. */
export interface ReplicaConfig {
  readonly id: NodeId;
  readonly clusterId: string;
  readonly members: readonly Member[];
  readonly directory: string;
  readonly bootstrap: boolean;
  readonly cut: readonly NodeId[];
}

/** What a replica can be asked. Each call gets one reply, or none if the process dies. */
export type Call =
  | { readonly kind: "propose"; readonly command: KvCommand }
  | { readonly kind: "read"; readonly query: KvQuery }
  | { readonly kind: "digest" }
  | { readonly kind: "cut"; readonly peers: readonly NodeId[] };

export interface Digest {
  readonly applied: number;
  readonly digest: string;
}

/** What each kind of call is answered with. */
export interface CallResults {
  readonly propose: KvResult;
  readonly read: KvAnswer;
  readonly digest: Digest;
  readonly cut: null;
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
  | { readonly kind: "stop" };

/** The part of a node's status that is shown. */
export type ReplicaStatus = Pick<
  NodeStatus,
  "role" | "leader" | "ballot" | "chosenUpTo" | "applied" | "commandsApplied" | "chainHash" | "content"
> & { readonly heard: readonly NodeId[] };

/** An event without its error object, which does not survive a pipe. */
export type ReplicaEvent = Exclude<NodeEvent, { kind: "failed" }>;

/** From a replica to the supervisor. */
export type FromReplica =
  | { readonly kind: "ready" }
  /** It cannot start or go on; the process ends after this. */
  | { readonly kind: "failed"; readonly code: string; readonly message: string }
  | { readonly kind: "status"; readonly status: ReplicaStatus }
  | { readonly kind: "event"; readonly event: ReplicaEvent }
  | { readonly kind: "replies"; readonly replies: readonly Reply[] };
