import { canonical } from "./canonical.js";
import { type Operation, refuse } from "./history.js";
import { anyOutput, type Step } from "./model.js";

export const no: Step<never> = { ok: false };
export const yes = <State>(state: State): Step<State> => ({ ok: true, state });

/** ` -> 3`, or nothing where nobody knows. */
export function told(output: unknown): string {
  return output === anyOutput ? "" : ` -> ${canonical(output)}`;
}

export function unknownType(input: never): never {
  return refuse(`The model knows no operation of type ${String((input as { readonly type?: unknown }).type)}.`);
}

/**
 * For something that only grows: the completed operations that saw less before them than another one saw before they
 * were called. `seen` tells the size before and after an operation, or undefined if nobody was told.
 */
export function outrun<Input, Output>(
  operations: readonly Operation<Input, Output>[],
  seen: (operation: Operation<Input, Output>) => { readonly before: number; readonly after: number } | undefined,
): Set<Operation<Input, Output>> {
  const sizes = operations.flatMap((operation) => {
    const size = operation.return === null ? undefined : seen(operation);
    return size ? [{ ...size, operation, call: operation.call, return: Number(operation.return) }] : [];
  });
  const byReturn = [...sizes].sort((a, b) => a.return - b.return);
  const late = new Set<Operation<Input, Output>>();
  let largest = Number.NEGATIVE_INFINITY;
  let at = 0;
  for (const { operation, call, before } of sizes.sort((a, b) => a.call - b.call)) {
    for (let next = byReturn[at]; next && next.return < call; next = byReturn[at]) {
      largest = Math.max(largest, next.after);
      at += 1;
    }
    if (before < largest) late.add(operation);
  }
  return late;
}
