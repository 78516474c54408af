import { setFlagsFromString } from "node:v8";
import { runInThisContext } from "node:vm";
import { NumberMap, type SessionId } from "@synod/interface";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BatchEntry } from "../src/index.js";
import { type Reply, Sessions } from "../src/sessions.js";
import {
  applyNext,
  brief,
  close,
  codeOf,
  command,
  facts,
  NOOP,
  Numbers,
  numbersMachine,
  open,
  restore,
} from "./helpers.js";
import { SlowModel } from "./model.js";

const A: SessionId = { slot: 1, index: 0 };
const B: SessionId = { slot: 1, index: 1 };

/** A machine with the sessions A and B, and a function that applies one command and gives its outcome in short. */
function opened(options: Parameters<typeof numbersMachine>[0] = {}, limit?: number) {
  const machine = numbersMachine(options);
  applyNext(machine, 0, open(limit), open(limit));
  const run = (session: SessionId, sequence: number, body: string, floor = 0, timeMs = 0) =>
    brief(applyNext(machine, timeMs, command(session, sequence, body, floor))[0]);
  return { machine, run };
}

test("a session keeps its shape over snapshots: V8 would compile anew all that reads it", () => {
  setFlagsFromString("--allow-natives-syntax");
  const sameShape = runInThisContext("(a, b) => %HaveSameMap(a, b)") as (a: object, b: object) => boolean;
  const sessions = new Sessions({ sessionsMax: 10, sessionTtlMs: 1000, sessionReplyBytesMax: 1000 });
  sessions.open(A, 4, 0);
  const sessionNow = () => [...sessions.values()][0] as object;
  const first = sessionNow();
  for (let i = 1; i < 8; i++) {
    const snapshot = sessions.snapshot();
    sessions.admit({ session: A, sequence: i, floor: i - 1 }, i);
    const copy = sessionNow();
    expect(copy).not.toBe(first);
    expect(sameShape(copy, first)).toBe(true);
    snapshot.return();
  }
});

