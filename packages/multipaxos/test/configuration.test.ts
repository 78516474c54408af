import { describe, expect, test } from "vitest";
import fc from "fast-check";
import type { Configuration, Member, QuorumSpec } from "@synod/interface";
import {
  ConfigurationHistory,
  decodeConfigurationValue,
  encodeConfigurationValue,
  NOOP,
  packNoops,
  unpackNoops,
} from "../src/index.js";
import { checkConfiguration } from "../src/configuration-value.js";
import { configurationOf, valueOf } from "./disk.js";

const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

const member: fc.Arbitrary<Member> = fc
  .record(
    {
      id: fc.integer({ min: 1, max: 2 ** 40 }),
      name: fc.string({ minLength: 1, maxLength: 20, unit: "grapheme" }),
      address: fc.string({ minLength: 1, maxLength: 20 }),
      role: fc.constantFrom("learner" as const, "joining" as const),
      storeId: fc.string({ minLength: 32, maxLength: 32 }),
      replaces: fc.integer({ min: 1, max: 9 }),
    },
    { requiredKeys: ["id"] },
  )
  .filter(({ name = "" }) => new TextEncoder().encode(name).length < 256);

const configuration: fc.Arbitrary<Configuration> = fc
  .uniqueArray(member, { minLength: 1, maxLength: 9, selector: ({ id }) => id })
  .chain((members) => {
    const ids = members.map(({ id }) => id);
    const quorum = fc.constantFrom<QuorumSpec>(
      { kind: "majority" },
      { kind: "sizes", phase1: ids.length, phase2: 1 },
      { kind: "grid", rows: [ids] },
      { kind: "weights", weights: ids.map((id) => [id, 1]), phase1: ids.length, phase2: 1 },
    );
    const lease = fc.record({
      durationMs: fc.integer({ min: 1, max: 60_000 }),
      driftPercent: fc.double({ min: 0, max: 50, noNaN: true }).map((x) => x + 0),
    });
    const alpha = fc.integer({ min: 1, max: 2 ** 20 });
    return fc.record(
      {
        members: fc.constant(members),
        quorum,
        alpha,
        lease,
        learning: fc.constantFrom("allToAll" as const, "onAccept" as const),
      },
      { requiredKeys: ["members", "quorum", "alpha"] },
    );
  })
  .map((rest) => ({ epoch: 5, ...rest }));

