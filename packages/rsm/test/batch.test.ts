import type { SessionTicket } from "@synod/interface";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  BATCH_KIND,
  type BatchEntry,
  decodeBatch,
  encodeBatch,
  entrySize,
  isBatch,
  SESSION_LIMIT_DEFAULT,
  SESSION_LIMIT_MAX,
} from "../src/index.js";
import { expectGolden } from "./golden.js";
import { close, codeOf, command, NONCE, open } from "./helpers.js";

const MAX = Number.MAX_SAFE_INTEGER;

// Numbers round the borders of varint sizes, besides uniform ones.
const number = (min: number) =>
  fc.oneof(
    fc.integer({ min, max: 300 }),
    fc.maxSafeNat().filter((n) => n >= min),
    fc
      .tuple(fc.integer({ min: 1, max: 7 }), fc.constantFrom(-1, 0, 1))
      .map(([groups, delta]) => Math.max(min, 2 ** (7 * groups) + delta)),
    fc.constant(MAX),
  );
const session = fc.record({ slot: number(1), index: number(0) });
const entry: fc.Arbitrary<BatchEntry> = fc.oneof(
  fc.record({
    kind: fc.constant("open" as const),
    nonce: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString("hex")),
    limit: fc.integer({ min: 1, max: SESSION_LIMIT_MAX }),
  }),
  fc.record({
    kind: fc.constant("command" as const),
    ticket: fc.record({ session, sequence: number(1), floor: number(0) }),
    body: fc.uint8Array({ maxLength: 300 }),
  }),
  fc.record({ kind: fc.constant("close" as const), session }),
  fc.record({
    kind: fc.constant("raise" as const),
    versions: fc.record({ wire: number(1), log: number(1), machine: number(1) }),
  }),
);
const ballot = fc.option(fc.record({ round: number(0), node: number(1) }));
const batch = fc.record({ timeMs: number(0), ballot, entries: fc.array(entry, { maxLength: 8 }) });

const SIXTEEN: readonly number[] = Array.from({ length: 16 }, () => 7);
const SAMPLE: BatchEntry[] = [
  open(),
  open(7),
  command({ slot: 1, index: 0 }, 1, "add x 1"),
  command({ slot: 300, index: 128 }, 2 ** 32, "", 2 ** 31),
  command({ slot: MAX, index: MAX }, MAX, "\u0000", MAX),
  close({ slot: 16_384, index: 1 }),
];

