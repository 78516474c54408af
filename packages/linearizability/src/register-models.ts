import { canonical } from "./canonical.js";
import type { Operation } from "./history.js";
import { type AnyOutput, anyOutput, type Model, type Step } from "./model.js";
import { no, outrun, told, unknownType, yes } from "./model-parts.js";

export type RegisterInput<Value> =
  /** Output: the value. */
  | { readonly type: "read" }
  /** Its output is ignored. */
  | { readonly type: "write"; readonly value: Value };

export type CasRegisterInput<Value> =
  | RegisterInput<Value>
  /** Output: true if it was swapped, false if the value was another one than expected. */
  | { readonly type: "cas"; readonly expected: Value | null; readonly value: Value };

export type MapInput<Key, Value> = { readonly key: Key } & (
  | { readonly type: "get" }
  | { readonly type: "put"; readonly value: Value }
  | { readonly type: "delete" }
  | { readonly type: "cas"; readonly expected: Value | null; readonly value: Value | null }
);

export type CounterInput =
  /** Output: the count. */
  | { readonly type: "get" }
  /** Adds `by` (1). Output: the new count; undefined if it was not told. */
  | { readonly type: "incr"; readonly by?: number };

export type LockInput =
  /** Output: true or, with fencing, the token if it was granted; false if somebody held it, the owner included. */
  | { readonly type: "acquire"; readonly owner: string | number }
  /** Output: true if the owner held it, else false. */
  | { readonly type: "release"; readonly owner: string | number };

/** A value by its content: what the registers have as their state. */
type Content = string;
type Any = CasRegisterInput<unknown>;

/** One value that is read and written whole. `initial` is null if absent. Values are compared by content. */
export function register<Value>(
  options: { readonly initial?: Value } = {},
): Model<string, RegisterInput<Value>, Value | null | undefined> {
  return casRegister<Value>(options);
}

/** A register with compare-and-set. `initial` is null if absent. Values are compared by content. */
export function casRegister<Value>(
  options: { readonly initial?: Value } = {},
): Model<string, CasRegisterInput<Value>, Value | boolean | null | undefined> {
  const model: Model<Content, CasRegisterInput<Value>, Value | boolean | null | undefined> = {
    init: () => canonical(options.initial ?? null),
    step: stepRegister,
    key: (state) => state,
    readOnly: (input, output) => input.type === "read" || (input.type === "cas" && output === false),
    describe: describeRegister,
    forHistory: (operations) => {
      // What nobody can have seen explains nothing, unless somebody saw that the value was *another* one.
      const seen = new Set<Content>();
      const written = new Set<Content>([model.init()]);
      let sawAnother = false;
      for (const { input, output, return: returned } of operations) {
        if (input.type !== "read") written.add(canonical(input.value));
        else if (returned !== null) seen.add(canonical(output));
        if (input.type !== "cas") continue;
        if (output === false) sawAnother = true;
        else seen.add(canonical(input.expected));
      }
      const pointless = (input: CasRegisterInput<Value>): boolean =>
        input.type !== "read" && !sawAnother && !seen.has(canonical(input.value));
      const refutes = ({ input, output }: Operation<CasRegisterInput<Value>, unknown>): boolean =>
        input.type === "read" && !written.has(canonical(output));
      return { ...model, pointless, refutes };
    },
  };
  return model;
}

function stepRegister(state: Content, input: Any, output: unknown): Step<Content> {
  switch (input.type) {
    case "read":
      return output === anyOutput || canonical(output) === state ? yes(state) : no;
    case "write":
      return yes(canonical(input.value));
    case "cas": {
      const fits = canonical(input.expected) === state;
      if (output !== anyOutput && output !== fits) return no;
      return yes(fits ? canonical(input.value) : state);
    }
    default:
      return unknownType(input);
  }
}

function describeRegister(input: Any, output: unknown): string {
  if (input.type === "read") return `read${told(output)}`;
  if (input.type === "write") return `write ${canonical(input.value)}`;
  return `cas ${canonical(input.expected)} to ${canonical(input.value)}${told(output)}`;
}

/** Independent registers with compare-and-set by key; null is "absent". Each key is checked by itself. */
export function keyValueMap<Key extends string | number, Value>(): Model<
  string,
  MapInput<Key, Value>,
  Value | boolean | null | undefined
