import { drawHistory } from "./diagram.js";
import type { Operation } from "./history.js";
import { anyOutput, type Model } from "./model.js";
import { type Hints, type SearchLimits, type SearchResult, search } from "./search.js";

const drawnMax = 24;
const attemptMax = 8;
/** Without its hints a model is slow. */
const plainMax = 200;

/** Why a history is not linearizable. */
export interface Explanation<Input, Output> {
  /** No order of these is legal; by their call. One that returned only after the fault may be here without its return. */
  readonly operations: readonly Operation<Input, Output>[];
  /** One of them: it had returned, and nothing that could come before makes its output right. */
  readonly stuck: Operation<Input, Output>;
  /** The order that came nearest to it. It may use operations that are not among these, as of unknown outcome. */
  readonly attempt: readonly Operation<Input, Output>[];
  /** False if the limit on steps ended the search for fewer operations. */
  readonly smallest: boolean;
  /** All of this for people: a sentence, a diagram with time from left to right, the attempt. */
  readonly text: string;
}

type Failure = Extract<SearchResult, { readonly verdict: "none" }>;

/** Finds few operations that are at fault, and says so. */
export function explain<Input, Output>(
  model: Model<unknown, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  failure: Failure,
  limits: SearchLimits,
): Explanation<Input, Output> {
  if (limits.stepsMax === 0) return whole(model, operations, failure);
  const get = (index: number): Operation<Input, Output> => operations[index] as Operation<Input, Output>;
  // The search came no further than to the return of the stuck operation: what came later has hardly a part in it.
  const early = until(operations, Number(get(failure.stuck).return));
  const found = minimise(model, early, limits) ??
    minimise(model, operations, limits) ?? { kept: operations, smallest: false, all: operations };
  const kept = new Set(found.kept);
  // In the order of the history, which tells what came first of those at the same time.
  const shown = found.all.filter((one) => kept.has(one)).sort((a, b) => a.call - b.call);
  const fault = attemptOf(model, shown, found.all, limits) ?? {
    attempt: failure.attempt.map(get),
    stuck: get(failure.stuck),
  };
  const facts = { ...fault, operations: shown, smallest: found.smallest };
  return { ...facts, text: textOf(model, { ...facts, others: operations.length - shown.length }) };
}

/**
 * How far one can come with these, and where it ends. First with the help of the others, so that what a reader finds is
 * not just that a write is missing.
 */
function attemptOf<Input, Output>(
  model: Model<unknown, Input, Output>,
  shown: readonly Operation<Input, Output>[],
  all: readonly Operation<Input, Output>[],
  limits: SearchLimits,
): Pick<Explanation<Input, Output>, "attempt" | "stuck"> | undefined {
  const few = { ...limits, stepsMax: Math.ceil(limits.stepsMax / 16) };
  const helped = relax(model, all, new Set(shown));
  const tries: readonly [Operation<Input, Output>[], Hints][] = [
    [helped, "search"],
    [[...shown], shown.length <= plainMax ? "plain" : "search"],
    [[...shown], "all"],
  ];
  for (const [operations, hints] of tries) {
    const result = search(model, operations, few, hints);
    if (result.verdict !== "none") continue;
    const get = (index: number): Operation<Input, Output> => operations[index] as Operation<Input, Output>;
    return { attempt: result.attempt.map(get), stuck: get(result.stuck) };
  }
  return undefined;
}

/** For who wants no smaller explanation. */
function whole<Input, Output>(
  model: Model<unknown, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  failure: Failure,
): Explanation<Input, Output> {
  const get = (index: number): Operation<Input, Output> => operations[index] as Operation<Input, Output>;
  const shown = [...operations].sort((a, b) => a.call - b.call);
  const facts = { operations: shown, stuck: get(failure.stuck), attempt: failure.attempt.map(get), smallest: false };
  return { ...facts, text: textOf(model, { ...facts, others: 0 }) };
}

/** The last operations that were called: 8, 16, 32, ... of them, by their call. Most faults need no more. */
function endsOf<T extends { readonly call: number }>(operations: readonly T[]): T[][] {
  const sorted = [...operations].sort((a, b) => a.call - b.call);
  const sizes: number[] = [];
  for (let size = 8; size < sorted.length; size *= 2) sizes.push(size);
  return sizes.map((size) => sorted.slice(-size));
}

/** What was known at a time: an operation that had not returned had an unknown outcome. */
function until<Input, Output>(
  operations: readonly Operation<Input, Output>[],
  time: number,
): Operation<Input, Output>[] {
  return operations
    .filter(({ call }) => call <= time)
    .map((one) =>
      one.return !== null && one.return > time
        ? { client: one.client, call: one.call, return: null, input: one.input }
        : one,
    );
}

interface Minimal<T> {
  readonly kept: readonly T[];
  readonly smallest: boolean;
  /** Those kept, and those that make no difference. */
  readonly all: readonly T[];
}

