import { describe, expect, it } from "vitest";
import {
  type CasRegisterInput,
  casRegister,
  checkLinearizability,
  counter,
  keyValueMap,
  type MapInput,
  type Operation,
  type RegisterInput,
  register,
} from "../src/index.js";
import { record } from "./support.js";
import { worlds } from "./worlds.js";

type RegisterOperation = Operation<RegisterInput<number>, number | null | undefined>;

const write = (client: string | number, call: number, end: number | null, value: number): RegisterOperation => ({
  client,
  call,
  return: end,
  input: { type: "write", value },
});
const read = (client: string | number, call: number, end: number, output: number | null): RegisterOperation => ({
  client,
  call,
  return: end,
  input: { type: "read" },
  output,
});
const verdict = (...history: RegisterOperation[]): boolean | "unknown" => checkLinearizability(register(), history).ok;

describe("real time", () => {
  it("an empty history is linearizable", () => {
    expect(checkLinearizability(register(), [])).toEqual({ ok: true, steps: 0, orders: [] });
  });

  it("orders what did not overlap, and nothing else", () => {
    expect(verdict(write("a", 0, 1, 1), write("b", 2, 3, 2), read("c", 4, 5, 1))).toBe(false);
    expect(verdict(write("a", 0, 3, 1), write("b", 2, 3, 2), read("c", 4, 5, 1))).toBe(true);
    expect(verdict(write("a", 0, 3, 1), write("b", 2, 3, 2), read("c", 4, 5, 1), read("c", 6, 7, 2))).toBe(false);
  });

  it("takes operations that meet in one moment as concurrent", () => {
    expect(verdict(write("a", 0, 1, 1), write("b", 1, 2, 2), read("c", 3, 4, 1))).toBe(true);
  });

  it("but keeps the order of one client that never pauses", () => {
    expect(verdict(write("a", 0, 1, 1), write("a", 1, 2, 2), read("c", 3, 4, 1))).toBe(false);
    expect(verdict(write("a", 1, 1, 1), write("a", 1, 1, 2), read("a", 1, 1, 1))).toBe(false);
    expect(verdict(write("a", 1, 1, 1), write("a", 1, 1, 2), read("a", 1, 1, 2))).toBe(true);
  });

  it("does not mind in which order operations stand in the history", () => {
    expect(verdict(read("c", 4, 5, 1), write("b", 2, 3, 2), write("a", 0, 1, 1))).toBe(false);
  });
});

describe("unknown outcomes", () => {
  it("may have happened late, or not at all, but not before the call", () => {
    expect(verdict(write("a", 0, null, 1), read("b", 1, 2, null), read("b", 8, 9, 1))).toBe(true);
    expect(verdict(write("a", 0, null, 1), read("b", 1, 2, null))).toBe(true);
    expect(verdict(write("a", 0, null, 1), read("b", 1, 2, 1), read("b", 8, 9, null))).toBe(false);
    expect(verdict(read("b", 1, 2, 1), write("a", 3, null, 1))).toBe(false);
  });

  it("happen once at most", () => {
    const lost = write("a", 0, null, 1);
    expect(verdict(lost, write("b", 1, 2, 2), read("b", 3, 4, 1), write("b", 5, 6, 3), read("b", 7, 8, 1))).toBe(false);
  });

  it("leave the client free to go on", () => {
    expect(verdict(write("a", 0, null, 1), write("a", 1, 2, 2), read("a", 3, 4, 1))).toBe(true);
  });

  it("come after what their client did in the moment of their call", () => {
    expect(verdict(write("a", 0, 5, 1), write("a", 5, null, 2), read("b", 5, 6, 2), read("b", 7, 8, 1))).toBe(false);
  });

  it("stand in for each other only where none has to wait for its client", () => {
    const [held, free] = [write("a", 5, null, 1), write("b", 5, null, 1)];
    const busy = write("a", 0, 5, 2);
    // The write of a comes after 2, so that 1 is that of b, before 2.
    expect(verdict(busy, held, free, read("c", 0, 5, 1), read("c", 6, 7, 2))).toBe(true);
    expect(verdict(busy, held, read("c", 0, 5, 1), read("c", 6, 7, 2))).toBe(false);
  });

  it("stand in the order only where they are needed", () => {
    const history = [write("a", 0, null, 1), write("b", 0, null, 2), read("c", 1, 2, 2)];
    expect(checkLinearizability(register(), history)).toMatchObject({ ok: true, orders: [{ order: [1, 2] }] });
  });
});

