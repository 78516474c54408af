import type { Ballot, NodeId } from "@synod/interface";
import type { Core } from "./core.js";
import { content } from "./election-view.js";

/** Refuses what came in a ballot below the promise, or while another ballot has a lease. */
export function reject(core: Core, to: NodeId, ballot: Ballot): void {
  const { promised } = core.acceptor;
  const { leaderBallot } = core;
  const leaseLeftMs = Math.ceil(core.grantor.leftMs(ballot, core.nowMs));
  if (promised === null && leaseLeftMs === 0) return;
  core.send(to, { kind: "reject", ballot, promised, content: content(core), leaderBallot, leaseLeftMs }, "control");
}
