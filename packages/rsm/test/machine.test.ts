import { type StateMachine, SynodError, type TickContext } from "@synod/interface";
import { describe, expect, test } from "vitest";
import { encodeBatch, replicatedMachine } from "../src/index.js";
import {
  addCodec,
  applyNext,
  brief,
  codeOf,
  command,
  facts,
  NONCE,
  NOOP,
  Numbers,
  numbersMachine,
  open,
  restore,
  textCodec,
  thrown,
} from "./helpers.js";

const A = { slot: 1, index: 0 };

describe("apply", () => {
  test("slots in order, each once", () => {
    const machine = numbersMachine();
    for (const slot of [0, 2, -1, Number.NaN])
      expect(codeOf(() => machine.apply(slot, NOOP))).toBe("InvariantViolated");
    machine.apply(1, NOOP);
    expect(codeOf(() => machine.apply(1, NOOP))).toBe("InvariantViolated");
    expect(machine.applied).toBe(1);
  });

  test("values that are no batch only count", () => {
    const machine = numbersMachine();
    const { digest, chainHash } = facts(machine);
    for (const value of [NOOP, Uint8Array.of(1, 9), Uint8Array.of(2), new Uint8Array(0)]) {
      expect(machine.apply(machine.applied + 1, value)).toEqual([]);
    }
    expect(machine.applied).toBe(4);
    expect(machine.digest()).toBe(digest);
    expect(machine.chainHash).not.toBe(chainHash);
  });

  test("a batch that cannot be read changes nothing", () => {
    const machine = numbersMachine();
    applyNext(machine, 5, open());
    const before = facts(machine);
    const good = encodeBatch(9, [command(A, 1, "add x 1"), command(A, 2, "add x 1")]);
    expect(codeOf(() => machine.apply(2, good.subarray(0, -1)))).toBe("Malformed");
    expect(codeOf(() => machine.apply(2, Uint8Array.of(3, 9, 0, 0)))).toBe("VersionUnsupported");
    expect(facts(machine)).toEqual(before);
    expect(machine.apply(2, good).map(brief)).toEqual(["1", "2"]);
  });

  test("a log that lasts is read by the codec's own way for it, if it has one", () => {
    const asked: string[] = [];
    const both = {
      decode: (bytes: Uint8Array) => (asked.push("decode"), addCodec.decode(bytes)),
      decodeLasting: (bytes: Uint8Array) => (asked.push("lasting"), addCodec.decode(bytes)),
    };
    const machine = numbersMachine({ commandCodec: both });
    applyNext(machine, 5, open());
    machine.apply(2, encodeBatch(9, [command(A, 1, "add x 1")]), true);
    machine.apply(3, encodeBatch(9, [command(A, 2, "add x 1")]));
    expect(asked).toEqual(["lasting", "decode"]);
    // Other replicas read the same bytes by `decode`: what that takes, no replica refuses.
    const torn = () => {
      throw new Error("a wrapper that forgot it");
    };
    const forgetful = numbersMachine({ commandCodec: { ...both, decodeLasting: torn } });
    applyNext(forgetful, 5, open());
    expect(forgetful.apply(2, encodeBatch(9, [command(A, 1, "add x 1")]), true).map(brief)).toEqual(["1"]);
    const plain = numbersMachine();
    applyNext(plain, 5, open());
    expect(plain.apply(2, encodeBatch(9, [command(A, 1, "add x 1")]), true).map(brief)).toEqual(["1"]);
    expect(plain.apply(3, encodeBatch(9, [command(A, 2, "add x 1")])).map(brief)).toEqual(["2"]);
    expect(facts(plain)).toEqual(facts(machine));
  });

  test("the context", () => {
    const contexts: unknown[] = [];
    const numbers = new Numbers();
    const stateMachine: StateMachine<string, null, string> = {
      apply(result, context) {
        contexts.push(context);
        return { result };
      },
      query: () => "",
      snapshot: () => numbers.snapshot(),
      restore: () => ({ write: () => {}, end: () => {} }),
    };
    const commandCodec = { decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes) };
    const machine = replicatedMachine({ stateMachine, commandCodec, resultCodec: textCodec });
    machine.apply(1, encodeBatch(7, [open()]));
    machine.apply(2, NOOP);
    const outcomes = machine.apply(3, encodeBatch(6, [command(A, 1, "a"), command(A, 1, "a"), command(A, 2, "b")]));
    expect(contexts).toEqual([
      { slot: 3, index: 0, timeMs: 7, session: A, machineVersion: 1 },
      { slot: 3, index: 2, timeMs: 7, session: A, machineVersion: 1 },
    ]);
    expect(outcomes.map((outcome) => outcome.index)).toEqual([0, 1, 2]);
    expect(outcomes[2]).toMatchObject({ kind: "result", ticket: { session: A, sequence: 2, floor: 0 }, cached: false });
  });

  test("opened tells the nonce and the session", () => {
    const machine = numbersMachine();
    expect(applyNext(machine, 0, open())).toEqual([{ kind: "opened", index: 0, nonce: NONCE, session: A }]);
  });

  test("the state machine is called when logged time reaches its deadline, before the commands, and also without any", () => {
    const calls: string[] = [];
    class Alarmed extends Numbers {
      deadlineMs: number | null = 10;
      override apply(...args: Parameters<Numbers["apply"]>): ReturnType<Numbers["apply"]> {
        calls.push("apply");
        return super.apply(...args);
      }
      nextDeadline(): number | null {
        return this.deadlineMs;
      }
      tick({ slot, timeMs, machineVersion }: TickContext): void {
        calls.push(`tick ${slot} ${timeMs} ${machineVersion}`);
        this.deadlineMs = timeMs < 30 ? 30 : null;
      }
    }
    const stateMachine = new Alarmed();
    const machine = numbersMachine({ stateMachine });
    applyNext(machine, 9, open());
    expect(calls).toEqual([]);
    applyNext(machine, 10, command(A, 1, "add x 1"), command(A, 2, "add x 1"));
    expect(calls.splice(0)).toEqual(["tick 2 10 1", "apply", "apply"]);
    applyNext(machine, 29);
    applyNext(machine, 35);
    applyNext(machine, 99);
    expect(calls).toEqual(["tick 4 35 1"]);
    const cause = new Error("a bug");
    stateMachine.deadlineMs = 100;
    stateMachine.tick = () => {
      throw cause;
    };
    expect(thrown(() => applyNext(machine, 100))).toMatchObject({ code: "ApplyFailed", cause, details: { slot: 6 } });
    expect(codeOf(() => machine.query("x"))).toBe("InvariantViolated");
  });

  test("an exception of apply stops the machine for good", () => {
    const cause = new Error("a bug");
    const stateMachine = new Numbers();
    stateMachine.apply = () => {
      throw cause;
    };
    const machine = numbersMachine({ stateMachine });
    applyNext(machine, 0, open());
    const error = thrown(() => applyNext(machine, 0, open(), command(A, 1, "add x 1")));
    expect(error).toBeInstanceOf(SynodError);
    expect(error).toMatchObject({ code: "ApplyFailed", cause, details: { slot: 2, index: 1 } });
    expect(machine.applied).toBe(1);
    expect(codeOf(() => machine.apply(2, NOOP))).toBe("InvariantViolated");
    expect(codeOf(() => machine.query("x"))).toBe("InvariantViolated");
    expect(codeOf(() => machine.snapshot())).toBe("InvariantViolated");
    expect(codeOf(() => machine.digest())).toBe("InvariantViolated");
  });

  test("also one that has no text", () => {
    const stateMachine = new Numbers();
    stateMachine.apply = () => {
      throw Object.create(null);
    };
    const machine = numbersMachine({ stateMachine });
    applyNext(machine, 0, open());
    expect(thrown(() => applyNext(machine, 0, command(A, 1, "add x 1")))).toMatchObject({ code: "ApplyFailed" });
  });

  test.each([
    ["a promise", () => Promise.resolve({ result: 1 }), "synchronous"],
    ["a promise as result", () => ({ result: Promise.resolve(1) }), "synchronous"],
    ["nothing", () => undefined, "{ result }"],
    ["a bare number", () => 42, "{ result }"],
  ])("apply that returns %s is told what it must return", (_, apply, text) => {
    const stateMachine = new Numbers();
    stateMachine.apply = apply as unknown as Numbers["apply"];
    const machine = numbersMachine({ stateMachine });
    applyNext(machine, 0, open());
    const error = thrown(() => applyNext(machine, 0, command(A, 1, "add x 1")));
    expect(error).toMatchObject({ code: "ApplyFailed" });
    expect((error as Error).message).toContain(text);
  });

  test.each(["abc", "7", [1, 2]])("a codec that gives %j in place of bytes has not encoded the result", (wrong) => {
    const machine = numbersMachine({ resultCodec: { encode: () => wrong as unknown as Uint8Array } });
    applyNext(machine, 0, open());
    expect(applyNext(machine, 0, command(A, 1, "add x 1"))).toMatchObject([{ kind: "unencodableResult" }]);
  });

  test("a result that cannot be encoded is an answer like any other, also for repeats and after a snapshot", () => {
    const resultCodec = {
      encode: (): Uint8Array => {
        throw new SynodError("TooLarge", "a result");
      },
    };
    const machine = numbersMachine({ resultCodec });
    applyNext(machine, 0, open());
    expect(applyNext(machine, 0, command(A, 1, "add x 1"))).toMatchObject([
      { kind: "unencodableResult", cached: false, cause: { code: "TooLarge" } },
    ]);
    expect(machine.query("x")).toBe(1);
    const restored = numbersMachine({ resultCodec });
    restore(restored, [...machine.snapshot().chunks]);
    for (const copy of [machine, restored]) {
      expect(applyNext(copy, 0, command(A, 1, "add x 1"))).toMatchObject([{ kind: "unencodableResult", cached: true }]);
      expect(copy.query("x")).toBe(1);
    }
    expect(restored.digest()).toBe(machine.digest());
  });

  test("replies do not keep the encoder's pool in memory, nor change with it", () => {
    const pool = new Uint8Array(1000);
    const resultCodec = {
      encode: (result: string) => pool.subarray(0, new TextEncoder().encodeInto(result, pool).written),
    };
    const machine = numbersMachine({ resultCodec });
    applyNext(machine, 0, open());
    const [outcome] = applyNext(machine, 0, command(A, 1, "add x 12"));
    expect(outcome?.kind === "result" && outcome.reply.buffer.byteLength).toBe(2);
    pool.fill(0);
    expect(applyNext(machine, 0, command(A, 1, "add x 12")).map(brief)).toEqual(["12 (cached)"]);
  });
});

