import { SynodError } from "@synod/interface";

/** Local settings of one replica. None of them may decide what is chosen; those live in the configuration. */
export interface ReplicaSettings {
  /**
   * A peer not heard for this long counts as gone. After the leader was killed or hangs another leads within two of these; where links are
   * cut, within four if some node reaches a quorum.
   */
  readonly electionTimeoutMs: number;
  /**
   * An Accept that a member has not answered is sent again after this or twice what its votes take, whatever is longer; then
   * after twice that, then every four times.
   */
  readonly resendMs: number;
  /** Values that this leader may have proposed and not yet seen chosen. */
  readonly inFlightBytesMax: number;
  /** Values in one Accept; in one Learn, or votes in one page of a promise, 128 KiB at most. One value alone may be larger. */
  readonly frameValueBytesMax: number;
  /** Values that may be on the way to a member that has not answered them, and what it may have waiting for its disk. */
  readonly creditBytesMax: number;
  /** Chosen values that wait for execution: above it this replica takes no more in, from the leader or from others. */
  readonly applyBytesMax: number;
  /** What one write to storage gathers, about. One value alone may be larger. */
  readonly writeBytesMax: number;
  /** Of the nodes that could lead, one with a higher priority campaigns first, by two rounds. An integer from 0 up; a preference, never a condition. */
  readonly priority: number;
  /**
   * As a leader, sends values to the fastest phase-2 quorum at first, and to the other voters where that does not answer in `resendMs`.
   * Those learn what is chosen and fetch it.
   */
  readonly thrifty: boolean;
  /** Chosen values that a snapshot has already and that are kept for peers a little behind. */
  readonly retainedBytesMax: number;
  /** Part of a snapshot that is asked for at once; eight of them may be on their way. */
  readonly snapshotChunkBytes: number;
}

export const DEFAULT_SETTINGS: ReplicaSettings = {
  electionTimeoutMs: 250,
  resendMs: 125,
  inFlightBytesMax: 64 * 1024 * 1024,
  frameValueBytesMax: 1024 * 1024,
  creditBytesMax: 16 * 1024 * 1024,
  applyBytesMax: 64 * 1024 * 1024,
  writeBytesMax: 16 * 1024 * 1024,
  priority: 0,
  thrifty: false,
  retainedBytesMax: 16 * 1024 * 1024,
  snapshotChunkBytes: 128 * 1024,
};

/** Fills in the defaults and refuses what makes no sense. */
export function replicaSettings(partial: Partial<ReplicaSettings> = {}): ReplicaSettings {
  const electionTimeoutMs = partial.electionTimeoutMs ?? DEFAULT_SETTINGS.electionTimeoutMs;
  const settings = { ...DEFAULT_SETTINGS, resendMs: electionTimeoutMs / 2, ...partial };
  const { priority, thrifty, ...positive } = settings;
  if (!Number.isSafeInteger(priority) || priority < 0) {
    throw new SynodError("InvalidArgument", `priority must be an integer from 0 up, not ${String(priority)}`);
  }
  if (typeof thrifty !== "boolean") {
    throw new SynodError("InvalidArgument", `thrifty must be true or false, not ${String(thrifty)}`);
  }
  for (const [name, value] of Object.entries(positive)) {
    if (!Number.isFinite(value) || value <= 0) {
      throw new SynodError("InvalidArgument", `${name} must be a positive number, not ${String(value)}`);
    }
    if (/Bytes(Max)?$/.test(name) && !Number.isSafeInteger(value)) {
      throw new SynodError("InvalidArgument", `${name} must be whole bytes, not ${value}`);
    }
  }
  return settings;
}
