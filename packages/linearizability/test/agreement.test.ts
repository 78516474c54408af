import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type CheckResult, checkLinearizability, type Model, type Operation } from "../src/index.js";
import { bruteForce, isWitness, randomOf, record } from "./support.js";
import { type World, worlds } from "./worlds.js";

/** Clients that do one thing after the other at small times, so that many are equal, with any outputs at all. */
function histories(world: World, outcomes: fc.Arbitrary<boolean>): fc.Arbitrary<Operation<unknown, unknown>[]> {
  const one = fc.record({
    client: fc.integer({ min: 0, max: 2 }),
    pause: fc.integer({ min: 0, max: 2 }),
    takes: fc.integer({ min: 0, max: 4 }),
    known: outcomes,
    input: world.input,
    output: world.output,
  });
  return fc.array(one, { minLength: 1, maxLength: 6 }).map((all) => {
    const now = new Map<number, number>();
    return all.map(({ client, pause, takes, known, input, output }) => {
      const call = (now.get(client) ?? 0) + pause;
      now.set(client, call + takes);
      return known ? { client, call, return: call + takes, input, output } : { client, call, return: null, input };
    });
  });
}

const known = fc.constantFrom(true, true, false);
/** The model without what makes it fast. */
const bare = (model: Model<unknown, unknown, unknown>): Model<unknown, unknown, unknown> => ({
  init: () => model.init(),
  step: (...args) => model.step(...args),
  partition: (input) => model.partition?.(input),
});

function expectWitness(
  model: Model<unknown, unknown, unknown>,
  history: readonly Operation<unknown, unknown>[],
  result: CheckResult<unknown, unknown>,
): void {
  if (result.ok !== true) return;
  const placed = new Set(result.orders.flatMap(({ order }) => order));
  expect(history.every((one, index) => one.return === null || placed.has(index))).toBe(true);
  for (const { order } of result.orders) expect(isWitness(model, history, order)).toBe(true);
}

describe.each(worlds.map((world) => [world.name, world] as const))("%s", (_, world) => {
  it("agrees with trying every order, with and without its hints", () => {
    let linearizable = 0;
    let runs = 0;
    fc.assert(
      fc.property(histories(world, known), (history) => {
        const model = world.model();
        const expected = bruteForce(model, history);
        const result = checkLinearizability(model, history, { explainStepsMax: 0 });
        expect(result.ok).toBe(expected);
        expect(checkLinearizability(bare(model), history, { explainStepsMax: 0 }).ok).toBe(expected);
        expectWitness(model, history, result);
        runs += 1;
        if (expected) linearizable += 1;
      }),
      { numRuns: 2000 },
    );
    expect(linearizable / runs).toBeGreaterThan(0.05);
    expect(linearizable / runs).toBeLessThan(0.95);
  });

  it("accepts what clients of a correct object see, and agrees when an answer is changed", () => {
    let changed = 0;
    for (let seed = 1; seed <= 300; seed += 1) {
      let values = 0;
      const next = (random: () => number, client: number): unknown => world.next(random, client, () => (values += 1));
      const options = { seed, operations: 7, clients: 3, lost: 0.3, next, apply: world.object() };
      const history = record(options);
      const result = checkLinearizability(world.model(), history);
      expect(result.ok).toBe(true);
      expectWitness(world.model(), history, result);

      const random = randomOf(seed);
      const at = history.findIndex((one) => one.return !== null && random() < 0.4);
      const output = fc.sample(world.output, { numRuns: 1, seed })[0];
      const other = history.map((one, index) => (index === at ? { ...one, output } : one));
      const verdict = checkLinearizability(world.model(), other, { explainStepsMax: 0 }).ok;
      expect(verdict).toBe(bruteForce(world.model(), other));
      if (verdict === false) changed += 1;
    }
    expect(changed).toBeGreaterThan(15);
  });

  it("explains with operations that are at fault by themselves", () => {
    let explained = 0;
    fc.assert(
      fc.property(histories(world, known), (history) => {
        const result = checkLinearizability(world.model(), history);
        if (result.ok !== false) return;
        const { operations, stuck, text } = result.explanation;
        expect(operations).toContain(stuck);
        expect(bruteForce(world.model(), operations)).toBe(false);
        expect(text).toContain(`(client ${stuck.client})`);
        explained += 1;
      }),
      { numRuns: 200 },
    );
    expect(explained).toBeGreaterThan(5);
  });
});
