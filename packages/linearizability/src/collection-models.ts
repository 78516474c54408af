import { canonical } from "./canonical.js";
import type { Operation } from "./history.js";
import { anyOutput, type Model } from "./model.js";
import { no, outrun, told, unknownType, yes } from "./model-parts.js";

export type AppendInput<Element> =
  /** Output: all elements, in order. */
  | { readonly type: "read" }
  /** Output: the list afterwards, or its length; undefined if neither was told. */
  | { readonly type: "append"; readonly element: Element };
export type AppendOutput<Element> = readonly Element[] | number | undefined;

export type QueueInput<Value> =
  /** Its output is ignored. */
  | { readonly type: "enqueue"; readonly value: Value }
  /** Output: the oldest value, or null if the queue was empty. */
  | { readonly type: "dequeue" };

/** Values one after the other, one a line; `canonical` gives no line breaks. */
const lines = (values: readonly unknown[]): string => values.map((value) => `${canonical(value)}\n`).join("");

/** A list that only grows, at its end, and is read whole. Elements are compared by content. */
export function appendList<Element>(): Model<string, AppendInput<Element>, AppendOutput<Element>> {
  // An explanation looks at the same long lists again and again.
  const known = new WeakMap<readonly unknown[], readonly string[]>();
  const textsOf = (list: readonly unknown[]): readonly string[] => {
    const texts = known.get(list) ?? list.map(canonical);
    known.set(list, texts);
    return texts;
  };
  return {
    init: () => "",
    step: (state, input, output) => {
      if (input.type !== "read" && input.type !== "append") return unknownType(input);
      const after = input.type === "read" ? state : state + lines([input.element]);
      if (output === anyOutput || (input.type === "append" && output === undefined)) return yes(after);
      if (Array.isArray(output)) return lines(output) === after ? yes(after) : no;
      return input.type === "append" && output === after.split("\n").length - 1 ? yes(after) : no;
    },
    readOnly: (input) => input.type === "read",
    describe: (input, output) =>
      input.type === "read"
        ? `read${told(output)}`
        : `append ${canonical(input.element)}${output === undefined ? "" : told(output)}`,
    forHistory: (operations) => appendListOf(operations, textsOf),
  };
}

/**
 * As the list only grows, every list that was seen begins the longest one. So the state is a length: up to the longest
 * list seen it says what is in the list, and beyond that nobody saw more than a length.
 */
function appendListOf<Element>(
  operations: readonly Operation<AppendInput<Element>, AppendOutput<Element>>[],
  textsOf: (list: readonly unknown[]) => readonly string[],
): Model<number, AppendInput<Element>, AppendOutput<Element>> {
  const lists = new Map<unknown, readonly string[]>();
  const late = outrun(operations, ({ input, output }) => {
    const after = Array.isArray(output) ? output.length : output;
    return typeof after === "number" ? { before: input.type === "read" ? after : after - 1, after } : undefined;
  });
  let longest: readonly string[] = [];
  let lengthsSeen = false;
  for (const { output } of operations) {
    if (typeof output === "number") lengthsSeen = true;
    if (!Array.isArray(output)) continue;
    const list = textsOf(output);
    lists.set(output, list);
    if (list.length > longest.length) longest = list;
  }
  const shown = new Set(longest);
  const soundLength = appendedLength(longest, operations);
  const fits = new Map([...lists].map(([output, list]) => [output, list.every((one, i) => one === longest[i])]));
  const cap = lengthsSeen ? Number.POSITIVE_INFINITY : longest.length + 1;
  return {
    init: () => 0,
    step: (length, input, output) => {
      if (input.type === "read") {
        if (output === anyOutput) return yes(length);
        return Array.isArray(output) && output.length === length && fits.get(output) ? yes(length) : no;
      }
      if (input.type !== "append") return unknownType(input);
      if (length < longest.length && longest[length] !== canonical(input.element)) return no;
      const after = Math.min(length + 1, cap);
      if (output === anyOutput || output === undefined) return yes(after);
      if (typeof output === "number") return output === after ? yes(after) : no;
      return output.length === after && fits.get(output) ? yes(after) : no;
    },
    readOnly: (input) => input.type === "read",
    refutes: (operation) =>
      late.has(operation) ||
      (Array.isArray(operation.output) && (operation.output.length > soundLength || !fits.get(operation.output))),
    hopeless: (length, input, output) => {
      const wanted = Array.isArray(output) ? output.length : output;
      return typeof wanted === "number" && wanted < length + (input.type === "append" ? 1 : 0);
    },
    pointless: (input) => input.type === "append" && !lengthsSeen && !shown.has(canonical(input.element)),
  };
}