describe("one session", () => {
  test("a repeat gets the stored reply and executes nothing", () => {
    const stateMachine = new Numbers();
    const { machine, run } = opened({ stateMachine });
    expect(run(A, 1, "add x 5")).toBe("5");
    expect(run(A, 1, "add x 5")).toBe("5 (cached)");
    // Even with another body: the ticket is the identity of the request.
    expect(run(A, 1, "add x 7")).toBe("5 (cached)");
    expect(stateMachine.applications).toBe(1);
    expect(machine.query("x")).toBe(5);
  });

  test("a repeat in the same batch", () => {
    const { machine } = opened();
    const outcomes = applyNext(machine, 0, command(A, 1, "add x 5"), command(A, 1, "add x 5"));
    expect(outcomes.map(brief)).toEqual(["5", "5 (cached)"]);
  });

  test("events come with the execution, not with repeats", () => {
    const { machine } = opened();
    const [first, second] = applyNext(machine, 0, command(A, 1, "add x 5"), command(A, 1, "add x 5"));
    expect(first).toHaveProperty("events", ["x"]);
    expect(second).not.toHaveProperty("events");
  });

  test("sequences execute when they arrive, in any order", () => {
    const { run } = opened();
    expect(run(A, 3, "add x 1")).toBe("1");
    expect(run(A, 1, "add x 1")).toBe("2");
    expect(run(A, 3, "add x 1")).toBe("1 (cached)");
  });

  test("at or below the floor is stale; a floor never falls", () => {
    const { machine, run } = opened();
    run(A, 1, "add x 1");
    run(A, 2, "add x 1");
    expect(run(A, 3, "add x 1", 2)).toBe("3");
    expect(run(A, 1, "add x 1", 0)).toBe("stale");
    expect(run(A, 2, "add x 1", 2)).toBe("stale");
    expect(run(A, 5, "add x 1", 5)).toBe("stale");
    expect(run(A, 4, "add x 1", 0)).toBe("stale");
    expect(machine.query("x")).toBe(3);
  });

  test("beyond floor + limit is no answer: it executes once the floor has risen", () => {
    const { machine, run } = opened({}, 2);
    expect(run(A, 3, "add x 1")).toBe("beyondLimit");
    expect(run(A, 1, "add x 1")).toBe("1");
    expect(run(A, 2, "add x 1")).toBe("2");
    expect(run(A, 3, "add x 1")).toBe("beyondLimit");
    expect(run(A, 3, "add x 1", 1)).toBe("3");
    expect(run(A, 2, "add x 1", 1)).toBe("2 (cached)");
    expect(machine.query("x")).toBe(3);
  });

  test("the bound in bytes is checked before execution, and replies are never evicted for it", () => {
    const { machine, run } = opened({ sessionReplyBytesMax: 10 });
    expect(run(A, 1, "add x 1 8")).toBe("1........");
    expect(run(A, 2, "add x 1 8")).toBe("2........");
    expect(run(A, 3, "add x 1")).toBe("beyondLimit");
    expect(run(A, 1, "add x 1 8")).toBe("1........ (cached)");
    expect(run(B, 1, "add x 1")).toBe("3");
    expect(run(A, 3, "add x 1", 1)).toBe("4");
    expect(machine.query("x")).toBe(4);
  });

  test("the next one above the floor is let in although others take all the room: else nothing of them could be given up", () => {
    const { run } = opened({ sessionReplyBytesMax: 10 });
    expect(run(A, 1, "add x 1 8")).toBe("1........");
    expect(run(A, 3, "add x 1 8", 1)).toBe("2........");
    expect(run(A, 4, "add x 1 8", 1)).toBe("3........");
    expect(run(A, 5, "add x 1 8", 1)).toBe("beyondLimit");
    expect(run(A, 2, "add x 1 8", 1)).toBe("4........");
    expect(run(A, 5, "add x 1 8", 4)).toBe("5........");
  });

  test("a refused command leaves the state alone, is stored, and repeats the same answer", () => {
    const stateMachine = new Numbers();
    const { run } = opened({ stateMachine });
    expect(run(A, 1, "nonsense")).toBe("invalid");
    expect(run(A, 1, "add x 1")).toBe("invalid (cached)");
    expect(run(A, 2, "add x 1")).toBe("1");
    expect(stateMachine.applications).toBe(1);
  });

  test("a huge floor harms its own session only, and in short time", () => {
    const { run } = opened();
    expect(run(A, 1, "add x 1")).toBe("1");
    expect(run(A, 2, "add x 1", Number.MAX_SAFE_INTEGER)).toBe("stale");
    expect(run(B, 1, "add x 1")).toBe("2");
  });
});

describe("many sessions", () => {
  test("two sessions never share sequences", () => {
    const { run } = opened();
    expect([run(A, 1, "add x 1"), run(B, 1, "add x 2"), run(A, 1, "add x 1")]).toEqual(["1", "3", "1 (cached)"]);
  });

  test("an unknown session executes nothing", () => {
    const { machine, run } = opened();
    expect(run({ slot: 1, index: 2 }, 1, "add x 1")).toBe("unknownSession");
    expect(run({ slot: 2, index: 0 }, 1, "add x 1")).toBe("unknownSession");
    expect(machine.query("x")).toBe(0);
  });

  test("closed sessions are unknown; closing twice is harmless", () => {
    const { machine, run } = opened();
    run(A, 1, "add x 1");
    expect(applyNext(machine, 0, close(A), close(A)).map(brief)).toEqual(["closed true", "closed false"]);
    expect(run(A, 1, "add x 1")).toBe("unknownSession");
    expect(run(B, 1, "add x 1")).toBe("2");
  });

  test("an open beyond the number of sessions is refused, and possible again later", () => {
    const { machine } = opened({ sessionsMax: 2 });
    expect(brief(applyNext(machine, 0, open())[0])).toBe("openRefused");
    expect(applyNext(machine, 0, close(A), open()).map(brief)).toEqual(["closed true", "opened 3.1"]);
  });
});