describe("batch envelope", () => {
  test("golden: an empty batch, and one of each entry", () => {
    expectGolden("batch-tick", encodeBatch(0, []));
    expectGolden("batch-entries", encodeBatch(1_234_567_890_123, SAMPLE, { round: 300, node: 2 }));
  });

  test("what is encoded is decoded", () => {
    fc.assert(
      fc.property(batch, ({ timeMs, ballot, entries }) => {
        const value = encodeBatch(timeMs, entries, ballot);
        expect(isBatch(value)).toBe(true);
        expect(decodeBatch(value)).toEqual({ timeMs, ballot, entries });
      }),
    );
  });

  test("entrySize is the exact part of an entry", () => {
    fc.assert(
      fc.property(number(0), fc.array(entry, { maxLength: 8 }), (timeMs, entries) => {
        const sum = entries.reduce((total, each) => total + entrySize(each), 0);
        expect(encodeBatch(timeMs, entries).length).toBe(encodeBatch(timeMs, []).length + sum);
      }),
    );
  });

  test("an open without a limit has the default", () => {
    const [decoded] = decodeBatch(encodeBatch(0, [open()])).entries;
    expect(decoded).toEqual({ kind: "open", nonce: NONCE, limit: SESSION_LIMIT_DEFAULT });
  });

  test("bodies are views into the value", () => {
    const value = encodeBatch(0, [command({ slot: 1, index: 0 }, 1, "abc")]);
    const [decoded] = decodeBatch(value).entries;
    expect(decoded?.kind === "command" && decoded.body.buffer).toBe(value.buffer);
  });

  test("every truncation and every byte more is refused", () => {
    const value = encodeBatch(99, SAMPLE);
    for (let length = 0; length < value.length; length += 1) {
      expect(codeOf(() => decodeBatch(value.subarray(0, length)))).toBe("Malformed");
    }
    expect(codeOf(() => decodeBatch(Uint8Array.of(...value, 0)))).toBe("Malformed");
  });

  test("random and damaged bytes throw nothing but SynodError, and what decodes is in its one form", () => {
    const check = (value: Uint8Array) => {
      const code = codeOf(() => {
        const { timeMs, ballot, entries } = decodeBatch(value);
        expect(Buffer.from(encodeBatch(timeMs, entries, ballot))).toEqual(Buffer.from(value));
      });
      expect([undefined, "Malformed", "VersionUnsupported"]).toContain(code);
    };
    fc.assert(fc.property(fc.uint8Array(), check));
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (body) => check(Uint8Array.of(BATCH_KIND, 2, ...body))),
      { numRuns: 1000 },
    );
    const damaged = fc.tuple(batch, fc.nat(), fc.nat(255)).map(([{ timeMs, ballot, entries }, at, byte]) => {
      const value = encodeBatch(timeMs, entries, ballot);
      value[at % value.length] = byte;
      return value;
    });
    fc.assert(fc.property(damaged, check), { numRuns: 1000 });
  });

  test.each([
    ["another kind", [0, 2, 0, 0, 0, 0]],
    ["a count that the rest cannot hold", [3, 2, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]],
    ["a number above 2^53 - 1", [3, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10, 0, 0, 0]],
    ["a number of nine bytes", [3, 2, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x8f, 0, 0, 0]],
    ["a number longer than needed", [3, 2, 0x80, 0x00, 0, 0, 0]],
    ["a number of four bytes longer than needed", [3, 2, 0xff, 0xff, 0x80, 0x00, 0, 0, 0]],
    ["a number of five bytes longer than needed", [3, 2, 0xff, 0xff, 0xff, 0xff, 0x00, 0, 0, 0]],
    ["an unknown entry", [3, 2, 0, 0, 0, 1, 9, 1, 0]],
    ["a ballot of node 0", [3, 2, 0, 1, 0, 0]],
    ["a session in slot 0", [3, 2, 0, 0, 0, 1, 3, 0, 0]],
    ["sequence 0", [3, 2, 0, 0, 0, 1, 2, 1, 0, 0, 0, 0]],
    ["limit 0", [3, 2, 0, 0, 0, 1, 1, ...SIXTEEN, 0]],
    ["a limit above the maximum", [3, 2, 0, 0, 0, 1, 1, ...SIXTEEN, 0x81, 0x80, 0x40]],
    ["a body longer than the rest", [3, 2, 0, 0, 0, 1, 2, 1, 0, 1, 0, 2, 65]],
  ])("refused: %s", (_, bytes) => {
    expect(codeOf(() => decodeBatch(Uint8Array.from(bytes)))).toBe("Malformed");
  });

  test("the count is checked before entries are read", () => {
    expect(() => decodeBatch(Uint8Array.of(3, 2, 0, 0, 0, 2, 3, 1, 0, 3))).toThrow(/cannot hold 2 entries/);
  });

  test.each([1, 3])("an envelope of version %i is told apart from damage", (version) => {
    expect(codeOf(() => decodeBatch(Uint8Array.of(BATCH_KIND, version, 0, 0, 0, 0)))).toBe("VersionUnsupported");
  });

  test("what cannot be encoded is refused", () => {
    const ticket: SessionTicket = { session: { slot: 1, index: 0 }, sequence: 1, floor: 0 };
    const body = new Uint8Array(0);
    const bad: BatchEntry[] = [
      { kind: "open", nonce: "abc" },
      { kind: "open", nonce: NONCE.toUpperCase() },
      { kind: "open", nonce: NONCE, limit: 0 },
      { kind: "open", nonce: NONCE, limit: SESSION_LIMIT_MAX + 1 },
      { kind: "command", ticket: { ...ticket, sequence: 0 }, body },
      { kind: "command", ticket: { ...ticket, sequence: 1.5 }, body },
      { kind: "command", ticket: { ...ticket, floor: Number.NaN }, body },
      { kind: "command", ticket: { ...ticket, floor: 2 ** 53 }, body },
      { kind: "close", session: { slot: 0, index: 0 } },
      { kind: "close", session: { slot: 1, index: -1 } },
    ];
    for (const each of bad) {
      expect(codeOf(() => entrySize(each))).toBe("InvalidArgument");
      expect(codeOf(() => encodeBatch(0, [each]))).toBe("InvalidArgument");
    }
    expect(codeOf(() => encodeBatch(-1, []))).toBe("InvalidArgument");
    expect(codeOf(() => encodeBatch(0.5, []))).toBe("InvalidArgument");
    expect(codeOf(() => encodeBatch(0, [], { round: -1, node: 1 }))).toBe("InvalidArgument");
    expect(codeOf(() => encodeBatch(0, [], { round: 1, node: 0 }))).toBe("InvalidArgument");
  });
});