describe("of the ways to one state, the one that used up the fewest unknown operations counts", () => {
  // The first order tried has 5 before 6, and then needs a lost write of 5 too early.
  const trap = [
    write("a", 0, 10, 5),
    write("b", 0, 10, 6),
    read("r", 11, 12, 5),
    read("r", 13, 14, 1),
    read("r", 15, 16, 5),
  ];
  const lost = [write("x", -9, null, 5), write("y", -9, null, 1)];

  it("of different ones", () => expect(verdict(...lost, ...trap)).toBe(true));
  it("of equal ones", () => {
    expect(verdict(...lost, write("z", -9, null, 5), read("r", -5, -4, 5), ...trap)).toBe(true);
    expect(verdict(...lost, read("r", -5, -4, 5), ...trap)).toBe(false);
  });
});

describe("histories that nobody can have recorded are refused", () => {
  const refused = (message: RegExp, index: number, ...history: unknown[]): void => {
    const check = (): unknown => checkLinearizability(register<number>(), history as RegisterOperation[]);
    const error = { code: "InvalidArgument", message: expect.stringMatching(message), details: { index } };
    expect(check).toThrow(expect.objectContaining(error));
  };
  const fine = { client: "a", call: 0, return: 1, input: { type: "read" }, output: null };

  it("a return before its call", () =>
    refused(/returned at 3, before it was called at 4/, 1, fine, read("b", 4, 3, 1)));
  it("two at a time by one client", () => {
    refused(/Operations 0 and 1 of client a overlap/, 1, fine, write("a", 0.5, 3, 1));
    refused(/overlap/, 1, fine, write("a", 0.5, null, 1));
    refused(/overlap/, 0, write("a", 5, 7, 1), write("a", 4, 6, 1));
  });
  it("times that are no numbers", () => {
    refused(/called at NaN/, 0, { ...fine, call: Number.NaN });
    refused(/null if its outcome is unknown/, 0, { ...fine, return: Number.POSITIVE_INFINITY });
    refused(/null if its outcome is unknown/, 0, { ...fine, return: undefined });
  });
  it("an output without a return", () =>
    refused(/an outcome is known or it is not/, 0, { ...fine, return: null, output: 3 }));
  it("nobody, or nothing", () => {
    refused(/no client/, 1, fine, { ...fine, client: undefined });
    refused(/no object/, 1, fine, null);
    refused(/no input/, 0, { client: 1, call: 0, return: 1 });
  });
  it("and so is what is no history or no limit", () => {
    const code = expect.objectContaining({ code: "InvalidArgument" });
    expect(() => checkLinearizability(register(), "abc" as unknown as [])).toThrow(code);
    expect(() => checkLinearizability(register(), [], { stepsMax: Number.NaN })).toThrow(code);
    expect(() => checkLinearizability(register(), [], { memoryBytesMax: -1 })).toThrow(code);
  });
});

describe("limits", () => {
  const busy = record({
    seed: 5,
    operations: 2000,
    clients: 8,
    next: (random): CasRegisterInput<number> =>
      random() < 0.5 ? { type: "read" } : { type: "write", value: Math.floor(random() * 4) },
    apply: (() => {
      let value: number | null = null;
      return (input: CasRegisterInput<number>) => (input.type === "read" ? value : void (value = input.value));
    })(),
  });

  it("of steps and memory end the search without a verdict", () => {
    expect(checkLinearizability(casRegister<number>(), busy).ok).toBe(true);
    const options = [{ stepsMax: 500 }, { memoryBytesMax: 20_000 }];
    const results = options.map((one) => checkLinearizability(casRegister<number>(), busy, one));
    expect(results).toMatchObject([
      { ok: "unknown", reason: "steps" },
      { ok: "unknown", reason: "memory" },
    ]);
    expect(results[0]?.steps).toBeLessThan(600);
  });

  it("do not hide a fault in another partition", () => {
    const inMap = busy.map(
      ({ input, ...rest }): Operation<MapInput<string, number>, number | boolean | null | undefined> => ({
        ...rest,
        input: input.type === "write" ? { type: "put", key: "busy", value: input.value } : { type: "get", key: "busy" },
      }),
    );
    const bad = { client: "z", call: 0, return: 1, input: { type: "get" as const, key: "z" }, output: 9 };
    const limits = { stepsMax: 500 };
    expect(checkLinearizability(keyValueMap<string, number>(), inMap, limits)).toMatchObject({
      ok: "unknown",
      key: "busy",
    });
    expect(checkLinearizability(keyValueMap<string, number>(), [...inMap, bad], limits)).toMatchObject({
      ok: false,
      key: "z",
    });
  });
});

