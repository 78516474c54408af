import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeBatch, type ReplicatedMachine } from "../src/index.js";
import { expectGolden, readGolden } from "./golden.js";
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

type Machine = ReplicatedMachine<string, number>;

function joined(chunks: Iterable<Uint8Array>): Uint8Array {
  return new Uint8Array(Buffer.concat([...chunks]));
}

function cut(bytes: Uint8Array, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.slice(at, at + size));
  return chunks;
}

function restored(chunks: Iterable<Uint8Array>, options: Parameters<typeof numbersMachine>[0] = {}): Machine {
  const machine = numbersMachine(options);
  restore(machine, chunks);
  return machine;
}

/** A log that opens, uses, closes and expires sessions; replies and numbers fill several chunks. */
function busyLog(slots: number): Uint8Array[] {
  const log: Uint8Array[] = [];
  for (let slot = 1; slot <= slots; slot += 1) {
    const entries = [open()];
    const older = [1, 2, 5, 9].filter((back) => slot > back).map((back) => ({ slot: slot - back, index: 0 }));
    older.forEach((session, at) => {
      const sequence = 1 + ((slot * 7) % 5);
      entries.push(command(session, sequence, `add n${(slot * 31 + at) % 97} ${slot} 9000`, at === 2 ? 2 : 0));
    });
    if (slot % 4 === 0) entries.push(close({ slot: slot - 3, index: 0 }), command({ slot, index: 0 }, 1, "nonsense"));
    log.push(slot % 6 === 5 ? NOOP : encodeBatch(slot * 10, entries));
  }
  return log;
}

const OPTIONS = { sessionTtlMs: 150 };

describe("snapshot", () => {
  test("golden: the format", () => {
    const machine = numbersMachine();
    applyNext(machine, 1_000_000, open(), open(5), command({ slot: 1, index: 1 }, 2, "add x 3", 1));
    applyNext(machine, 1_000_500, command({ slot: 1, index: 0 }, 1, "nonsense"));
    machine.apply(3, NOOP);
    expectGolden("snapshot", joined(machine.snapshot().chunks));
    const back = restored([readGolden("snapshot")]);
    expect(facts(back)).toEqual(facts(machine));
    expect(applyNext(back, 0, command({ slot: 1, index: 1 }, 2, "add x 3")).map(brief)).toEqual(["3 (cached)"]);
    expect(applyNext(back, 0, command({ slot: 1, index: 0 }, 1, "add x 3")).map(brief)).toEqual(["invalid (cached)"]);
  });

  test("at every slot, pulled while the log goes on, it equals the state of that slot; and the rest of the log fits on it", () => {
    const log = busyLog(72);
    const machine = numbersMachine(OPTIONS);
    const then: ReturnType<typeof facts>[] = [facts(machine)];
    const open: { index: number; chunks: Generator<Uint8Array>; parts: Uint8Array[]; pace: number }[] = [];
    log.forEach((value, at) => {
      machine.apply(at + 1, value);
      then.push(facts(machine));
      const { index, chunks } = machine.snapshot();
      open.push({ index, chunks, parts: [], pace: 1 + (at % 5) });
      for (const each of open) {
        if ((at + 1) % each.pace !== 0) continue;
        const next = each.chunks.next();
        if (!next.done) each.parts.push(next.value);
      }
    });
    let slowest = 0;
    const end = joined(machine.snapshot().chunks);
    for (const { index, chunks, parts } of open) {
      const late = [...chunks];
      slowest = Math.max(slowest, parts.length);
      const all = [...parts, ...late];
      expect(Math.max(...all.map((chunk) => chunk.length))).toBeLessThanOrEqual(64 * 1024);
      const back = restored(all, OPTIONS);
      expect(facts(back)).toEqual(then[index]);
      log.slice(index).forEach((value, at) => back.apply(index + at + 1, value));
      expect(facts(back)).toEqual(then.at(-1));
      // Compared by hand: a deep comparison of so many bytes takes seconds.
      expect(Buffer.compare(joined(back.snapshot().chunks), end)).toBe(0);
    }
    // Snapshots were really pulled in several pieces while the log went on.
    expect(slowest).toBeGreaterThan(3);
  });

  test("a session that changes while its own replies are being written", () => {
    const machine = numbersMachine();
    const session = { slot: 1, index: 0 };
    applyNext(machine, 0, open());
    for (let n = 1; n <= 200; n += 1) applyNext(machine, n, command(session, n, "add x 1 2000"));
    const before = facts(machine);
    const { chunks } = machine.snapshot();
    const first = chunks.next();
    applyNext(machine, 1000, command(session, 201, "add x 1 2000", 150));
    applyNext(machine, 1001, close(session));
    expect(facts(restored([...(first.done ? [] : [first.value]), ...chunks]))).toEqual(before);
  });

  test("stands on the state of the call even if nothing was pulled before the log went on", () => {
    const machine = numbersMachine();
    applyNext(machine, 0, open(), command({ slot: 1, index: 0 }, 1, "add x 1"));
    const before = facts(machine);
    const { chunks } = machine.snapshot();
    applyNext(machine, 5, command({ slot: 1, index: 0 }, 2, "add x 1"), close({ slot: 1, index: 0 }));
    expect(facts(restored(chunks))).toEqual(before);
  });

  test("one that is given up, before or after its first chunk, costs nothing any more", () => {
    const stateMachine = new Numbers();
    let ended = 0;
    const plain = stateMachine.snapshot.bind(stateMachine);
    stateMachine.snapshot = function* () {
      try {
        yield* plain();
      } finally {
        ended += 1;
      }
    };
    const machine = numbersMachine({ stateMachine });
    applyNext(machine, 0, open());
    for (let n = 1; n <= 100; n += 1) applyNext(machine, 0, command({ slot: 1, index: 0 }, n, `add k${n} 1 3000`));
    machine.snapshot().chunks.return();
    expect(ended).toBe(1);
    const second = machine.snapshot().chunks;
    second.next();
    second.return();
    expect(ended).toBe(2);
    for (const _ of machine.snapshot().chunks) break;
    expect(ended).toBe(3);
  });

  test("chunks of the state machine come back as they were given, large and empty ones too", () => {
    const given = [
      new Uint8Array(200_000).fill(7),
      new Uint8Array(0),
      Uint8Array.of(1),
      new Uint8Array(70_000).fill(9),
    ];
    const stateMachine = new Numbers();
    stateMachine.snapshot = function* () {
      yield* given;
    };
    const chunks = [...numbersMachine({ stateMachine }).snapshot().chunks];
    expect(Math.max(...chunks.map((chunk) => chunk.length))).toBe(64 * 1024);
    const got: Uint8Array[] = [];
    const receiver = new Numbers();
    receiver.restore = () => ({ write: (chunk) => void got.push(chunk.slice()), end: () => undefined });
    restored(chunks, { stateMachine: receiver });
    expect(got.map((chunk, at) => Buffer.compare(chunk, given[at] ?? chunk))).toEqual([0, 0, 0, 0]);
  });

  test("a reply larger than a chunk", () => {
    const machine = numbersMachine();
    applyNext(machine, 0, open(), command({ slot: 1, index: 0 }, 1, "add x 1 150000"), open());
    const back = restored(machine.snapshot().chunks);
    expect(facts(back)).toEqual(facts(machine));
  });
});

