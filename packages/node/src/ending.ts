import { type Logger, SynodError } from "@synod/interface";
import type { NodeStatus } from "./types.js";

export const removedError = (): SynodError =>
  new SynodError("Removed", "this node is no member of the cluster any more: ask another node");

/** For a call to a node that does not run any more. */
export function notRunning(state: NodeStatus["state"], failure: SynodError | null): SynodError {
  if (state === "removed") return removedError();
  if (failure === null) return new SynodError("Closed", "the node is closed");
  return new SynodError("Closed", "the node stopped by itself: see the cause", { cause: failure });
}

/** Closes them all, whatever becomes of one of them. */
export async function closePorts(ports: readonly { close(): Promise<void> }[], logger: Logger): Promise<void> {
  const results = await Promise.allSettled(ports.map(async (port) => port.close()));
  for (const result of results) {
    if (result.status === "rejected") {
      logger.warn("a port did not close cleanly", { cause: result.reason as unknown });
    }
  }
}
