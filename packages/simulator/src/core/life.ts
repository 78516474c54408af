import type { Configuration, NodeId, Slot, StorageWrite } from "@synod/interface";
import {
  type Notice,
  Outbox,
  type ReadReady,
  type Replica,
  type ReplicaSettings,
  type WriteId,
} from "@synod/multipaxos";
import type { Leases } from "./leases.js";
import type { CoreNetwork } from "./network.js";
import type { CoreNode } from "./node.js";
import type { CoreOracle } from "./oracle.js";
import type { Reads } from "./reads.js";
import { newSnapshotLife, type SnapshotLife, type SnapshotPlan } from "./snapshots.js";
import { rankOf } from "./values.js";
import type { WitnessRule } from "./witness-rule.js";
import type { World } from "./world.js";

/** Where a process is to end: after so many more of these steps. */
export interface ArmedCrash {
  readonly step: "write begun" | "write durable" | "message sent";
  left: number;
}

export interface CoreNodeParts {
  readonly world: World;
  readonly oracle: CoreOracle;
  readonly network: CoreNetwork;
  readonly reads: Reads;
  readonly configuration: Configuration;
  readonly settings: Partial<ReplicaSettings> & { readonly electionTimeoutMs: number };
  readonly priorities?: readonly number[];
  readonly diskMs: readonly [number, number];
  /** Longest value. */
  readonly valueBytesMax: number;
  /** Between handing out and having executed; none at all for 0. */
  readonly applyMs: number;
  /** Clocks run between 1 - drift and 1 + drift times as fast as they should. */
  readonly drift: number;
  /** Old packets that come once more to a node that was elected. */
  readonly echo: number;
  /** Called with each notice of a replica. */
  readonly onNotice: (node: CoreNode, notice: Notice) => void;
  /** Whether messages are frozen, so that whoever changes one that is shared is found out. */
  readonly freeze: boolean;
  readonly leases: Leases;
  /** A process that leads goes on after a pause, and has not looked at the clock. */
  readonly onResume: (id: NodeId) => void;
  readonly plan: SnapshotPlan;
  /** Whether the members change. */
  readonly changes: boolean;
}

export interface Writing {
  readonly id: WriteId;
  readonly write: StorageWrite;
  /** On disk, and the process has not heard of it. */
  durable: boolean;
}

/** One life of a node, from its start to its crash. */
export interface Life {
  readonly replica: Replica;
  readonly bootId: string;
  readonly outbox: Outbox;
  writing: Writing | null;
  handedOut: Slot;
  applied: Slot;
  applyPlanned: boolean;
  /** Rank of the highest promise seen. */
  promised: number;
  /** The most that it said to have executed, and to know as chosen. */
  most: { applied: Slot; chosenUpTo: Slot };
  readonly snapshots: SnapshotLife;
  readonly waitingReads: ReadReady[];
  /** Forwards that this life was given to propose, and those that it answered as not proposed. */
  readonly taken: Set<string>;
  readonly refused: Set<string>;
  /** Whether it last said that its disk or event loop stands still, or did lately. */
  impaired: boolean;
  /** Of a witness. */
  readonly rule: WitnessRule | null;
}

export function newLife(
  replica: Replica,
  { bootId, executed, rule }: Pick<Life, "bootId" | "rule"> & { readonly executed: Slot },
): Life {
  return {
    replica,
    bootId,
    rule,
    outbox: new Outbox(),
    writing: null,
    handedOut: executed,
    applied: executed,
    applyPlanned: false,
    promised: rankOf(replica.status().promised),
    most: { applied: 0, chosenUpTo: 0 },
    snapshots: newSnapshotLife(),
    waitingReads: [],
    taken: new Set(),
    refused: new Set(),
    impaired: false,
  };
}