/**
 * Takes operations away, in large parts first (Zeller and Hildebrandt, *Simplifying and isolating failure-inducing
 * input*, 2002). An operation is not just left out, as then a read of what it wrote would be "unexplained": it may go
 * only if the rest stays impossible although this one may happen at any time or never, with any output.
 *
 * @returns undefined if the operations are not impossible at all, or that took too long to find out.
 */
function minimise<Input, Output>(
  model: Model<unknown, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  limits: SearchLimits,
): Minimal<Operation<Input, Output>> | undefined {
  let left = limits.stepsMax;
  let complete = true;
  const isImpossible = (some: readonly Operation<Input, Output>[]): boolean => {
    // One hard question must not use up what the others need.
    const stepsMax = Math.min(left, Math.ceil(limits.stepsMax / 16));
    const result = search(model, relax(model, operations, new Set(some)), { ...limits, stepsMax });
    left -= result.steps;
    if (result.verdict === "steps" || result.verdict === "memory") complete = false;
    return result.verdict === "none";
  };
  const start = [...endsOf(operations), operations].find(isImpossible);
  if (!start) return undefined;
  // Reads first: what was written says more than who else had read it.
  const reads = new Set(start.filter((one) => isRead(model, one)));
  let kept: readonly Operation<Input, Output>[] = [...reads, ...start.filter((one) => !reads.has(one))];
  let size = Math.ceil(kept.length / 2);
  for (let removed = false; left > 0; removed = false) {
    for (let from = 0; from < kept.length && left > 0; ) {
      const fewer = [...kept.slice(0, from), ...kept.slice(from + size)];
      if (isImpossible(fewer)) {
        kept = fewer;
        removed = true;
      } else from += size;
    }
    if (size === 1 && !removed) return { kept, smallest: complete, all: operations };
    size = Math.ceil(size / 2);
  }
  return { kept, smallest: false, all: operations };
}

/** Those in `kept` as they are, the others with nothing known about them. */
function relax<Input, Output>(
  model: Model<unknown, Input, Output>,
  operations: readonly Operation<Input, Output>[],
  kept: ReadonlySet<Operation<Input, Output>>,
): Operation<Input, Output>[] {
  return operations.flatMap((operation) => {
    if (kept.has(operation)) return [operation];
    if (isRead(model, operation)) return [];
    const { client, input } = operation;
    return [{ client, call: Number.NEGATIVE_INFINITY, return: null, input }];
  });
}

function isRead<Input, Output>(
  model: Model<unknown, Input, Output>,
  { input, output, return: returned }: Operation<Input, Output>,
): boolean {
  return model.readOnly?.(input, returned === null ? anyOutput : (output as Output)) ?? false;
}

function textOf<Input, Output>(
  model: Model<unknown, Input, Output>,
  {
    operations,
    stuck,
    attempt,
    smallest,
    others,
  }: Omit<Explanation<Input, Output>, "text"> & { readonly others: number },
): string {
  const label = ({ input, output, return: returned }: Operation<Input, Output>): string => {
    const seen = returned === null ? anyOutput : (output as Output);
    if (model.describe) return model.describe(input, seen);
    return JSON.stringify(input) + (returned === null || output === undefined ? "" : ` -> ${JSON.stringify(output)}`);
  };
  const named = (operation: Operation<Input, Output>): string => `${label(operation)} (client ${operation.client})`;
  // Not by identity: what returned only after the fault is drawn without its return.
  const isDrawn = ({ client, input }: Operation<Input, Output>): boolean =>
    drawn.some((one) => one.client === client && one.input === input);
  const placed = (operation: Operation<Input, Output>): string =>
    isDrawn(operation) ? named(operation) : `${label(operation)} (client ${operation.client}, not drawn)`;
  const last = <T>(items: readonly T[], max: number): readonly T[] => items.slice(Math.max(0, items.length - max));
  const end = operations.filter(({ call }) => call <= Number(stuck.return));
  const drawn = operations.length <= drawnMax ? operations : [...new Set([...last(end, drawnMax), stuck])];
  const nearest = last(attempt, attemptMax).map(placed).join(", ");
  const alone = operations.length === 1;
  const sentences = [
    nearest
      ? `The nearest attempt: ${attempt.length > attemptMax ? "..., " : ""}${nearest}; then nothing fits.`
      : alone
        ? "It is impossible by itself."
        : "None of them can come first.",
    stuck.output === undefined
      ? "It returned, but has no output: record what the client was told (null for nothing), or return: null if nobody knows."
      : "",
    drawn.length < operations.length
      ? `Only the last ${drawn.length} of ${operations.length} operations are drawn.`
      : "",
    others > 0
      ? `That stays so whenever the other ${others === 1 ? "operation" : `${others} operations`} happened, or if not at all.`
      : "",
    smallest ? "" : "There may be fewer: the search for them ended at its limit.",
  ];
  const picture = ["", ...drawHistory(drawn, label), ""];
  const heading = alone
    ? `Nothing explains ${named(stuck)}:`
    : `No order of these operations explains ${named(stuck)}:`;
  return [heading, ...picture, ...sentences.filter(Boolean)].join("\n");
}
