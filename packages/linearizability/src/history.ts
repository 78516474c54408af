import { SynodError } from "@synod/interface";

/** One call of one client, as the client saw it. */
export interface Operation<Input, Output> {
  readonly client: string | number;
  /** When the client sent it. Any unit, as long as all operations were timed by one clock. */
  readonly call: number;
  /**
   * When the client had the answer. `null`: it never had one, so that the operation may have taken effect at any time
   * after the call, or never. An operation that surely had no effect does not belong into a history.
   */
  readonly return: number | null;
  readonly input: Input;
  /** What the client was told; absent when `return` is null, and where nothing is told. */
  readonly output?: Output | undefined;
}

/** The order in which one client did things, but for its operations without duration: these keep that of the history. */
export function byTime(a: Operation<unknown, unknown>, b: Operation<unknown, unknown>): number {
  return a.call - b.call || (a.return ?? Number.NEGATIVE_INFINITY) - (b.return ?? Number.NEGATIVE_INFINITY) || 0;
}

/**
 * @throws SynodError `InvalidArgument` for a history that no clients can have recorded; `details.index` says where.
 */
export function checkHistory(history: readonly Operation<unknown, unknown>[]): void {
  if (!Array.isArray(history)) refuse("The history must be an array of operations.");
  history.forEach(checkOperation);
  const latest = new Map<string | number, { readonly index: number; readonly returned: number }>();
  const order = [...history.keys()].sort((a, b) => byTime(at(history, a), at(history, b)) || a - b);
  for (const index of order) {
    const { client, call, return: returned } = at(history, index);
    const before = latest.get(client);
    if (before && before.returned > call) {
      refuse(
        `Operations ${before.index} and ${index} of client ${client} overlap: number ${index} was called at ${call}, ` +
          `before number ${before.index} returned at ${before.returned}. A client waits for its answer; give each ` +
          "concurrent caller a name of its own.",
        index,
      );
    }
    if (returned !== null) latest.set(client, { index, returned });
  }
}

function checkOperation(operation: Operation<unknown, unknown>, index: number): void {
  const is = (fault: string): never => refuse(`Operation ${index} ${fault}`, index);
  if (typeof operation !== "object" || operation === null) is("is no object.");
  const { client, call, return: returned } = operation;
  if (typeof client !== "string" && !Number.isFinite(client)) is("has no client: name it by a string or a number.");
  if (!("input" in operation)) is("has no input.");
  if (!Number.isFinite(call)) is(`was called at ${String(call)}: times are finite numbers.`);
  if (returned === null) {
    if (operation.output !== undefined) is("has an output but no return time: an outcome is known or it is not.");
    return;
  }
  if (!Number.isFinite(returned)) {
    is(`returned at ${String(returned)}: use a finite number, or null if its outcome is unknown.`);
  }
  if (returned < call) is(`returned at ${returned}, before it was called at ${call}.`);
}

function at<T>(items: readonly T[], index: number): T {
  return items[index] as T;
}

export function refuse(message: string, index?: number): never {
  throw new SynodError("InvalidArgument", message, index === undefined ? {} : { details: { index } });
}
