import { runInNewContext } from "node:vm";
import { SynodError } from "@synod/interface";
import fc from "fast-check";
import { Packr } from "msgpackr/pack";
import { describe, expect, test } from "vitest";
import { msgpackCodec } from "../src/index.js";
import { same } from "./same.js";

const codec = msgpackCodec<unknown>();
const packr = new Packr({ useRecords: false });
const pack = (value: unknown): Uint8Array => new Uint8Array(packr.pack(value));
const code = (name: string): unknown => expect.objectContaining({ code: name });
const roundTrip = (value: unknown): unknown => codec.decode(codec.encode(value));

const text = fc.string({ unit: "grapheme", maxLength: 100 }).filter((s) => !s.startsWith("\ufeff"));
const number = fc.oneof(fc.double(), fc.integer(), fc.maxSafeInteger()).map((n) => (Object.is(n, -0) ? 0 : n));
const { tree } = fc.letrec((tie) => ({
  leaf: fc.oneof(fc.constant(null), fc.boolean(), number, text, fc.uint8Array({ maxLength: 300 })),
  tree: fc.oneof(
    { depthSize: "small" },
    tie("leaf"),
    fc.array(tie("tree")),
    fc.dictionary(
      fc
        .oneof(text, fc.constantFrom("constructor", "toJSON", "hasOwnProperty", "length", "prototype", "dataView"))
        .filter((key) => key !== "__proto__"),
      tie("tree"),
      { noNullPrototype: true },
    ),
  ),
}));