/** How far a list shows each element no more often than it was appended. */
function appendedLength<Element>(
  list: readonly string[],
  operations: readonly Operation<AppendInput<Element>, AppendOutput<Element>>[],
): number {
  const left = new Map<string, number>();
  for (const { input } of operations) {
    if (input.type !== "append") continue;
    const element = canonical(input.element);
    left.set(element, (left.get(element) ?? 0) + 1);
  }
  const first = list.findIndex((element) => {
    const count = left.get(element) ?? 0;
    left.set(element, count - 1);
    return count === 0;
  });
  return first < 0 ? list.length : first;
}

/** First in, first out. Values are compared by content; null is no value. */
export function queue<Value>(): Model<string, QueueInput<Value>, Value | null | undefined> {
  return {
    init: () => "",
    step: (state, input, output) => {
      if (input.type === "enqueue") return yes(state + lines([input.value]));
      if (input.type !== "dequeue") return unknownType(input);
      const rest = state.slice(state.indexOf("\n") + 1);
      if (output === anyOutput) return yes(rest);
      if (state === "") return output === null ? yes("") : no;
      return output !== null && state.startsWith(lines([output])) ? yes(rest) : no;
    },
    readOnly: (input, output) => input.type === "dequeue" && output === null,
    describe: (input, output) =>
      input.type === "enqueue" ? `enqueue ${canonical(input.value)}` : `dequeue${told(output)}`,
    forHistory: (operations) => ({ ...queueOf(operations), ...queueHints(operations) }),
  };
}

/** The same with a character for each value: the state is a short text, however long the values are. */
function queueOf<Value>(
  operations: readonly Operation<QueueInput<Value>, Value | null | undefined>[],
): Model<string, QueueInput<Value>, Value | null | undefined> {
  const codes = new Map<string, string>();
  for (const { input } of operations) {
    const value = input.type === "enqueue" ? canonical(input.value) : undefined;
    if (value !== undefined && !codes.has(value)) codes.set(value, String.fromCharCode(codes.size));
  }
  if (codes.size > 2 ** 16) return queue();
  return {
    ...queue(),
    step: (state, input, output) => {
      if (input.type === "enqueue") return yes(state + codes.get(canonical(input.value)));
      if (input.type !== "dequeue") return unknownType(input);
      if (output === anyOutput) return yes(state.slice(1));
      const first = output === null ? undefined : codes.get(canonical(output));
      return (state === "" ? output === null : state[0] === first) ? yes(state.slice(1)) : no;
    },
  };
}

type Window = readonly [from: number, to: number];
const anywhere: Window = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
const atTheEnd: Window = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];

/**
 * Values leave in the order in which they came. So where one left before another did, or where the other never left, it
 * also came first: an enqueue has the dequeue of its value as its window, if both can be told for sure.
 */
function queueHints<Value>(
  operations: readonly Operation<QueueInput<Value>, Value | null | undefined>[],
): Required<Pick<Model<string, QueueInput<Value>, Value | null | undefined>, "pointless" | "window" | "refutes">> {
  const enqueued = new Map<string, number>();
  const left = new Map<string, Window[]>();
  let unknownDequeues = false;
  for (const { input, output, call, return: returned } of operations) {
    if (input.type === "enqueue") {
      const value = canonical(input.value);
      enqueued.set(value, (enqueued.get(value) ?? 0) + 1);
    } else if (returned === null) unknownDequeues = true;
    else if (output !== null) left.set(canonical(output), [...(left.get(canonical(output)) ?? []), [call, returned]]);
  }
  return {
    pointless: (input) => input.type === "enqueue" && !left.has(canonical(input.value)),
    window: (input) => {
      if (input.type === "dequeue" || enqueued.get(canonical(input.value)) !== 1) return anywhere;
      // Of several dequeues of one value any will do: that is a fault anyway.
      const [window = anywhere] = left.get(canonical(input.value)) ?? [unknownDequeues ? anywhere : atTheEnd];
      return window;
    },
    // More of a value came out than went in.
    refutes: ({ input, output }) => {
      if (input.type === "enqueue" || output === null) return false;
      const value = canonical(output);
      return (enqueued.get(value) ?? 0) < (left.get(value)?.length ?? 0);
    },
  };
}