describe("logged time goes by the clock of the highest leader", () => {
  const [first, second] = [
    { round: 1, node: 3 },
    { round: 2, node: 1 },
  ];
  const log = [
    encodeBatch(10, [open()], first),
    encodeBatch(20, [command(A, 1, "add x 1")], second),
    // Logged by the first one while it was cut off, and chosen after it had become known again.
    encodeBatch(9_000, [command(A, 2, "add x 1")], first),
    encodeBatch(8_000, [command(A, 3, "add x 1")]),
    encodeBatch(30, [command(A, 4, "add x 1")], second),
    encodeBatch(40, [command(A, 5, "add x 1")], { round: 2, node: 2 }),
    encodeBatch(7_000, [command(A, 6, "add x 1")], second),
  ];
  const times = [10, 20, 20, 20, 30, 40, 40];

  test("what an earlier one logged is executed, at the time that it is", () => {
    const machine = numbersMachine({ sessionTtlMs: 1_000 });
    expect(machine.timedBy).toBeNull();
    const run = log.map((value, at) => brief(machine.apply(at + 1, value)[0]));
    expect(run.slice(1)).toEqual(["1", "2", "3", "4", "5", "6"]);
    expect(machine).toMatchObject({ timeMs: 40, timedBy: { round: 2, node: 2 } });
  });

  test.each(times.map((timeMs, at) => [at + 1, timeMs]))("also behind a snapshot of slot %i", (index, timeMs) => {
    const machine = numbersMachine({ sessionTtlMs: 1_000 });
    log.slice(0, index).forEach((value, at) => machine.apply(at + 1, value));
    expect(machine.timeMs).toBe(timeMs);
    const back = numbersMachine({ sessionTtlMs: 1_000 });
    restore(back, machine.snapshot().chunks);
    expect([back.timedBy, back.digest()]).toEqual([machine.timedBy, machine.digest()]);
    log.slice(index).forEach((value, at) => back.apply(index + at + 1, value));
    expect(back.timeMs).toBe(40);
  });

  test("it is part of the digest", () => {
    const digests = [null, first, second, { round: 1, node: 2 }].map((ballot) => {
      const machine = numbersMachine();
      machine.apply(1, encodeBatch(5, [], ballot));
      return machine.digest();
    });
    expect(new Set(digests).size).toBe(digests.length);
  });
});

