import { SynodError } from "@synod/interface";
import type { NodeLimits } from "./types.js";

const DEFAULTS: NodeLimits = {
  electionTimeoutMs: 250,
  queueBytesMax: 64 * 1024 * 1024,
  inFlightCommandsMax: 4096,
  batchBytesMax: 64 * 1024,
  commandBytesMax: 1024 * 1024,
  proposeTimeoutMs: 10_000,
  readTimeoutMs: 10_000,
  applyBytesMax: 64 * 1024 * 1024,
};

/** Fills in the defaults and refuses what makes no sense. */
export function nodeLimits(partial: Partial<NodeLimits> = {}): NodeLimits {
  const limits = { ...DEFAULTS, ...partial };
  for (const [name, value] of Object.entries(limits)) {
    if (!(name in DEFAULTS)) throw new SynodError("InvalidArgument", `limits.${name} is not a known limit`);
    if (typeof value !== "number" || !Number.isFinite(value) || value <= 0) {
      throw new SynodError("InvalidArgument", `limits.${name} must be a positive number, not ${String(value)}`);
    }
  }
  return limits;
}
