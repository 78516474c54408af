import type { NodeId, Slot } from "@synod/interface";
import { object, whole } from "./plain-data.js";

/** Where to go on reading: at the node that has the snapshot, and nowhere else. */
export interface SnapshotPlace {
  readonly node: NodeId;
  readonly index: Slot;
  /** Of the whole snapshot. */
  readonly bytes: number;
  readonly offset: number;
}

export function placeOf(value: unknown): SnapshotPlace {
  const { node, index, bytes, offset } = object(value);
  return { node: whole(node), index: whole(index), bytes: whole(bytes), offset: whole(offset) };
}
