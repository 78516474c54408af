import { describe, expect, it } from "vitest";
import {
  anyOutput,
  appendList,
  casRegister,
  checkLinearizability,
  counter,
  keyValueMap,
  lock,
  type MapInput,
  type Model,
  type Operation,
  queue,
  register,
} from "../src/index.js";

/** One operation after the other, each by a client of its own. */
const sequence = <Input, Output>(...steps: [Input, Output?][]): Operation<Input, Output>[] =>
  steps.map(([input, output], index) => ({ client: index, call: 2 * index, return: 2 * index + 1, input, output }));

function isLegal<State, Input, Output>(model: Model<State, Input, Output>, ...steps: [Input, Output?][]): boolean {
  const { ok } = checkLinearizability(model, sequence(...steps));
  if (ok === "unknown") throw new Error("given up");
  return ok;
}

describe("what the models allow one client after the other", () => {
  it("register: a read gives the last value by content", () => {
    expect(isLegal(register(), [{ type: "read" }, null])).toBe(true);
    expect(isLegal(register({ initial: 7 }), [{ type: "read" }, 7])).toBe(true);
    expect(
      isLegal(register(), [{ type: "write", value: { a: 1, b: [2] } }], [{ type: "read" }, { b: [2], a: 1 }]),
    ).toBe(true);
    expect(isLegal(register(), [{ type: "write", value: 1 }], [{ type: "read" }, null])).toBe(false);
    expect(
      isLegal<string, { type: "read" } | { type: "write"; value: unknown }, unknown>(
        register(),
        [{ type: "write", value: 1 }],
        [{ type: "read" }, "1"],
      ),
    ).toBe(false);
  });

  it("casRegister: swaps only what is expected, and says so", () => {
    const cas = (expected: number | null, value: number) => ({ type: "cas" as const, expected, value });
    expect(isLegal(casRegister<number>(), [cas(null, 1), true], [cas(2, 3), false], [{ type: "read" }, 1])).toBe(true);
    expect(isLegal(casRegister<number>(), [cas(null, 1), false])).toBe(false);
    expect(isLegal(casRegister<number>(), [cas(2, 1), true])).toBe(false);
  });

  it("counter: counts", () => {
    expect(
      isLegal(counter({ initial: 5 }), [{ type: "incr" }, 6], [{ type: "incr", by: -2 }], [{ type: "get" }, 4]),
    ).toBe(true);
    expect(isLegal(counter(), [{ type: "incr" }], [{ type: "get" }, 0])).toBe(false);
    expect(isLegal(counter(), [{ type: "get" }])).toBe(false);
  });

  it("lock: one holder, no re-entry, release by the holder alone", () => {
    const acquire = (owner: string) => ({ type: "acquire" as const, owner });
    const release = (owner: string) => ({ type: "release" as const, owner });
    expect(
      isLegal(lock(), [acquire("a"), true], [acquire("b"), false], [release("a"), true], [acquire("b"), true]),
    ).toBe(true);
    expect(isLegal(lock(), [acquire("a"), true], [acquire("b"), true])).toBe(false);
    expect(isLegal(lock(), [acquire("a"), true], [acquire("a"), true])).toBe(false);
    expect(isLegal(lock(), [acquire("a"), false])).toBe(false);
    expect(isLegal(lock(), [acquire("a"), true], [release("b"), true])).toBe(false);
    expect(isLegal(lock(), [acquire("a"), true], [release("b"), false], [release("a"), false])).toBe(false);
  });

  it("lock with fencing: tokens grow", () => {
    const acquire = { type: "acquire" as const, owner: "a" };
    const release = { type: "release" as const, owner: "a" };
    expect(isLegal(lock({ fencing: true }), [acquire, 3], [release, true], [acquire, 9])).toBe(true);
    expect(isLegal(lock({ fencing: true }), [acquire, 3], [release, true], [acquire, 3])).toBe(false);
    expect(isLegal(lock({ fencing: true }), [acquire, true])).toBe(false);
    expect(isLegal(lock(), [acquire, 3], [release, true], [acquire, 3])).toBe(true);
  });

  it("appendList: whole lists, lengths, or nothing", () => {
    const append = (element: string) => ({ type: "append" as const, element });
    expect(
      isLegal(
        appendList<string>(),
        [append("a")],
        [append("b"), 2],
        [append("a"), ["a", "b", "a"]],
        [{ type: "read" }, ["a", "b", "a"]],
      ),
    ).toBe(true);
    expect(isLegal(appendList<string>(), [{ type: "read" }, []])).toBe(true);
    expect(isLegal(appendList<string>(), [append("a")], [append("b")], [{ type: "read" }, ["b", "a"]])).toBe(false);
    expect(isLegal(appendList<string>(), [append("a")], [{ type: "read" }, ["a", "a"]])).toBe(false);
    expect(isLegal(appendList<string>(), [append("a"), 2])).toBe(false);
  });

  it("queue: first in, first out", () => {
    const put = (value: number) => ({ type: "enqueue" as const, value });
    const take = { type: "dequeue" as const };
    expect(isLegal(queue<number>(), [take, null], [put(1)], [put(2)], [take, 1], [take, 2], [take, null])).toBe(true);
    expect(isLegal(queue<number>(), [put(1)], [put(2)], [take, 2], [take, 1])).toBe(false);
    expect(isLegal(queue<number>(), [put(1)], [put(2)], [take, 2])).toBe(false);
    expect(isLegal(queue<number>(), [put(1)], [take, null])).toBe(false);
    expect(isLegal(queue<number>(), [put(1)], [take, 1], [take, 1])).toBe(false);
  });

  it("keyValueMap: keys know nothing of each other", () => {
    const put = (key: string, value: number) => ({ type: "put" as const, key, value });
    const get = (key: string) => ({ type: "get" as const, key });
    expect(isLegal(keyValueMap<string, number>(), [put("a", 1)], [get("b"), null], [get("a"), 1])).toBe(true);
    expect(
      isLegal(keyValueMap<string, number>(), [put("a", 1)], [{ type: "delete", key: "a" }], [get("a"), null]),
    ).toBe(true);
    expect(
      isLegal(
        keyValueMap<string, number>(),
        [{ type: "cas", key: "a", expected: null, value: 4 }, true],
        [get("a"), 4],
      ),
    ).toBe(true);
    expect(
      checkLinearizability(
        keyValueMap<string, number>(),
        sequence<MapInput<string, number>, number | undefined>([put("a", 1)], [put("b", 2)], [get("b"), 1]),
      ),
    ).toMatchObject({ ok: false, key: "b" });
  });

  it.each([register(), counter(), lock(), appendList(), queue(), keyValueMap()] as Model<unknown, unknown, unknown>[])(
    "an operation of another object is refused",
    (model) => {
      const error = expect.objectContaining({ code: "InvalidArgument", message: expect.stringContaining("fly") });
      expect(() => checkLinearizability(model, sequence([{ type: "fly" }]))).toThrow(error);
    },
  );
});