describe("hashes", () => {
  const log = [
    encodeBatch(1, [open()]),
    NOOP,
    encodeBatch(2, [command(A, 1, "add x 1")]),
    encodeBatch(3, [command(A, 2, "add x 2")]),
  ];
  const run = (values: readonly Uint8Array[]) => {
    const machine = numbersMachine();
    values.forEach((value, at) => machine.apply(at + 1, value));
    return machine;
  };

  test("golden: the chain of a short log", () => {
    expect(numbersMachine().chainHash).toBe("0000000000000000");
    expect(run(log).chainHash).toBe("ffd70a7f3b880f7c");
  });

  test("equal logs, equal chains; any difference shows", () => {
    const chains = [
      run(log),
      run(log),
      run(log.slice(0, 3)),
      run([...log, NOOP]),
      run([...log.slice(0, 2), encodeBatch(2, [command(A, 1, "add x 2")]), ...log.slice(3)]),
      run([NOOP, ...log]),
    ].map((machine) => machine.chainHash);
    expect(chains[1]).toBe(chains[0]);
    expect(new Set(chains).size).toBe(5);
  });

  test("the digest tells states, not histories", () => {
    const direct = numbersMachine();
    applyNext(direct, 9, open());
    const detour = numbersMachine();
    applyNext(detour, 9, open(), open());
    applyNext(detour, 9, { kind: "close", session: { slot: 1, index: 1 } });
    expect(detour.digest()).toBe(direct.digest());
    expect(detour.chainHash).not.toBe(direct.chainHash);
  });

  test("sessions, replies, time, limits and the state machine are all in the digest", () => {
    const base = () => {
      const machine = numbersMachine();
      applyNext(machine, 9, open(), command({ slot: 1, index: 0 }, 1, "add x 1"));
      return machine;
    };
    const other = (...args: Parameters<typeof applyNext> extends [unknown, ...infer Rest] ? Rest : never) => {
      const machine = base();
      applyNext(machine, ...args);
      return machine.digest();
    };
    const limited = numbersMachine({ sessionTtlMs: 5 });
    applyNext(limited, 9, open(), command({ slot: 1, index: 0 }, 1, "add x 1"));
    const silent = numbersMachine({ resultCodec: { encode: () => new Uint8Array(0) } });
    applyNext(silent, 9, open(), command({ slot: 1, index: 0 }, 1, "add x 1"));
    const digests = [
      base().digest(),
      other(10),
      other(9, open()),
      other(9, command(A, 1, "", 1)),
      other(9, command(A, 2, "add x 0")),
      other(9, command(A, 2, "nonsense")),
      limited.digest(),
      silent.digest(),
    ];
    expect(new Set(digests).size).toBe(digests.length);
    const unseen = new Numbers();
    unseen.digest = () => "same";
    const quiet = numbersMachine({ stateMachine: unseen });
    expect(quiet.digest()).toMatch(/^[0-9a-f]{16}\.same$/);
  });
});

test("nextDeadline is the earlier of the two", () => {
  const stateMachine: Numbers & { nextDeadline?: () => number | null } = new Numbers();
  let deadline: number | null = null;
  stateMachine.nextDeadline = () => deadline;
  const machine = replicatedMachine({
    stateMachine,
    commandCodec: addCodec,
    resultCodec: textCodec,
    sessionTtlMs: 100,
  });
  expect(machine.nextDeadline()).toBe(null);
  deadline = 500;
  expect(machine.nextDeadline()).toBe(500);
  applyNext(machine, 10, open());
  expect(machine.nextDeadline()).toBe(110);
  deadline = 50;
  expect(machine.nextDeadline()).toBe(50);
  // What is not above the logged time says nothing: the session still expires.
  deadline = 10;
  expect(machine.nextDeadline()).toBe(110);
  deadline = null;
  expect(machine.nextDeadline()).toBe(110);
});
