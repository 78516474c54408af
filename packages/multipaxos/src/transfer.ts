import { compareBallots } from "@synod/paxos";
import type { Ballot, NodeId } from "@synod/interface";
import type { Core } from "./core.js";

/** An orderly change of leader, from the side of the leader. */
export interface Transfer {
  readonly to: NodeId;
  /** Of the leadership that is handed over. */
  readonly ballot: Ballot;
  /** Then this leader goes on. Sooner, once it has stopped proposing. */
  untilMs: number;
  /** `wait`: the target lacks much, and this leader goes on meanwhile. `halt`: nothing new is proposed. `told`: the target is to campaign. */
  phase: "wait" | "halt" | "told";
  toldAtMs: number;
}

/** Whether this leader proposes nothing new because it hands over. */
export function isHandingOver({ transfer, leads }: Core): boolean {
  return leads && transfer !== null && transfer.phase !== "wait";
}

export function endTransfer(core: Core, done: boolean, reason: string): void {
  const { transfer } = core;
  core.transfer = null;
  if (transfer !== null) core.notice({ kind: "transferEnded", to: transfer.to, done, reason });
}

/** A leader is known, or none any more. */
export function transferLeader(core: Core, ballot: Ballot | null): void {
  const { transfer } = core;
  if (transfer === null || ballot === null || compareBallots(ballot, transfer.ballot) <= 0) return;
  endTransfer(core, ballot.node === transfer.to, `node ${ballot.node} leads`);
}
