import type { Observer } from "./observer.js";
import type { ReplicaProcess } from "./replica-process.js";
import type { Speed } from "./throughput.js";
import type { ReplicaState, ReplicaView } from "./view.js";

/** A replica's process and what is kept about it. */
export interface Entry {
  readonly process: ReplicaProcess;
  readonly speed: Speed;
  /** Whether it went down without being asked to. */
  failed: boolean;
  /** How much longer each write to its disk takes. */
  slowMs: number;
}

const HASH_CHARS = 8;

export const ballotText = ({ round, node }: { readonly round: number; readonly node: number }): string =>
  `${round}.${node}`;

export function replicaView({ process, speed, failed, slowMs }: Entry, observer: Observer): ReplicaView {
  const { id, status, pid } = process;
  const state: ReplicaState = process.state === "down" ? (failed ? "failed" : "killed") : process.state;
  return {
    id,
    state,
    role: status?.role ?? "follower",
    ballot: status?.ballot ? ballotText(status.ballot) : "",
    promised: status?.promised ?? null,
    chosen: status?.chosenUpTo ?? 0,
    applied: status?.applied ?? 0,
    commandsPerSecond: state === "running" ? speed.perSecond : 0,
    hash: status?.chainHash.slice(0, HASH_CHARS) ?? "",
    heard: state === "running" ? (status?.heard ?? []) : [],
    reason: status?.reason ?? "",
    impaired: status?.impaired ?? null,
    pid,
    epoch: status?.epoch ?? 0,
    part: status?.part ?? "none",
    snapshot: status?.snapshot ?? 0,
    slowMs,
    log: observer.logOf(id),
  };
}