describe("a configuration in the log", () => {
  test("has this layout", () => {
    const value = encodeConfigurationValue({
      stamp: 300,
      changeId: "ab",
      configuration: {
        epoch: 301,
        alpha: 1024,
        members: [
          { id: 1, address: "a:1", name: "n" },
          { id: 200, role: "joining", replaces: 1, storeId: "s" },
          { id: 3, role: "learner" },
        ],
        quorum: { kind: "weights", weights: [[1, 2]], phase1: 2, phase2: 1 },
        lease: { durationMs: 250, driftPercent: 0.5 },
      },
    });
    expect(hex(value)).toBe(
      // kind, layout, stamp, change id, alpha, three members, weights
      "02" +
        "01" +
        "ac02" +
        "026162" +
        "8008" +
        "03" +
        "01" +
        "00" +
        "00" +
        "016e" +
        "03613a31" +
        "00" +
        "c801" +
        "02" +
        "01" +
        "00" +
        "00" +
        "0173" +
        "03" +
        "01" +
        "00" +
        "00" +
        "00" +
        "00" +
        "03" +
        "01" +
        "0102" +
        "02" +
        "01" +
        // lease: milliseconds, percent
        "fa01" +
        "03302e35",
    );
  });

  test("has a layout of its own where members learn for themselves, in snapshots too", () => {
    const plain = configurationOf(1, 3);
    const encode = (made: Configuration): string =>
      hex(encodeConfigurationValue({ stamp: 0, changeId: "", configuration: made }));
    const rest = "030101000000000000" + "00";
    expect(encode(plain)).toBe(`02010000${rest}`);
    expect(encode({ ...plain, learning: "allToAll" })).toBe(`02020000${rest}01`);
    expect(encode({ ...plain, learning: "onAccept" })).toBe(`02020000${rest}02`);
    const head = new ConfigurationHistory({ ...plain, learning: "onAccept" }).encode(0);
    expect([head[0], head.at(-1)]).toEqual([2, 2]);
    const history = new ConfigurationHistory(plain);
    history.restore(head);
    expect(history.last.configuration.learning).toBe("onAccept");
    expect(() => history.restore(Uint8Array.of(...head.subarray(0, -1), 3))).toThrow(/unknown way/);
    const none = Uint8Array.of(...head.subarray(0, -1), 0);
    history.restore(none);
    expect(history.last.configuration).toEqual(plain);
    expect(() => checkConfiguration({ ...plain, learning: "never" as unknown as "onAccept" })).toThrow(
      /learning must be/,
    );
  });

  test.each([
    ["a role that is none", { role: "observer" as "learner" }, /role observer/],
    ["a long name", { name: "x".repeat(256) }, /name of member 1 is longer than 255 bytes/],
    ["a name that is long in UTF-8", { name: "é".repeat(128) }, /name of member 1 is longer/],
    ["a long address", { address: "x".repeat(256) }, /address of member 1 is longer/],
    ["a long store id", { storeId: "x".repeat(256) }, /storeId of member 1 is longer/],
    ["a name that is no text", { name: 7 as unknown as string }, /name of member 1 is no text/],
    ["a replacement of nobody", { replaces: 0.5 }, /replaces no positive integer/],
  ])("is refused with %s: no snapshot could say it, or be read again", (_what, member, text) => {
    const founders = { ...configurationOf(1, 3), members: [{ id: 1, ...member }] };
    const refused = expect.objectContaining({ code: "InvalidConfiguration", message: expect.stringMatching(text) });
    expect(() => new ConfigurationHistory(founders)).toThrow(refused);
  });

  test("takes texts as long as they may be", () => {
    const founders = {
      ...configurationOf(1, 3),
      members: [{ id: 1, name: "é".repeat(127), address: "x".repeat(255) }],
    };
    const history = new ConfigurationHistory(founders);
    history.restore(history.encode(0));
    expect(history.last.configuration).toEqual(founders);
  });

  test("comes back as it was", () => {
    fc.assert(
      fc.property(configuration, fc.string({ maxLength: 40 }), (made, changeId) => {
        const value = { stamp: 4, changeId, configuration: made };
        expect(decodeConfigurationValue(encodeConfigurationValue(value))).toEqual(value);
      }),
    );
  });

  test("every cut and every added byte is refused", () => {
    const value = encodeConfigurationValue({
      stamp: 1,
      changeId: "x",
      configuration: { ...configurationOf(3, 8), epoch: 2 },
    });
    for (let length = 1; length < value.length; length++) {
      expect(() => decodeConfigurationValue(value.subarray(0, length))).toThrow(
        expect.objectContaining({ code: "Malformed" }),
      );
    }
    expect(() => decodeConfigurationValue(Uint8Array.of(...value, 0))).toThrow(
      expect.objectContaining({ code: "Malformed" }),
    );
  });

  test("arbitrary bytes are refused as malformed or of another version, and nothing else is thrown", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decodeConfigurationValue(Uint8Array.of(2, 1, ...bytes));
        } catch (error) {
          expect(error).toMatchObject({ code: "Malformed" });
        }
      }),
    );
    expect(() => decodeConfigurationValue(Uint8Array.of(2, 9))).toThrow(
      expect.objectContaining({ code: "VersionUnsupported" }),
    );
  });
});

