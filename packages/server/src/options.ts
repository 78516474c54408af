import { SynodError } from "@synod/interface";
import type { ServerLimits } from "./types.js";

const defaults: ServerLimits = {
  connectionsMax: 10_000,
  frameBytesMax: 4 * 1024 * 1024 + 64 * 1024,
  requestsMax: 1_024,
  requestBytesMax: 16 * 1024 * 1024,
  inputBytesTotalMax: 256 * 1024 * 1024,
  watchesMax: 4_096,
  watchesTotalMax: 50_000,
  requestsPerSecondMax: 1_000_000,
  outputBytesMax: 64 * 1024 * 1024,
  outputBytesTotalMax: 512 * 1024 * 1024,
  outputStallMs: 10_000,
  handshakeTimeoutMs: 5_000,
  idleTimeoutMs: 30_000,
  leaderlessMs: 2_000,
};

/** Longest delay that timers of the host can hold. */
const timerMaxMs = 2 ** 31 - 1;

/** @throws SynodError `InvalidArgument`. */
export function limitsOf(given: Partial<ServerLimits> = {}): ServerLimits {
  const limits = { ...defaults, ...given };
  for (const [name, value] of Object.entries(limits) as [string, unknown][]) {
    const least = name === "frameBytesMax" || name === "outputBytesMax" ? 1_024 : 1;
    const most = name.endsWith("Ms") ? timerMaxMs : 2 ** 32 - 1;
    if (!(name in defaults)) throw new SynodError("InvalidArgument", `limits.${name} is not a known limit`);
    if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > most) {
      const text = `limits.${name} must be a whole number from ${least} to ${most}, not ${String(value)}`;
      throw new SynodError("InvalidArgument", text);
    }
  }
  return limits;
}
