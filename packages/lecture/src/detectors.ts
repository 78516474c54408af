import type { NodeId } from "@synod/interface";

/** A failure detector that is wrong less and less often: each time it was, it waits longer. Times in milliseconds. */
export interface FailureDetector {
  readonly ids: readonly NodeId[];
  /** Who answered since the last time-out, ascending. */
  readonly alive: readonly NodeId[];
  readonly suspected: readonly NodeId[];
  /** How long it waits now, and by how much it adds. */
  readonly delayMs: number;
  readonly deltaMs: number;
}

export interface Detected {
  readonly detector: FailureDetector;
  /** What changed, in the order of `ids`. Afterwards everybody is to be asked for a sign of life again. */
  readonly changes: readonly { readonly kind: "suspect" | "restore"; readonly id: NodeId }[];
}

/** A detector that holds everybody to be alive. */
export function failureDetector(ids: readonly NodeId[], deltaMs: number): FailureDetector {
  return { ids, alive: [...ids], suspected: [], delayMs: deltaMs, deltaMs };
}

/** A sign of life. */
export function heartbeat(detector: FailureDetector, from: NodeId): FailureDetector {
  if (!detector.ids.includes(from) || detector.alive.includes(from)) return detector;
  return { ...detector, alive: [...detector.alive, from].sort((a, b) => a - b) };
}

/** The time is up: who was silent is suspected, who was suspected and spoke is not any more, and then the time was too short. */
export function detectorTimeout(detector: FailureDetector): Detected {
  const { ids, alive, deltaMs } = detector;
  const suspected = new Set(detector.suspected);
  const wasWrong = alive.some((id) => suspected.has(id));
  const changes: Detected["changes"][number][] = [];
  for (const id of ids) {
    if (!alive.includes(id) && !suspected.has(id)) changes.push({ kind: "suspect", id });
    if (alive.includes(id) && suspected.has(id)) changes.push({ kind: "restore", id });
  }
  for (const { kind, id } of changes) {
    if (kind === "suspect") suspected.add(id);
    else suspected.delete(id);
  }
  const delayMs = wasWrong ? detector.delayMs + deltaMs : detector.delayMs;
  const next = { ...detector, alive: [], suspected: [...suspected].sort((a, b) => a - b), delayMs };
  return { detector: next, changes };
}

/** The leader: the highest id that is not suspected. Negative ids stand for nobody. Null: there is none. */
export function leaderAmong(ids: readonly NodeId[], suspected: readonly NodeId[]): NodeId | null {
  const candidates = ids.filter((id) => id >= 0 && !suspected.includes(id));
  return candidates.length === 0 ? null : Math.max(...candidates);
}
