// The cap and the scan stand in front of msgpackr: it never sees what they refuse.
import type * as msgpackr from "msgpackr";
import { beforeEach, expect, test, vi } from "vitest";
import { messageCodec, msgpackCodec } from "../src/index.js";

const calls = vi.hoisted(() => ({ unpack: 0, pack: 0 }));

vi.mock("msgpackr/pack", async (original) => {
  const real = await original<typeof msgpackr>();
  class Packr extends real.Packr {
    constructor(options?: ConstructorParameters<typeof real.Packr>[0]) {
      super(options);
      // An own property, as in msgpackr itself.
      const pack = this.pack.bind(this);
      this.pack = (value, mode) => {
        calls.pack++;
        return pack(value, mode);
      };
    }
    override unpack(bytes: Uint8Array): unknown {
      calls.unpack++;
      return super.unpack(bytes);
    }
  }
  return { ...real, Packr };
});

beforeEach(() => {
  calls.unpack = 0;
  calls.pack = 0;
});

const code = (name: string): unknown => expect.objectContaining({ code: name });

test("the counter counts", () => {
  const codec = msgpackCodec<number[]>();
  expect(codec.decode(codec.encode([1]))).toEqual([1]);
  expect(calls).toEqual({ unpack: 1, pack: 1 });
});

test("a frame above the cap never reaches msgpackr", () => {
  const frame = new Uint8Array(101).fill(0x91);
  expect(() => messageCodec({ frameBytesMax: 100 }).decode(frame)).toThrow(code("TooLarge"));
  expect(() => msgpackCodec({ bytesMax: 100 }).decode(frame)).toThrow(code("TooLarge"));
  expect(calls.unpack).toBe(0);
});

test("lying lengths, deep nesting, maps and foreign versions never reach msgpackr", () => {
  const codec = messageCodec();
  const plain = msgpackCodec();
  const lie = Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff, 1, 1, 1, 1, 1);
  const deep = new Uint8Array(100_000).fill(0x91);
  expect(() => codec.decode(lie)).toThrow(code("Malformed"));
  expect(() => plain.decode(lie)).toThrow(code("Malformed"));
  expect(() => codec.decode(Uint8Array.of(0x93, 1, ...deep.subarray(0, 1000)))).toThrow(code("Malformed"));
  expect(() => plain.decode(deep)).toThrow(code("Malformed"));
  expect(() => codec.decode(Uint8Array.of(0x92, 1, 0x80))).toThrow(code("Malformed"));
  expect(() => codec.decode(Uint8Array.of(0x91, 2))).toThrow(code("VersionUnsupported"));
  expect(calls.unpack).toBe(0);
});

test("a value that is sure to be too large is not packed", () => {
  const codec = msgpackCodec<unknown>({ bytesMax: 100 });
  expect(() => codec.encode(["x".repeat(60), new Uint8Array(60)])).toThrow(code("TooLarge"));
  expect(() => codec.encode(Array.from({ length: 200 }, () => 1))).toThrow(code("TooLarge"));
  expect(calls.pack).toBe(0);
});
