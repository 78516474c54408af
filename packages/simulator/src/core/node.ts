import type { Ballot, NodeId, Slot } from "@synod/interface";
import type { Outbox, Replica, WriteId } from "@synod/multipaxos";
import type { Disk } from "./oracle.js";

/** One life of a node, from its start to its crash. */
export interface Life {
  readonly number: number;
  readonly replica: Replica;
  readonly outbox: Outbox;
  readonly bootId: string;
  writing: { id: WriteId; apply: () => void } | null;
  /** Texts handed out; slot 1 first. */
  readonly handedOut: string[];
  applied: Slot;
  applyPlanned: boolean;
  promised: Ballot | null;
  readonly reads: { tokens: readonly number[]; index: Slot }[];
  /** Forwards that this life was given to propose. */
  readonly taken: Set<string>;
}

/** What outlives a crash, and the life that goes on. */
export interface Node {
  readonly id: NodeId;
  readonly disk: Disk;
  life: Life | null;
  lives: number;
  pausedUntil: number;
  /** What a paused process will find when it goes on. */
  deferred: (() => void)[];
}

/** Nobody may change a message that is shared with others. */
export function deepFreeze(x: unknown): void {
  if (typeof x !== "object" || x === null || ArrayBuffer.isView(x) || Object.isFrozen(x)) return;
  Object.freeze(x);
  for (const inner of Object.values(x)) deepFreeze(inner);
}
