import { identity } from "./canonical.js";
import { type Explanation, explain } from "./explanation.js";
import { checkHistory, type Operation, refuse } from "./history.js";
import type { Model } from "./model.js";
import { type SearchResult, search } from "./search.js";

export interface CheckOptions {
  /** Gives up after this many steps of the model and comparisons of states. Default 20,000,000. */
  readonly stepsMax?: number;
  /** Gives up when the states seen take about this much memory, for one partition. Default 512 MiB. */
  readonly memoryBytesMax?: number;
  /** Steps that may be spent on a smaller explanation. 0 for none: then it has the whole partition. Default 2,000,000. */
  readonly explainStepsMax?: number;
}

/** A search that takes more is not worth it for an explanation. */
const explainMemoryBytesMax = 64 * 2 ** 20;

/** The operations of one partition. `key` is what `model.partition` gave; undefined without it. */
export interface PartitionOrder {
  readonly key: unknown;
  /**
   * Indices into the history, in an order that one client at a time could have seen. Operations of unknown outcome are
   * in it only where they are needed.
   */
  readonly order: readonly number[];
}

/** `steps` counts the work that the verdict took, without that on the explanation. */
export type CheckResult<Input, Output> =
  | { readonly ok: true; readonly steps: number; readonly orders: readonly PartitionOrder[] }
  | {
      readonly ok: false;
      readonly steps: number;
      /** The partition at fault, the first one found; undefined if the model has no partitions. */
      readonly key: unknown;
      readonly explanation: Explanation<Input, Output>;
    }
  /** Given up at a limit: `reason` says which. No partition is known to be at fault. */
  | { readonly ok: "unknown"; readonly steps: number; readonly key: unknown; readonly reason: "steps" | "memory" };

interface Partition {
  readonly key: unknown;
  readonly indices: number[];
}

/**
 * Whether a history is linearizable: whether each operation can be thought to take effect at one moment between its call
 * and its return, such that the model would have given the same outputs (Herlihy and Wing 1990, section 2).
 * The search is that of Wing and Gong (*Testing and verifying concurrent objects*, 1993) with the memory of Lowe
 * (*Testing for linearizability*, 2017), for each partition by itself.
 *
 * @throws SynodError `InvalidArgument` for a history that no clients can have recorded, an operation that a model does
 * not know, or a bad option.
 */
export function checkLinearizability<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  options: CheckOptions = {},
): CheckResult<Input, Output> {
  const stepsMax = limit("stepsMax", options.stepsMax ?? 20_000_000);
  const memoryBytesMax = limit("memoryBytesMax", options.memoryBytesMax ?? 512 * 2 ** 20);
  const explainStepsMax = limit("explainStepsMax", options.explainStepsMax ?? 2_000_000);
  checkHistory(history);
  // From here on nobody but the model itself looks into a state.
  const opaque = model as unknown as Model<unknown, Input, Output>;
  const orders: PartitionOrder[] = [];
  let givenUp: { readonly key: unknown; readonly reason: "steps" | "memory" } | undefined;
  let steps = 0;
  for (const { key, indices } of partitions(opaque, history)) {
    const operations = indices.map((index) => history[index] as Operation<Input, Output>);
    const result: SearchResult = search(opaque, operations, {
      stepsMax: Math.max(0, stepsMax - steps),
      memoryBytesMax,
    });
    steps += result.steps;
    if (result.verdict === "none") {
      const explanation = explain(opaque, operations, result, {
        stepsMax: explainStepsMax,
        memoryBytesMax: Math.min(memoryBytesMax, explainMemoryBytesMax),
      });
      return { ok: false, steps, key, explanation };
    }
    if (result.verdict === "order") orders.push({ key, order: result.order.map((index) => indices[index] as number) });
    else givenUp ??= { key, reason: result.verdict };
  }
  return givenUp ? { ok: "unknown", steps, ...givenUp } : { ok: true, steps, orders };
}

function partitions<Input, Output>(
  model: Model<unknown, Input, Output>,
  history: readonly Operation<Input, Output>[],
): Iterable<Partition> {
  const found = new Map<unknown, Partition>();
  history.forEach(({ input }, index) => {
    const key = model.partition?.(input);
    const partition = found.get(identity(key));
    if (partition) partition.indices.push(index);
    else found.set(identity(key), { key, indices: [index] });
  });
  return found.values();
}

function limit(name: string, value: number): number {
  return value >= 0 ? value : refuse(`${name} must be a number from 0, not ${String(value)}.`);
}