describe("expiry by logged time", () => {
  test("exactly after the time to live, by a tick alone, and only unused sessions", () => {
    const { machine, run } = opened({ sessionTtlMs: 100 });
    expect(machine.nextDeadline()).toBe(100);
    run(B, 1, "add x 1", 0, 60);
    applyNext(machine, 99);
    expect(machine.sessionCount).toBe(2);
    applyNext(machine, 100);
    expect(machine.sessionCount).toBe(1);
    expect(machine.nextDeadline()).toBe(160);
    expect(run(A, 1, "add x 1", 0, 100)).toBe("unknownSession");
    expect(run(B, 1, "add x 1", 0, 100)).toBe("1 (cached)");
  });

  test("every mention counts as use, even a refused one", () => {
    const { run } = opened({ sessionTtlMs: 100 });
    expect(run(A, Number.MAX_SAFE_INTEGER, "add x 1", 0, 99)).toBe("beyondLimit");
    expect(run(A, 1, "add x 1", 0, 150)).toBe("1");
    expect(run(B, 1, "add x 1", 0, 150)).toBe("unknownSession");
  });

  test("a repeated OPEN after expiry is another session: nothing comes back to life", () => {
    const { machine, run } = opened({ sessionTtlMs: 100 });
    expect(run(A, 1, "add x 1")).toBe("1");
    const slot = machine.applied + 1;
    expect(applyNext(machine, 100, open(), command(A, 1, "add x 1")).map(brief)).toEqual([
      `opened ${slot}.0`,
      "unknownSession",
    ]);
    expect(machine.query("x")).toBe(1);
  });

  test("logged time never falls, and no-ops do not move it", () => {
    const { machine } = opened({ sessionTtlMs: 100 });
    applyNext(machine, 50);
    applyNext(machine, 20);
    machine.apply(machine.applied + 1, NOOP);
    expect(machine.timeMs).toBe(50);
    expect(machine.sessionCount).toBe(2);
  });
});

const LIMITS = { sessionTtlMs: 40, sessionsMax: 4, sessionReplyBytesMax: 12 };

type Draw = { what: number; session: number; sequence: number; floor: number; padding: number };
const draw: fc.Arbitrary<Draw> = fc.record({
  what: fc.nat(11),
  session: fc.nat(7),
  sequence: fc.integer({ min: 1, max: 7 }),
  floor: fc.nat(6),
  padding: fc.nat(6),
});
const batches = fc.array(
  fc.record({
    advanceMs: fc.integer({ min: -5, max: 25 }),
    draws: fc.array(draw, { maxLength: 6 }),
    restart: fc.nat(4),
  }),
  { maxLength: 40 },
);

test("is the slow model, with restarts from snapshots in between", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(batches, (script) => {
      const model = new SlowModel(LIMITS);
      let machine = numbersMachine(LIMITS);
      const ids: SessionId[] = [{ slot: 9999, index: 0 }];
      let timeMs = 0;
      for (const { advanceMs, draws, restart } of script) {
        timeMs = Math.max(0, timeMs + advanceMs);
        const slot = machine.applied + 1;
        const entries = draws.map((each, index): BatchEntry => {
          const id = ids.at(-1 - (each.session % ids.length)) ?? A;
          if (each.what === 0) {
            ids.push({ slot, index });
            return open(1 + (each.sequence % 5));
          }
          if (each.what === 1 && each.floor === 0) return close(id);
          const body = each.what === 2 ? "nonsense" : `add k${each.session} 1 ${each.padding}`;
          return command(id, each.sequence, body, Math.max(0, each.floor - 3));
        });
        const expected = model.apply(slot, timeMs, entries);
        expect(applyNext(machine, timeMs, ...entries).map(brief)).toEqual(expected);
        for (const outcome of expected)
          seen.add(outcome.replace(/^-?\d.*?( \(cached\))?$/, "result$1").replace(/ \d.*/, ""));
        expect(machine.sessionCount).toBe(model.sessions.length);
        expect(machine.nextDeadline()).toBe(model.nextExpiryMs);
        expect(machine.timeMs).toBe(model.timeMs);
        for (const [key, value] of Object.entries(model.numbers)) expect(machine.query(key)).toBe(value);
        if (restart === 0) {
          const before = facts(machine);
          const next = numbersMachine(LIMITS);
          restore(next, [...machine.snapshot().chunks]);
          expect(facts(next)).toEqual(before);
          machine = next;
        }
      }
    }),
    { numRuns: 400 },
  );
  // The script generator reaches every kind of outcome: otherwise this test would prove less than it says.
  expect([...seen].sort()).toEqual(
    ["beyondLimit", "closed false", "closed true", "invalid", "invalid (cached)", "openRefused", "opened", "result"]
      .concat("result (cached)", "stale", "unknownSession")
      .sort(),
  );
});

