import fc from "fast-check";
import {
  type AppendInput,
  appendList,
  type CasRegisterInput,
  type CounterInput,
  casRegister,
  counter,
  keyValueMap,
  type LockInput,
  lock,
  type MapInput,
  type Model,
  type QueueInput,
  queue,
  type RegisterInput,
  register,
} from "../src/index.js";

type Random = () => number;

/** A model, a correct object to record, and small inputs and outputs to make histories of. */
export interface World<Input = unknown, Output = unknown> {
  readonly name: string;
  readonly model: () => Model<unknown, Input, Output>;
  /** What clients do next; `fresh` gives a new value each time. */
  readonly next: (random: Random, client: number, fresh: () => number) => Input;
  readonly object: () => (input: Input) => Output;
  readonly input: fc.Arbitrary<Input>;
  readonly output: fc.Arbitrary<Output>;
}

// The inputs and outputs of one world never meet those of another.
const world = <State, Input, Output>(
  one: Omit<World<Input, Output>, "model"> & { model: () => Model<State, Input, Output> },
): World => one as unknown as World;

const below = (random: Random, n: number): number => Math.floor(random() * n);
const small = fc.integer({ min: 1, max: 3 });
const maybe = fc.option(small, { nil: null });
const read = fc.constant({ type: "read" as const });
const write = fc.record({ type: fc.constant("write" as const), value: small });
const cas = fc.record({ type: fc.constant("cas" as const), expected: maybe, value: small });

const registers: World[] = [
  world({
    name: "register",
    model: () => register<number>(),
    next: (random, _, fresh): RegisterInput<number> =>
      random() < 0.5 ? { type: "read" } : { type: "write", value: fresh() },
    object: () => {
      let value: number | null = null;
      return (input) => (input.type === "read" ? value : void (value = input.value));
    },
    input: fc.oneof(read, write),
    output: maybe,
  }),
  world({
    name: "casRegister",
    model: () => casRegister<number>({ initial: 1 }),
    next: (random): CasRegisterInput<number> => {
      const [expected, value] = [1 + below(random, 4), 1 + below(random, 4)];
      const type = (["read", "write", "cas", "cas"] as const)[below(random, 4)];
      return type === "cas" ? { type, expected, value } : type === "write" ? { type, value } : { type: "read" };
    },
    object: () => {
      let value: number | null = 1;
      return (input) => {
        if (input.type === "read") return value;
        const swaps = input.type === "write" || value === input.expected;
        if (swaps) value = input.value;
        return input.type === "write" ? undefined : swaps;
      };
    },
    input: fc.oneof(read, write, cas),
    output: fc.oneof(maybe, fc.boolean()),
  }),
  world({
    name: "keyValueMap",
    model: () => keyValueMap<string, number>(),
    next: (random, _, fresh): MapInput<string, number> => {
      const key = "abcdefgh"[below(random, 8)] as string;
      const type = (["get", "get", "get", "put", "put", "delete"] as const)[below(random, 6)] as "get";
      return { key, ...(type === ("put" as string) ? { type: "put", value: fresh() } : { type }) };
    },
    object: () => {
      const map = new Map<string, number | null>();
      return (input) => {
        const before = map.get(input.key) ?? null;
        if (input.type === "get") return before;
        const swaps = input.type !== "cas" || before === input.expected;
        if (swaps) map.set(input.key, input.type === "delete" ? null : input.value);
        return input.type === "cas" ? swaps : undefined;
      };
    },
    input: fc.oneof(
      fc.record({ key: fc.constantFrom("a", "b"), type: fc.constantFrom("get" as const, "delete" as const) }),
      fc.record({ key: fc.constantFrom("a", "b"), type: fc.constant("put" as const), value: small }),
      fc.record({ key: fc.constantFrom("a", "b"), type: fc.constant("cas" as const), expected: maybe, value: maybe }),
    ),
    output: fc.oneof(maybe, fc.boolean()),
  }),
];

const counters: World[] = [
  world({
    name: "counter",
    model: () => counter(),
    next: (random): CounterInput => (random() < 0.5 ? { type: "get" } : { type: "incr", by: 1 }),
    object: () => {
      let count = 0;
      return (input) => (count += input.type === "get" ? 0 : (input.by ?? 1));
    },
    input: fc.oneof(
      fc.constant({ type: "get" as const }),
      fc.record({ type: fc.constant("incr" as const), by: fc.constantFrom(1, 1, 2, -1) }),
    ),
    output: fc.option(fc.integer({ min: -1, max: 4 }), { nil: undefined }),
  }),
  ...[true, false].map((fencing) =>
    world({
      name: fencing ? "lock with fencing" : "lock",
      model: () => lock({ fencing }),
      next: (random, owner): LockInput => ({ type: random() < 0.5 ? "acquire" : "release", owner }),
      object: () => {
        let holder: unknown = null;
        let token = 0;
        return ({ type, owner }): number | boolean => {
          if (type === "acquire" ? holder !== null : holder !== owner) return false;
          holder = type === "acquire" ? owner : null;
          token += 1;
          return type === "acquire" && fencing ? token : true;
        };
      },
      input: fc.record({
        type: fc.constantFrom("acquire" as const, "release" as const),
        owner: fc.constantFrom("a", 1),
      }),
      output: fc.oneof(fc.boolean(), fencing ? fc.integer({ min: 1, max: 3 }) : fc.constant(true)),
    }),
  ),
];

const collections: World[] = [
  ...(["lists", "lengths"] as const).map((told) =>
    world({
      name: `appendList that tells ${told}`,
      model: () => appendList<number>(),
      next: (random, _, fresh): AppendInput<number> =>
        random() < 0.02 ? { type: "read" } : { type: "append", element: fresh() },
      object: () => {
        const list: number[] = [];
        return (input) => {
          if (input.type === "read") return [...list];
          list.push(input.element);
          return told === "lengths" ? list.length : undefined;
        };
      },
      input: fc.oneof(read, fc.record({ type: fc.constant("append" as const), element: small })),
      output: fc.oneof(
        fc.array(small, { maxLength: 3 }),
        told === "lengths" ? fc.integer({ min: 1, max: 3 }) : fc.constant(undefined),
      ),
    }),
  ),
  world({
    name: "queue",
    model: () => queue<number>(),
    next: (random, _, fresh): QueueInput<number> =>
      random() < 0.5 ? { type: "dequeue" } : { type: "enqueue", value: fresh() },
    object: () => {
      const items: number[] = [];
      return (input) => (input.type === "dequeue" ? (items.shift() ?? null) : void items.push(input.value));
    },
    input: fc.oneof(
      fc.constant({ type: "dequeue" as const }),
      fc.record({ type: fc.constant("enqueue" as const), value: small }),
    ),
    output: maybe,
  }),
];

export const worlds: readonly World[] = [...registers, ...counters, ...collections];