describe("a model of one's own", () => {
  // Holds the largest number it was given.
  const highest: Model<{ value: number }, number, number> = {
    init: () => ({ value: 0 }),
    step: (state, input, output) => {
      const value = Math.max(state.value, input);
      return output === anyOutput || output === value ? { ok: true, state: { value } } : { ok: false };
    },
  };

  it("needs only init and step", () => {
    expect(isLegal(highest, [3, 3], [2, 3], [5, 5])).toBe(true);
    const result = checkLinearizability(highest, sequence([3, 3], [2, 2]));
    expect(result).toMatchObject({ ok: false, explanation: { operations: [{ input: 3 }, { input: 2 }] } });
    if (result.ok === false) expect(result.explanation.text).toContain("|- 2 -> 2 -|");
  });

  it("may be an instance of a class, with private parts", () => {
    class Highest implements Model<number, number, number> {
      readonly #start = 4;
      init(): number {
        return this.#start;
      }
      step(state: number, input: number, output: number | typeof anyOutput) {
        const next = Math.max(state, input, this.#start);
        return output === anyOutput || output === next ? { ok: true as const, state: next } : { ok: false as const };
      }
    }
    expect(isLegal(new Highest(), [3, 4], [7, 7])).toBe(true);
    expect(isLegal(new Highest(), [7, 7], [3, 4])).toBe(false);
  });

  it("with a state that has no content to compare needs a key", () => {
    const set = (state: ReadonlySet<number>, input: number) => ({
      ok: true as const,
      state: new Set([...state, input]),
    });
    const sets: Model<ReadonlySet<number>, number, undefined> = { init: () => new Set<number>(), step: set };
    expect(() => checkLinearizability(sets, sequence([1]))).toThrow(
      expect.objectContaining({ code: "InvalidArgument", message: expect.stringContaining("key(state)") }),
    );
    const keyed = { ...sets, key: (state: ReadonlySet<number>) => [...state].sort((a, b) => a - b).join() };
    expect(isLegal(keyed, [1], [2])).toBe(true);
  });
});
