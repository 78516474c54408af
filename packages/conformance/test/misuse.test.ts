import { describe, expect, it } from "vitest";
import {
  clockSuite,
  codecSuite,
  stateMachineSuite,
  storageSuite,
  type TestFunction,
  transportSuite,
} from "../src/index.js";
import { run } from "./run.js";

/** What a user of plain JavaScript may hand over. */
const wrong = (value: unknown): never => value as never;
const machine = () => ({
  apply: () => ({ result: null }),
  query: () => null,
  snapshot: () => [],
  restore: () => undefined,
});
const storage = () => ({ open: () => null, write: () => null, close: () => null });

describe("create that gives something else: one case says what it must return", () => {
  it.each<[string, (test: TestFunction) => void, string, string]>([
    [
      "a storage",
      (test) => storageSuite({ test, create: () => wrong(storage()) }),
      "create() must return { storage() }: one disk, and storage objects on it; it gave an object with open, write, close, without storage(). If you have myStorage(disk), return { storage: () => myStorage(disk) }.",
      "a blank store is refused, and stays blank",
    ],
    [
      "nothing",
      (test) => storageSuite({ test, create: () => wrong(undefined) }),
      "it gave undefined, without storage()",
      "a blank store is refused, and stays blank",
    ],
    [
      "a transport",
      (test) => transportSuite({ test, create: () => wrong({ send: () => true }) }),
      "create() must return { transport(), tooLongBytes, queueBytesMax }: one network, and transports on it; it gave an object with send,",
      "a frame for several peers reaches each of them, and each owns what it got",
    ],
    [
      "a bare clock",
      (test) => clockSuite({ test, create: () => wrong({ now: () => 0 }) }),
      "create() must return { clock } with a Clock in it; it gave undefined, without now(), timer(), soon(). If you have",
      "now never falls",
    ],
    [
      "a factory of codecs",
      (test) => codecSuite({ test, create: () => wrong(() => undefined), samples: [1, 2] }),
      "create() must return a Codec; it gave a function with length, name, without encode(), decode().",
      "samples come back equal",
    ],
    [
      "a state machine without snapshots",
      (test) =>
        stateMachineSuite({
          test,
          create: () => wrong({ ...machine(), snapshot: undefined }),
          commands: [1, 2, 3, 4],
          queries: [null],
        }),
      "create() must return a StateMachine at its start; it gave an object with apply, query, snapshot, restore, without snapshot().",
      "the same log gives the same results and the same state",
    ],
  ])("%s", async (_, suite, message, first) => {
    const { names, failed } = await run(suite);
    expect(names.length).toBeGreaterThan(5);
    expect([...failed.keys()]).toHaveLength(1);
    expect(names).toContain(first);
    expect([...failed.values()][0]).toContain(message);
    expect([...failed.values()][0]).toMatch(/this one stands for all of the suite\.$/);
  });

  it("and says so again when that case runs again", async () => {
    const cases: (() => Promise<void>)[] = [];
    storageSuite({ test: (_, body) => cases.push(body), create: () => wrong(storage()) });
    await expect(cases[3]?.()).rejects.toThrow("create() must return");
    await expect(cases[0]?.()).resolves.toBeUndefined();
    await expect(cases[3]?.()).rejects.toThrow("create() must return");
  });
});

describe("too little to work with: one case, which fails", () => {
  it.each<[string, (test: TestFunction) => void, string]>([
    [
      "three commands",
      (test) => stateMachineSuite({ test, create: () => wrong(machine()), commands: [1, 2, 3], queries: [null] }),
      "stateMachineSuite needs commands, an array of at least 4 (20 to 200 are good), and queries, an array of at least one; not 3 and 1",
    ],
    [
      "no queries",
      (test) => stateMachineSuite({ test, create: () => wrong(machine()), commands: [1, 2, 3, 4], queries: [] }),
      "not 4 and 0",
    ],
    ["nothing at all", (test) => stateMachineSuite(wrong({ test, create: machine })), "not undefined and undefined"],
    [
      "one sample",
      (test) => codecSuite({ test, create: () => wrong({}), samples: [1] }),
      "codecSuite needs samples: an array of at least 2 different values, not 1 of them",
    ],
  ])("%s", async (_, suite, message) => {
    const { names, failed } = await run(suite);
    expect(names).toEqual([...failed.keys()]);
    expect([...failed.values()]).toEqual([expect.stringContaining(message)]);
  });
});