describe("the history", () => {
  type Step = {
    readonly gap: number;
    readonly stampOff: number;
    readonly ids: readonly number[];
    readonly alpha: number;
  };
  const steps = fc.array(
    fc.record({
      gap: fc.integer({ min: 1, max: 6 }),
      stampOff: fc.constantFrom(0, 0, 0, -1, 1),
      ids: fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 }),
      alpha: fc.integer({ min: 1, max: 6 }),
    }),
    { maxLength: 20 },
  );

  /** The log of these steps, slot by slot; other slots hold batches. */
  function logOf(all: readonly Step[]): Uint8Array[] {
    const log: Uint8Array[] = [];
    const history = new ConfigurationHistory(configurationOf(3, 3));
    for (const { gap, stampOff, ids, alpha } of all) {
      for (let i = 1; i < gap; i++) log.push(valueOf("x"));
      const stamp = Math.max(1, history.last.epoch + stampOff);
      const members = ids.map((id) => ({ id }));
      const next = { epoch: stamp + 1, members, alpha, quorum: { kind: "majority" } } as const;
      const value = encodeConfigurationValue({ stamp, changeId: `${log.length}`, configuration: next });
      log.push(value);
      history.apply(log.length, value);
    }
    return log;
  }

  test("no slot is governed by a configuration that a leader in its window could not know", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const log = logOf(all);
        const complete = new ConfigurationHistory(configurationOf(3, 3));
        log.forEach((value, i) => complete.apply(i + 1, value));
        const history = new ConfigurationHistory(configurationOf(3, 3));
        for (let chosen = 0; chosen <= log.length; chosen++) {
          if (chosen > 0) history.apply(chosen, log[chosen - 1] as Uint8Array);
          for (let slot = chosen + 1; slot <= chosen + 12; slot++) {
            if (slot > history.knownUpTo(chosen)) expect(history.inWindow(slot, chosen)).toBe(false);
            // Whatever comes later, these slots keep the configuration that they have now.
            else expect(history.at(slot).epoch).toBe(complete.at(slot).epoch);
          }
          expect(history.inWindow(chosen + 1, chosen)).toBe(true);
        }
      }),
    );
  });

  test("epochs follow each other, governed slots never overlap, retired ids never return", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const history = new ConfigurationHistory(configurationOf(3, 3));
        logOf(all).forEach((value, i) => history.apply(i + 1, value));
        let before = history.entries[0];
        for (const made of history.entries.slice(1)) {
          expect(made.epoch).toBe((before?.epoch ?? 0) + 1);
          expect(made.slot).toBeGreaterThanOrEqual(before?.from ?? 0);
          expect(made.from).toBe(made.slot + (before?.configuration.alpha ?? 0));
          expect(made.configuration.members.filter(({ id }) => before?.retired.includes(id))).toEqual([]);
          before = made;
        }
      }),
    );
  });

  test("goes on from the head of any snapshot as if it had seen the log", () => {
    fc.assert(
      fc.property(steps, fc.nat(), (all, n) => {
        const log = logOf(all);
        const history = new ConfigurationHistory(configurationOf(3, 3));
        log.forEach((value, i) => history.apply(i + 1, value));
        const index = n % (log.length + 1);
        const other = new ConfigurationHistory(configurationOf(3, 3));
        other.restore(history.encode(index));
        log.slice(index).forEach((value, i) => other.apply(index + 1 + i, value));
        expect({ ...other.last, quorums: null }).toEqual({ ...history.last, quorums: null });
        for (let slot = index + 1; slot <= log.length + 9; slot++) {
          expect(other.at(slot).configuration).toEqual(history.at(slot).configuration);
          expect(other.at(slot).from).toBe(history.at(slot).from);
        }
        expect(other.encode(log.length)).toEqual(history.encode(log.length));
      }),
    );
  });

  test("the window is that of the configuration which governs the slot", () => {
    const history = new ConfigurationHistory(configurationOf(3, 3));
    const wider = { stamp: 1, changeId: "", configuration: { ...configurationOf(3, 9), epoch: 2 } };
    expect(history.change(5, wider)).toMatchObject({ kind: "valid", made: { from: 8 } });
    // Slot 7 is the old one's, with a window of 3; slot 8 the new one's.
    expect([6, 7].map((slot) => history.inWindow(slot, 3))).toEqual([true, false]);
    expect([7, 8, 12, 13].map((slot) => history.inWindow(slot, 4))).toEqual([true, true, true, true]);
    expect([14, 15].map((slot) => history.inWindow(slot, 5))).toEqual([true, false]);
  });

  test("a value that is no configuration, or a malformed one, changes nothing", () => {
    const history = new ConfigurationHistory(configurationOf(3, 3));
    expect(history.apply(1, valueOf("x"))).toBeNull();
    expect(history.apply(2, Uint8Array.of(2, 1, 99))).toEqual({ kind: "void", reason: "invalid" });
    expect(history.last.epoch).toBe(1);
  });

  test("a layout of a later release stops the node: what it means cannot be guessed", () => {
    const history = new ConfigurationHistory(configurationOf(3, 3));
    expect(() => history.apply(1, Uint8Array.of(2, 3))).toThrow(
      expect.objectContaining({ code: "VersionUnsupported" }),
    );
  });

  test("a damaged head is refused", () => {
    const history = new ConfigurationHistory(configurationOf(3, 3));
    const head = history.encode(0);
    for (let length = 0; length < head.length; length++)
      expect(() => history.restore(head.subarray(0, length))).toThrow();
    history.restore(head);
    expect(history.last.configuration).toEqual(configurationOf(3, 3));
  });
});

describe("a range of no-ops", () => {
  test("stands for a long run and equals it", () => {
    const noops = (n: number): Uint8Array[] => Array.from({ length: n }, () => NOOP);
    const values = [valueOf("a"), ...noops(300), valueOf("b"), ...noops(2)];
    const packed = packNoops(values);
    expect(packed.map(hex)).toEqual([hex(valueOf("a")), "01ac02", hex(valueOf("b")), "00", "00"]);
    expect(unpackNoops(packed)).toEqual(values);
  });

  test("any values come back", () => {
    const value = fc.oneof({ weight: 5, arbitrary: fc.constant(NOOP) }, fc.string().map(valueOf));
    fc.assert(
      fc.property(fc.array(value, { maxLength: 60 }), (values) => {
        expect(unpackNoops(packNoops(values))).toEqual(values);
      }),
    );
  });

  test.each([["0100"], ["01"], ["018020"], ["01ffffffffffffffffff01"], ["0105ff"]])("%s is refused", (text) => {
    const bytes = Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
    expect(unpackNoops([bytes])).toEqual(text === "018020" ? Array.from({ length: 4096 }, () => NOOP) : null);
    expect(unpackNoops([bytes, NOOP])).toBeNull();
  });
});
