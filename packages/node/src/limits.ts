import { checkNames, optionNames, SynodError } from "@synod/interface";
import { SESSION_LIMIT_MAX } from "@synod/rsm";
import { CALL_BYTES } from "./admission.js";
import type { NodeLimits } from "./types.js";

const DEFAULTS: NodeLimits = {
  electionTimeoutMs: 250,
  queueBytesMax: 64 * 1024 * 1024,
  queueWaitMs: 5_000,
  inFlightCommandsMax: 4096,
  batchBytesMax: 64 * 1024,
  commandBytesMax: 1024 * 1024,
  proposeTimeoutMs: 10_000,
  readTimeoutMs: 10_000,
  applyBytesMax: 64 * 1024 * 1024,
  peerBytesMax: 16 * 1024 * 1024,
  digestEverySlots: 1024,
  snapshotLogBytes: 64 * 1024 * 1024,
  snapshotTailBytesMax: 16 * 1024 * 1024,
  snapshotChunkBytes: 128 * 1024,
};

export const LIMIT_NAMES: readonly string[] = optionNames(DEFAULTS, "limits.");

/** Codecs and transports take frames of 8 MiB at least; values must fit with room to spare. */
const VALUE_BYTES_MAX = 4 * 1024 * 1024;

/** A node looks around eight times in it; timers of the host cannot go much faster. */
const ELECTION_TIMEOUT_MS_MIN = 20;

/** Fills in the defaults and refuses what makes no sense. */
export function nodeLimits(partial: Partial<NodeLimits> = {}): NodeLimits {
  const limits = { ...DEFAULTS, ...partial };
  checkNames((name) => `limits.${name} is not a known limit`, partial, LIMIT_NAMES);
  for (const [name, value] of Object.entries(limits)) {
    if (typeof value !== "number" || !Number.isFinite(value) || value <= 0) {
      throw new SynodError("InvalidArgument", `limits.${name} must be a positive number, not ${String(value)}`);
    }
    // A peer is told of some of them, and no frame has room for half a byte.
    if (/Bytes(Max)?$/.test(name) && !Number.isSafeInteger(value)) {
      throw new SynodError("InvalidArgument", `limits.${name} must be whole bytes, not ${value}`);
    }
  }
  if (limits.electionTimeoutMs < ELECTION_TIMEOUT_MS_MIN) {
    throw new SynodError(
      "InvalidArgument",
      `limits.electionTimeoutMs must be at least ${ELECTION_TIMEOUT_MS_MIN}, not ${limits.electionTimeoutMs}`,
    );
  }
  if (!Number.isInteger(limits.inFlightCommandsMax) || limits.inFlightCommandsMax > SESSION_LIMIT_MAX) {
    throw new SynodError("InvalidArgument", `limits.inFlightCommandsMax must be an integer up to ${SESSION_LIMIT_MAX}`);
  }
  if (!Number.isInteger(Math.log2(limits.digestEverySlots))) {
    throw new SynodError("InvalidArgument", "limits.digestEverySlots must be a power of two, so that all nodes meet");
  }
  for (const name of ["commandBytesMax", "batchBytesMax"] as const) {
    if (limits[name] > VALUE_BYTES_MAX) {
      throw new SynodError(
        "InvalidArgument",
        `limits.${name} may be at most ${VALUE_BYTES_MAX}, so that frames stay within 8 MiB`,
      );
    }
  }
  const { queueBytesMax, snapshotChunkBytes } = limits;
  if (queueBytesMax < CALL_BYTES) {
    const why = "each call takes 1 KiB besides its command";
    throw new SynodError(
      "InvalidArgument",
      `limits.queueBytesMax must be at least ${CALL_BYTES}, not ${queueBytesMax}: ${why}`,
    );
  }
  if (snapshotChunkBytes > VALUE_BYTES_MAX) {
    throw new SynodError("InvalidArgument", `limits.snapshotChunkBytes may be at most ${VALUE_BYTES_MAX}`);
  }
  return limits;
}
