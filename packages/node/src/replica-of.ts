import type { Recovered } from "@synod/interface";
import { Replica } from "@synod/multipaxos";
import type { NodeLimits, NodeOptions } from "./types.js";

export interface ReplicaStart {
  readonly options: Pick<NodeOptions<never, never, never>, "priority" | "thrifty">;
  readonly limits: NodeLimits;
  readonly recovered: Recovered;
  /** It only votes. */
  readonly witness: boolean;
  /** What was restored: the state machine has it by now. */
  readonly snapshot: { readonly head: Uint8Array; readonly hash: string } | null;
}

/** The replica that goes on with what the store holds. */
export function replicaOf({ options, limits, recovered, witness, snapshot }: ReplicaStart): Replica {
  const { nodeId, bootId, founders } = recovered.identity;
  return new Replica({
    nodeId,
    bootId,
    configuration: founders,
    recovered,
    witness,
    ...(snapshot === null ? {} : { snapshotHash: snapshot.hash, snapshotHead: snapshot.head }),
    settings: {
      electionTimeoutMs: limits.electionTimeoutMs,
      creditBytesMax: limits.peerBytesMax,
      applyBytesMax: limits.applyBytesMax,
      priority: options.priority ?? 0,
      thrifty: options.thrifty ?? false,
      retainedBytesMax: limits.snapshotTailBytesMax,
      snapshotChunkBytes: limits.snapshotChunkBytes,
    },
  });
}
