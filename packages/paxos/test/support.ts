import type { Ballot } from "@synod/interface";

/** `ballot("4.3")` is round 4 of node 3. */
export function ballot(text: string): Ballot {
  const [round, node] = text.split(".").map(Number);
  return { round: round as number, node: node as number };
}

/** Freezes all the way down, so that a step that changes its input throws. */
export function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || Object.isFrozen(value)) return value;
  for (const child of Object.values(value)) deepFreeze(child);
  return Object.freeze(value);
}