> {
  const inner = casRegister<Value | null>();
  const model: Model<string, MapInput<Key, Value>, Value | boolean | null | undefined> = {
    ...(inner as Model<string, never, Value | boolean | null | undefined>),
    step: (state, input, output) => inner.step(state, registerInput(input), output),
    partition: (input) => input.key,
    readOnly: (input, output) => input.type === "get" || (input.type === "cas" && output === false),
    describe: (input, output) => describeMap(input, output),
    forHistory: (operations) => {
      const tuned = inner.forHistory?.(operations.map((one) => ({ ...one, input: registerInput(one.input) })));
      const pointless = (input: MapInput<Key, Value>): boolean => tuned?.pointless?.(registerInput(input)) ?? false;
      const refutes = (one: Operation<MapInput<Key, Value>, Value | boolean | null | undefined>): boolean =>
        tuned?.refutes?.({ ...one, input: registerInput(one.input) }) ?? false;
      return { ...model, pointless, refutes };
    },
  };
  return model;
}

function registerInput<Value>(input: MapInput<unknown, Value>): CasRegisterInput<Value | null> {
  if (input.type === "get") return { type: "read" };
  if (input.type === "delete") return { type: "write", value: null };
  return input.type === "put" ? { type: "write", value: input.value } : input;
}

function describeMap(input: MapInput<string | number, unknown>, output: unknown): string {
  if (input.type === "get") return `get ${input.key}${told(output)}`;
  if (input.type === "delete") return `delete ${input.key}`;
  if (input.type === "put") return `put ${input.key} ${canonical(input.value)}`;
  return `cas ${input.key} ${canonical(input.expected)} to ${canonical(input.value)}${told(output)}`;
}

/** A number that is added to. Starts at `initial`, 0 if absent. */
export function counter(options: { readonly initial?: number } = {}): Model<number, CounterInput, number | undefined> {
  const model: Model<number, CounterInput, number | undefined> = {
    init: () => options.initial ?? 0,
    step: (count, input, output) => {
      if (input.type !== "get" && input.type !== "incr") return unknownType(input);
      const after = input.type === "get" ? count : count + (input.by ?? 1);
      const untold = output === anyOutput || (input.type === "incr" && output === undefined);
      return untold || output === after ? yes(after) : no;
    },
    key: (count) => count,
    readOnly: (input) => input.type === "get",
    describe: (input, output) =>
      input.type === "get" ? `get${told(output)}` : `incr ${input.by ?? 1}${output === undefined ? "" : told(output)}`,
    forHistory: (operations) => {
      const onlyGrows = operations.every(({ input }) => input.type === "get" || (input.by ?? 1) >= 0);
      if (!onlyGrows) return model;
      const late = outrun(operations, ({ input, output }) => {
        if (output === undefined) return undefined;
        return { before: input.type === "get" ? output : output - (input.by ?? 1), after: output };
      });
      return { ...model, hopeless, refutes: (operation) => late.has(operation) };
    },
  };
  const hopeless = (count: number, input: CounterInput, output: number | undefined): boolean =>
    output !== undefined && output < count + (input.type === "get" ? 0 : (input.by ?? 1));
  return model;
}

interface LockState {
  readonly owner: string | number | null;
  /** Highest token known to be granted. */
  readonly token: number;
}

/**
 * A lock that one owner holds at a time. With `fencing` each grant must tell a number above all numbers of earlier
 * grants.
 */
export function lock(
  options: { readonly fencing?: boolean } = {},
): Model<LockState, LockInput, number | boolean | undefined> {
  const acquire = (state: LockState, owner: string | number, output: number | boolean | undefined | AnyOutput) => {
    if (state.owner !== null) return output === false || output === anyOutput ? yes(state) : no;
    if (output === anyOutput) return yes({ owner, token: state.token });
    if (!options.fencing)
      return output === true || typeof output === "number" ? yes({ owner, token: state.token }) : no;
    return typeof output === "number" && output > state.token ? yes({ owner, token: output }) : no;
  };
  return {
    init: () => ({ owner: null, token: Number.NEGATIVE_INFINITY }),
    step: (state, input, output) => {
      if (input.type === "acquire") return acquire(state, input.owner, output);
      if (input.type !== "release") return unknownType(input);
      const held = state.owner === input.owner;
      if (output !== anyOutput && output !== held) return no;
      return yes(held ? { owner: null, token: state.token } : state);
    },
    key: ({ owner, token }) => `${canonical(owner)} ${token}`,
    readOnly: (_, output) => output === false,
    hopeless: ({ token }, input, output) => input.type === "acquire" && typeof output === "number" && output <= token,
    describe: (input, output) => `${input.type} by ${input.owner}${told(output)}`,
  };
}
