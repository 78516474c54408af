/** Nobody may change a message that is shared with others. */
export function deepFreeze(x: unknown): void {
  if (typeof x !== "object" || x === null || ArrayBuffer.isView(x) || Object.isFrozen(x)) return;
  Object.freeze(x);
  for (const inner of Object.values(x)) deepFreeze(inner);
}
