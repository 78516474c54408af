import { expect, it } from "vitest";
import {
  type AppendInput,
  type AppendOutput,
  appendList,
  checkLinearizability,
  counter,
  type Explanation,
  type Model,
  type Operation,
  register,
} from "../src/index.js";

function explanationOf<State, Input, Output>(
  model: Model<State, Input, Output>,
  history: readonly Operation<Input, Output>[],
  explainStepsMax?: number,
): Explanation<Input, Output> {
  const result = checkLinearizability(model, history, explainStepsMax === undefined ? {} : { explainStepsMax });
  if (result.ok !== false) throw new Error("This history has nothing to explain.");
  return result.explanation;
}

const history: Operation<{ type: "write"; value: number } | { type: "read" }, number | null | undefined>[] = [
  { client: "ann", call: 0, return: 10, input: { type: "write", value: 1 } },
  { client: "bob", call: 5, return: 12, input: { type: "read" }, output: 1 },
  { client: "cid", call: 6, return: null, input: { type: "write", value: 8 } },
  { client: "ann", call: 20, return: 30, input: { type: "write", value: 2 } },
  { client: "bob", call: 25, return: 50, input: { type: "read" }, output: 2 },
  { client: "dee", call: 40, return: 60, input: { type: "read" }, output: 1 },
  { client: "ann", call: 70, return: 80, input: { type: "write", value: 3 } },
];

it("shows the fewest operations that are at fault, as a picture", () => {
  const explanation = explanationOf(register<number>(), history);
  expect(explanation.text).toBe(
    [
      "No order of these operations explains read -> 1 (client dee):",
      "",
      "  client ann  |- write 1 -||- write 2 -|",
      "  client dee                            |- read -> 1 -|",
      "",
      "The nearest attempt: write 1 (client ann), write 2 (client ann); then nothing fits.",
      "That stays so whenever the other 4 operations happened, or if not at all.",
    ].join("\n"),
  );
  expect(explanation.operations).toEqual([history[0], history[3], history[5]]);
  expect(explanation.stuck).toBe(history[5]);
  expect(explanation.smallest).toBe(true);
});

it("takes what returned only after the fault as not returned yet", () => {
  // Was 9 written when it was read? That is decided later, and by then the fault is there.
  const later: typeof history = [
    { client: "eve", call: 45, return: 99, input: { type: "read" }, output: 9 },
    { client: "fay", call: 90, return: 95, input: { type: "write", value: 9 } },
  ];
  const { operations } = explanationOf(register<number>(), [...history, ...later]);
  expect(operations).toEqual([history[0], history[3], history[5]]);
});

it("sees at once that a list has an element too often", () => {
  const list = Array.from({ length: 200 }, (_, index) => index);
  const appends: Operation<AppendInput<number>, AppendOutput<number>>[] = list.map((element) => {
    return { client: element, call: 0, return: 400, input: { type: "append", element } };
  });
  const twice = { client: "b", call: 500, return: 501, input: { type: "read" as const }, output: [...list, 0] };
  const result = checkLinearizability(appendList<number>(), [...appends, twice]);
  expect(result).toMatchObject({ ok: false, explanation: { operations: [twice], smallest: true } });
  // One look at each operation, and no search.
  expect(result.steps).toBe(201);
});

it("needs no operation that can be taken away, and every one that cannot", () => {
  // Five increments, of which the count knows four: whichever is missing, all five show that one is.
  const incr = [0, 1, 2, 3, 4].map((index) => ({
    client: index,
    call: 0,
    return: 1,
    input: { type: "incr" as const },
  }));
  const get = { client: 9, call: 2, return: 3, input: { type: "get" as const }, output: 4 };
  expect(explanationOf(counter(), [...incr, get]).operations).toEqual([...incr, get]);
  // A count that is too high for all of them says it alone.
  const tooHigh = { ...get, output: 6 };
  expect(explanationOf(counter(), [...incr, tooHigh]).operations).toEqual([tooHigh]);
});

it("draws what never returned", () => {
  const lost = { client: "b", call: 6, return: null, input: { type: "incr" as const } };
  const gets = [1, 0].map((output, index) => {
    return { client: "c", call: 10 * index + 8, return: 10 * index + 9, input: { type: "get" as const }, output };
  });
  // Not the model's own words: without `describe` there is still something to read.
  const model = counter();
  const silent: typeof model = { init: () => 0, step: (...args) => model.step(...args) };
  const { text } = explanationOf(silent, [lost, ...gets]);
  expect(text).toContain('  client c  |- {"type":"get"} -> 1 -||- {"type":"get"} -> 0 -|');
  const early = { client: "c", call: 1, return: 2, input: { type: "get" as const }, output: 1 };
  expect(explanationOf(counter(), [lost, early], 0).text).toMatch(
    / {2}client c {2}\|- get -> 1 -\|\n {2}client b +\|- incr 1 - \?\n/,
  );
});

it("has the whole partition where no steps may be spent on it", () => {
  const explanation = explanationOf(register<number>(), history, 0);
  expect(explanation.operations).toHaveLength(history.length);
  expect(explanation).toMatchObject({ smallest: false, stuck: history[5] });
  expect(explanation.text).toContain("There may be fewer");
});

it("says of one operation that it is one", () => {
  const incr = { client: "b", call: 0, return: 1, input: { type: "incr" as const } };
  const get = { client: "c", call: 2, return: 3, input: { type: "get" as const }, output: 6 };
  expect(explanationOf(counter(), [incr, get]).text).toBe(
    [
      "Nothing explains get -> 6 (client c):",
      "",
      "  client c  |- get -> 6 -|",
      "",
      "It is impossible by itself.",
      "That stays so whenever the other operation happened, or if not at all.",
    ].join("\n"),
  );
});

it("says which of the operations that it names are not drawn", () => {
  const incr = { client: "b", call: 0, return: 1, input: { type: "incr" as const } };
  const gets = [1, 0].map((output, index) => {
    return { client: "c", call: 10 * index + 8, return: 10 * index + 9, input: { type: "get" as const }, output };
  });
  expect(explanationOf(counter(), [incr, ...gets]).text.split("\n")).toEqual([
    "No order of these operations explains get -> 0 (client c):",
    "",
    "  client c  |- get -> 1 -||- get -> 0 -|",
    "",
    "The nearest attempt: incr 1 (client b, not drawn), get -> 1 (client c); then nothing fits.",
    "That stays so whenever the other operation happened, or if not at all.",
  ]);
});

it("hints at an output that was not recorded", () => {
  const balance: Model<number, { do: string }, number> = {
    init: () => 0,
    step: (state, _, output) => (output === state ? { ok: true, state } : { ok: false }),
  };
  const told = { client: "ann", call: 0, return: 1, input: { do: "balance" }, output: 7 };
  const { output: _, ...untold } = told;
  expect(explanationOf(balance, [untold]).text).toContain("It returned, but has no output: record what the client");
  expect(explanationOf(balance, [told]).text).not.toContain("no output");
});