describe("restore", () => {
  function sample(): { machine: Machine; bytes: Uint8Array } {
    const machine = numbersMachine();
    applyNext(machine, 3, open(), open(2), command({ slot: 1, index: 1 }, 1, "add x 3"));
    applyNext(machine, 9, command({ slot: 1, index: 0 }, 1, "nonsense"), command({ slot: 1, index: 0 }, 2, "add y 3"));
    return { machine, bytes: joined(machine.snapshot().chunks) };
  }

  test("takes chunks cut in any way", () => {
    const { machine, bytes } = sample();
    const expected = facts(machine);
    for (let size = 1; size <= bytes.length; size += 1) expect(facts(restored(cut(bytes, size)))).toEqual(expected);
    fc.assert(
      fc.property(fc.array(fc.nat(9)), (sizes) => {
        const chunks: Uint8Array[] = [];
        let at = 0;
        for (const size of sizes) {
          chunks.push(bytes.slice(at, at + size));
          at += size;
        }
        expect(facts(restored([...chunks, bytes.slice(at)]))).toEqual(expected);
      }),
    );
  });

  test("every truncation, every damaged byte and every byte more is refused", () => {
    const { bytes } = sample();
    for (let length = 0; length < bytes.length; length += 1) {
      expect(codeOf(() => restored([bytes.slice(0, length)]))).toMatch(/^(Malformed)$/);
    }
    for (let at = 0; at < bytes.length; at += 1) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const damaged = bytes.slice();
        damaged[at] = (damaged[at] ?? 0) ^ flip;
        expect(codeOf(() => restored([damaged]))).toBe(at === 0 ? "VersionUnsupported" : "Malformed");
      }
    }
    expect(codeOf(() => restored([bytes, Uint8Array.of(0)]))).toBe("Malformed");
  });

  test("random bytes throw nothing but SynodError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        expect(["Malformed", "VersionUnsupported"]).toContain(codeOf(() => restored([bytes])));
        expect(codeOf(() => restored([Uint8Array.of(2), bytes]))).toBe("Malformed");
      }),
    );
  });

  test("sections that were left out or swapped are refused", () => {
    const machine = numbersMachine();
    applyNext(machine, 0, open());
    for (const key of ["a", "b"])
      applyNext(machine, 0, command({ slot: 1, index: 0 }, machine.applied, `add ${key} 1`));
    const bytes = joined(machine.snapshot().chunks);
    // Two machine sections of equal length stand before the end section: head 5, payload 7, checksum 8; the end is 13 long.
    const size = 5 + '["a",1]'.length + 8;
    const [head, a, b, end] = [
      bytes.slice(0, -13 - 2 * size),
      bytes.slice(-13 - 2 * size, -13 - size),
      bytes.slice(-13 - size, -13),
      bytes.slice(-13),
    ];
    expect(facts(restored([head, a, b, end]))).toEqual(facts(machine));
    for (const order of [
      [head, b, a, end],
      [head, a, end],
      [head, b, end],
      [head, a, b, b, end],
      [head, a, b],
    ]) {
      expect(codeOf(() => restored(order))).toBe("Malformed");
    }
  });

  test("never goes back", () => {
    const { machine, bytes } = sample();
    machine.apply(3, NOOP);
    const before = facts(machine);
    expect(codeOf(() => restore(machine, [bytes]))).toBe("InvariantViolated");
    expect(facts(machine)).toEqual(before);
    // The same slot and later ones are taken.
    const same = joined(machine.snapshot().chunks);
    restore(machine, [same]);
    expect(facts(machine)).toEqual(before);
  });

  test("refused because of other limits, with the remedy in the text, and nothing changed", () => {
    const { bytes } = sample();
    for (const options of [{ sessionTtlMs: 5 }, { sessionsMax: 5 }, { sessionReplyBytesMax: 5 }]) {
      const machine = numbersMachine(options);
      const before = facts(machine);
      expect(() => restore(machine, [bytes])).toThrow(/must be equal on all replicas/);
      expect(codeOf(() => restore(machine, [bytes]))).toBe("InvalidConfiguration");
      expect(facts(machine)).toEqual(before);
    }
  });

  test("damage before the state machine's part changes nothing; damage in it leaves a machine that takes only a restore", () => {
    const { machine: source, bytes } = sample();
    const machine = numbersMachine();
    const before = facts(machine);
    const early = bytes.slice();
    early[10] = (early[10] ?? 0) ^ 1;
    expect(codeOf(() => restore(machine, [early]))).toBe("Malformed");
    expect(facts(machine)).toEqual(before);
    expect(codeOf(() => restore(machine, [bytes.slice(0, -1)]))).toBe("Malformed");
    expect(codeOf(() => machine.apply(1, NOOP))).toBe("InvariantViolated");
    restore(machine, [bytes]);
    expect(facts(machine)).toEqual(facts(source));
    machine.apply(3, NOOP);
  });

  test("a restore that was given up, failed or ended takes nothing more", () => {
    const { machine: source, bytes } = sample();
    const machine = numbersMachine();
    const first = machine.restore();
    first.write(bytes.slice(0, -1));
    expect(codeOf(() => machine.apply(1, NOOP))).toBe("InvariantViolated");
    const second = machine.restore();
    expect(codeOf(() => first.write(bytes.slice(-1)))).toBe("InvariantViolated");
    second.write(bytes);
    expect(codeOf(() => second.write(Uint8Array.of(0)))).toBe("Malformed");
    expect(codeOf(() => second.end())).toBe("InvariantViolated");
    restore(machine, cut(bytes, 1));
    expect(facts(machine)).toEqual(facts(source));
    const third = machine.restore();
    third.write(bytes);
    third.end();
    expect(codeOf(() => third.end())).toBe("InvariantViolated");
  });

  test("the state machine is not asked for its deadline half way", () => {
    const { bytes } = sample();
    let asked = 0;
    const stateMachine = Object.assign(new Numbers(), { nextDeadline: () => 1e9 * ++asked });
    const machine = numbersMachine({ stateMachine });
    const sink = machine.restore();
    sink.write(bytes.slice(0, -1));
    machine.nextDeadline();
    expect(asked).toBe(0);
    sink.write(bytes.slice(-1));
    sink.end();
    machine.nextDeadline();
    expect(asked).toBe(1);
  });

  test("is refused where the log went on after its header came", () => {
    const { bytes } = sample();
    const machine = numbersMachine();
    const sink = machine.restore();
    // The header is read, and nothing of the tables yet.
    sink.write(bytes.slice(0, 40));
    for (let slot = 1; slot <= 3; slot++) machine.apply(slot, NOOP);
    const before = facts(machine);
    expect(codeOf(() => sink.write(bytes.slice(40)))).toBe("InvariantViolated");
    expect(facts(machine)).toEqual(before);
  });
});