test("exactly once, however copies are duplicated, reordered, and cut by restores", () => {
  const copies = fc.array(
    fc.record({ session: fc.nat(2), sequence: fc.integer({ min: 1, max: 12 }), restart: fc.nat(9) }),
    {
      minLength: 1,
      maxLength: 120,
    },
  );
  fc.assert(
    fc.property(copies, (stream) => {
      let machine = numbersMachine();
      applyNext(machine, 0, open(), open(), open());
      const answers = new Map<string, string>();
      const received: Set<number>[] = [new Set(), new Set(), new Set()];
      for (const { session, sequence, restart } of stream) {
        // The client's floor: every reply up to there has arrived.
        const got = received[session] ?? new Set();
        let floor = 0;
        while (got.has(floor + 1)) floor += 1;
        const key = `s${session}q${sequence}`;
        const [outcome] = applyNext(machine, 0, command({ slot: 1, index: session }, sequence, `add ${key} 1`, floor));
        if (outcome?.kind === "stale") {
          expect(answers.has(key)).toBe(true);
        } else {
          expect(outcome?.kind).toBe("result");
          const reply = brief(outcome).replace(" (cached)", "");
          expect(reply).toBe(answers.get(key) ?? "1");
          answers.set(key, reply);
          got.add(sequence);
        }
        expect(machine.query(key)).toBe(1);
        if (restart === 0) {
          const next = numbersMachine();
          restore(next, machine.snapshot().chunks);
          machine = next;
        }
      }
    }),
  );
});

test("expiring looks at the expired and one more, however many sessions there are", () => {
  let looks = 0;
  const sessions = new Sessions({ sessionTtlMs: 100, sessionsMax: 10_000, sessionReplyBytesMax: 1 });
  const all = Array.from({ length: 10_000 }, (_, index) => {
    let lastUsedMs = index;
    return {
      id: { slot: 1, index },
      limit: 1,
      floor: 0,
      replies: new NumberMap<Reply>(),
      replyBytes: 0,
      get lastUsedMs() {
        looks += 1;
        return lastUsedMs;
      },
      set lastUsedMs(value: number) {
        lastUsedMs = value;
      },
    };
  });
  sessions.fill(all);
  looks = 0;
  sessions.expire(0);
  expect(sessions.nextExpiryMs()).toBe(100);
  expect(looks).toBe(2);
  sessions.admit({ session: { slot: 1, index: 0 }, sequence: 1, floor: 0 }, 9_999);
  sessions.expire(10_098);
  expect(sessions.size).toBe(2);
  expect(looks).toBeLessThan(10_000 + 10);
});

test("limits are checked", () => {
  for (const options of [
    { sessionTtlMs: 0 },
    { sessionsMax: 1.5 },
    { sessionReplyBytesMax: Number.POSITIVE_INFINITY },
  ]) {
    expect(codeOf(() => numbersMachine(options))).toBe("InvalidArgument");
  }
});