describe("plain data", () => {
  test("comes back equal", () => {
    fc.assert(
      fc.property(tree, (value) => {
        same(roundTrip(value), value);
      }),
      { numRuns: 500 },
    );
  });

  test("numbers keep their value exactly", () => {
    const numbers = [
      0,
      1,
      -1,
      127,
      128,
      -32,
      -33,
      2 ** 31,
      -(2 ** 31),
      2 ** 32,
      2 ** 53,
      -(2 ** 53),
      0.1,
      5e-324,
      1e308,
    ];
    for (const n of [...numbers, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(roundTrip(n)).toBe(n);
    }
    expect(roundTrip(-0)).toBe(0);
  });

  test("lengths around every header width", () => {
    for (const length of [0, 15, 16, 31, 32, 63, 64, 65, 255, 256, 65_535, 65_536]) {
      expect(roundTrip("x".repeat(length))).toBe("x".repeat(length));
      expect(roundTrip("é".repeat(length))).toBe("é".repeat(length));
      expect(roundTrip(new Uint8Array(length).fill(1))).toEqual(new Uint8Array(length).fill(1));
      expect(roundTrip(Array.from({ length }, () => null))).toHaveLength(length);
      expect(
        Object.keys(roundTrip(Object.fromEntries(Array.from({ length }, (_, i) => [`k${i}`, i]))) as object),
      ).toHaveLength(length);
    }
  });

  test("keys that mean something to JavaScript or to msgpackr are data", () => {
    const value = {
      constructor: { name: "x" },
      toJSON: [1],
      hasOwnProperty: 3,
      prototype: {},
      valueOf: null,
      length: 2,
    };
    same(roundTrip(value), value);
    same(roundTrip([value, value]), [value, value]);
  });

  test("what is normalised: undefined properties go, Buffers become Uint8Arrays, prototypes the ordinary ones", () => {
    expect(roundTrip({ a: 1, b: undefined, c: [{ d: undefined }] })).toStrictEqual({ a: 1, c: [{}] });
    expect(roundTrip(Buffer.from("ab"))).toStrictEqual(Uint8Array.of(97, 98));
    expect(roundTrip(Object.assign(Object.create(null), { a: 1 }))).toStrictEqual({ a: 1 });
    expect(roundTrip(runInNewContext("({ a: [1, { b: 2 }] })"))).toStrictEqual({ a: [1, { b: 2 }] });
  });

  test("equal data gives equal bytes that belong to the caller", () => {
    fc.assert(
      fc.property(tree, tree, (value, other) => {
        const first = codec.encode(value);
        expect([first.byteOffset, first.buffer.byteLength]).toEqual([0, first.length]);
        const copy = first.slice();
        codec.encode(other).fill(0);
        expect(first).toEqual(copy);
        expect(codec.encode(roundTrip(value))).toEqual(first);
      }),
    );
  });

  test("the result shares nothing with the input", () => {
    const value = { a: Uint8Array.of(1, 2, 3), b: "text", c: [new Uint8Array(1000).fill(7)] };
    const bytes = Buffer.from(codec.encode(value));
    const decoded = codec.decode(bytes);
    bytes.fill(0xff);
    expect(decoded).toStrictEqual(value);
  });
});

describe("what would not come back equal is refused", () => {
  class Point {
    x = 1;
  }
  class List extends Array<number> {}
  const cycle: unknown[] = [];
  cycle.push({ cycle });
  const nested = (depth: number): unknown => (depth === 0 ? 1 : [nested(depth - 1)]);

  test.each<[string, unknown]>([
    ["undefined", undefined],
    ["undefined in an array", [1, undefined]],
    ["a hole", Array(1)],
    ["a named property of an array", /a/.exec("a")],
    ["a function", () => 1],
    ["a method", { a: { f: () => 1 } }],
    ["a symbol", Symbol("s")],
    ["a symbol key", { [Symbol("s")]: 1 }],
    ["a bigint", 1n],
    ["a class instance", new Point()],
    ["an inheriting object", Object.create({ a: 1 })],
    ["a subclass of Array", List.of(1)],
    ["a Date", new Date(0)],
    ["a Map", new Map([[1, 2]])],
    ["a Set", new Set([1])],
    ["an Error", new Error("e")],
    ["a RegExp", /a/],
    ["an ArrayBuffer", new ArrayBuffer(1)],
    ["another typed array", new Float64Array(1)],
    ["a DataView", new DataView(new ArrayBuffer(1))],
    ["a boxed number", Object(1)],
    ["a lone surrogate", "a\ud800"],
    ["a lone surrogate as key", { "\udc00": 1 }],
    ["a leading byte order mark", `\ufeff${"x".repeat(100)}`],
    ["__proto__", JSON.parse('{"__proto__": 1}')],
    ["a cycle", cycle],
    ["65 levels", nested(65)],
  ])("%s", (_name, value) => {
    expect(() => codec.encode(value)).toThrow(code("InvalidArgument"));
    expect(() => codec.encode({ inside: value === undefined ? [value] : value })).toThrow(code("InvalidArgument"));
  });

  test("64 levels pass, and the refusal names the place", () => {
    expect(roundTrip(nested(64))).toEqual(nested(64));
    expect(() => codec.encode({ a: [0, { b: 1n }] })).toThrow("cannot encode bigint at a.1.b");
  });
});

describe("bytes from outside", () => {
  /** A code, or "valid" for plain data that encodes again. */
  const verdict = (bytes: Uint8Array): string => {
    try {
      codec.encode(codec.decode(bytes));
      return "valid";
    } catch (error) {
      if (error instanceof SynodError && error.code === "Malformed") return error.code;
      throw error;
    }
  };

  test("random, cut and changed bytes are valid or malformed", () => {
    fc.assert(
      fc.property(tree, fc.uint8Array({ maxLength: 200 }), fc.nat(), fc.nat(255), (value, random, at, byte) => {
        verdict(random);
        const bytes = codec.encode(value);
        expect(verdict(bytes.subarray(0, at % bytes.length))).toBe("Malformed");
        const changed = bytes.slice();
        changed[at % bytes.length] = byte;
        verdict(changed);
      }),
      { numRuns: 2000 },
    );
  });

  test.each<[string, Uint8Array]>([
    ["an extension", pack([undefined])],
    ["a timestamp", pack([new Date(0)])],
    ["a record definition of msgpackr", new Uint8Array(new Packr().pack([{ a: 1 }, { a: 2 }]))],
    ["a 64-bit integer", pack([2n ** 60n])],
    ["a 32-bit float", Uint8Array.of(0xca, 0, 0, 0, 0)],
    ["the unused type", Uint8Array.of(0xc1)],
    ["a key that is no text", pack(new Map([[1, 2]]))],
    ["half a surrogate pair", Uint8Array.of(0xa3, 0xed, 0xa0, 0x80)],
    ["a byte order mark", Uint8Array.of(0xa3, 0xef, 0xbb, 0xbf)],
    ["__proto__ as key, short form", Uint8Array.of(0x81, 0xa9, ...Buffer.from("__proto__"), 0x80)],
    ["__proto__ as key, str 8", Uint8Array.of(0x81, 0xd9, 9, ...Buffer.from("__proto__"), 0x80)],
    ["__proto__ as key, str 16", Uint8Array.of(0x81, 0xda, 0, 9, ...Buffer.from("__proto__"), 0x80)],
    ["__proto__ as key, str 32", Uint8Array.of(0x81, 0xdb, 0, 0, 0, 9, ...Buffer.from("__proto__"), 0x80)],
    ["a map that is not there", Uint8Array.of(0xdf, 0xff, 0xff, 0xff, 0xff, 1, 1)],
    ["maps in maps", new Uint8Array(100_000).map((_, i) => [0x81, 0xa1, 0x61][i % 3] ?? 0)],
    ["no bytes", new Uint8Array(0)],
    ["two values", Uint8Array.of(1, 2)],
  ])("%s is malformed", (_name, bytes) => {
    expect(verdict(bytes)).toBe("Malformed");
  });

  test("no prototype is touched", () => {
    const bytes = pack({ constructor: { prototype: { polluted: 1 } }, x__proto__: 2 });
    same(codec.decode(bytes), { constructor: { prototype: { polluted: 1 } }, x__proto__: 2 });
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

describe("options", () => {
  const positive = msgpackCodec<number>({
    validate(value) {
      if (typeof value === "number" && value > 0) return value;
      if (value === "large") throw new SynodError("TooLarge", "large");
      if (value === "textless") throw Object.create(null);
      if (value === "busy") throw new SynodError("Busy", "busy");
      throw new RangeError("not positive");
    },
  });

  test("validate decides; what it throws becomes Malformed unless decode may throw it", () => {
    expect(positive.decode(pack(1))).toBe(1);
    const refused = code("Malformed");
    expect(() => positive.decode(pack(-1))).toThrow(refused);
    expect(() => positive.decode(pack(-1))).toThrow(expect.objectContaining({ cause: expect.any(RangeError) }));
    expect(() => positive.decode(pack("textless"))).toThrow(refused);
    expect(() => positive.decode(pack("busy"))).toThrow(refused);
    expect(() => positive.decode(pack("large"))).toThrow(code("TooLarge"));
  });

  test("a value at bytesMax passes, one byte more does not", () => {
    fc.assert(
      fc.property(tree, (value) => {
        const bytes = codec.encode(value);
        const exact = msgpackCodec<unknown>({ bytesMax: bytes.length });
        same(exact.decode(exact.encode(value)), value);
        if (bytes.length === 1) return;
        const less = msgpackCodec<unknown>({ bytesMax: bytes.length - 1 });
        expect(() => less.encode(value)).toThrow(code("TooLarge"));
        expect(() => less.decode(bytes)).toThrow(code("TooLarge"));
      }),
    );
  });

  test.each([0, -1, 0.5, Number.NaN])("bytesMax %s is refused", (bytesMax) => {
    expect(() => msgpackCodec({ bytesMax })).toThrow(code("InvalidArgument"));
  });
});