describe("10,000 operations of 8 concurrent clients", () => {
  it.each(worlds.map((world) => [world.name, world] as const))("%s: few steps", (name, world) => {
    let values = 0;
    const history = record({
      seed: 1,
      operations: 10_000,
      clients: 8,
      next: (random, client) => world.next(random, client, () => (values += 1)),
      apply: world.object(),
    });
    const start = performance.now();
    const result = checkLinearizability(world.model(), history);
    console.log(`${name}: ${result.steps} steps, ${Math.round(performance.now() - start)} ms`);
    expect(result.ok).toBe(true);
    expect(result.steps).toBeLessThan(200_000);
  });

  it("a lost update at their end is found and explained by three of them", () => {
    let value: number | null = null;
    let values = 0;
    const history: RegisterOperation[] = record({
      seed: 2,
      operations: 10_000,
      clients: 8,
      next: (random): RegisterInput<number> =>
        random() < 0.5 ? { type: "read" } : { type: "write", value: (values += 1) },
      apply: (input) => (input.type === "read" ? value : void (value = input.value)),
    });
    const now = 1 + Math.max(...history.map((one) => one.return ?? 0));
    const late = [write("x", now, now + 1, -1), write("y", now + 2, now + 3, -2), read("z", now + 4, now + 5, -1)];
    const result = checkLinearizability(register<number>(), [...history, ...late]);
    expect(result).toMatchObject({ ok: false, explanation: { operations: late, stuck: late[2], smallest: true } });
    expect(result.steps).toBeLessThan(1_000_000);
  });
});

describe("many unknown outcomes at once", () => {
  const lost = Array.from({ length: 300 }, (_, index) => write(`lost ${index}`, 0, null, index));

  it("that were all seen, in any order", () => {
    const reads = lost.map((_, index) => read("r", 2 * index + 1, 2 * index + 2, (index * 77) % 300));
    const result = checkLinearizability(register<number>(), [...lost, ...reads]);
    expect(result.ok).toBe(true);
    expect(result.steps).toBeLessThan(200_000);
  });

  it("of which one was seen twice, with another between", () => {
    const reads = [5, 6, 7, 5].map((value, index) => read("r", 2 * index + 1, 2 * index + 2, value));
    const result = checkLinearizability(register<number>(), [...lost, ...reads]);
    expect(result.ok).toBe(false);
    expect(result.steps).toBeLessThan(200_000);
  });

  it("all of which may explain why a swap failed", () => {
    const cas = {
      client: "c",
      call: 1,
      return: 2,
      input: { type: "cas" as const, expected: 0, value: 1 },
      output: false,
    };
    const none = { client: "c", call: 3, return: 4, input: { type: "read" as const }, output: 0 };
    const result = checkLinearizability(casRegister<number>({ initial: 0 }), [...lost.slice(1, 41), cas, none]);
    expect(result.ok).toBe(false);
    // About the cube of 40, as any of them may have been the last one before any other.
    expect(result.steps).toBeLessThan(400_000);
  });

  it("that are all alike", () => {
    const incr = lost.map(({ client }) => ({ client, call: 0, return: null, input: { type: "incr" as const } }));
    const get = (call: number, output: number) => ({
      client: "g",
      call,
      return: call + 1,
      input: { type: "get" as const },
      output,
    });
    expect(checkLinearizability(counter(), [...incr, get(1, 150), get(3, 300)]).ok).toBe(true);
    const result = checkLinearizability(counter(), [...incr, get(1, 150), get(3, 301)]);
    expect(result.ok).toBe(false);
    expect(result.steps).toBeLessThan(200_000);
  });
});
