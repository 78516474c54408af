import type { NodeId } from "@synod/interface";
import type { Core } from "./core.js";
import type { Forward, ForwardReply } from "./messages.js";

/** Hands commands to the leader. Returns the sequence, or null if no other node is known to lead. */
export function forward(core: Core, body: Uint8Array): number | null {
  const { leader } = core;
  if (leader === null || leader === core.me) return null;
  const sequence = ++core.forwardSequence;
  core.send(leader, { kind: "forward", bootId: core.bootId, sequence, body }, "bulk");
  return sequence;
}

export function onForward(core: Core, from: NodeId, message: Forward): void {
  const { bootId, sequence, body } = message;
  if (!core.forwardFilter.firstSeen(from, bootId, sequence)) return core.ignore(from, "copy of a forwarded frame");

  if (core.leads) core.forwarded.push({ from, bootId, sequence, body });
  else core.send(from, { kind: "forwardReply", bootId, sequence, outcome: "notProposed" }, "control");
}

export function onForwardReply(core: Core, from: NodeId, message: ForwardReply): void {
  if (message.bootId !== core.bootId) return core.ignore(from, "forward reply for an earlier life");

  core.forwardOutcomes.push({ sequence: message.sequence, outcome: message.outcome });
}
