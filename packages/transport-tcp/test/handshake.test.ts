import type { Incarnation } from "@synod/interface";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatAddress, normalAddress, parseAddress } from "../src/address.js";
import {
  checkIncarnation,
  decodeHello,
  decodeRefusal,
  encodeHello,
  encodeRefusal,
  handshakeFrameBytesMax,
  type Hello,
} from "../src/hello.js";
import { compareIncarnations, judgeHello } from "../src/judge.js";

const self: Incarnation = {
  clusterId: "cluster-a",
  nodeId: 1,
  storeId: "89".repeat(16),
  bootCount: 7,
  bootId: "0123456789abcdef".repeat(2),
};
const peer: Incarnation = { ...self, nodeId: 2, bootId: "f".repeat(32) };
const hello: Hello = { lane: "bulk", from: peer, to: 1 };

describe("hello", () => {
  test("its bytes are pinned", () => {
    expect(Buffer.from(encodeHello({ lane: "bulk", from: self, to: 3 })).toString("hex")).toBe(
      "53594e44000201000000000000000100000000000000030000000000000007" +
        "0123456789abcdef0123456789abcdef8989898989898989898989898989898909636c75737465722d61",
    );
  });

  test("comes back as it was", () => {
    const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
    const hex = fc.string({
      unit: fc.constantFrom(...Array.from({ length: 16 }, (_, digit) => digit.toString(16))),
      minLength: 32,
      maxLength: 32,
    });
    const clusterId = fc.string({ unit: "binary", minLength: 1, maxLength: 60 });
    const from = fc.record({ clusterId, nodeId: id, storeId: hex, bootCount: id, bootId: hex });
    fc.assert(
      fc.property(fc.record({ lane: fc.constantFrom("control", "bulk"), from, to: id }), (any) => {
        const encoded = encodeHello(any);
        expect(encoded.length).toBeLessThan(handshakeFrameBytesMax);
        expect(decodeHello(encoded)).toEqual(any);
      }),
    );
  });

  test("cut short or made longer it is malformed", () => {
    const encoded = encodeHello(hello);
    for (let length = 0; length < encoded.length; length++) {
      expect(() => decodeHello(encoded.subarray(0, length))).toThrow(expect.objectContaining({ code: "Malformed" }));
    }
    expect(() => decodeHello(Uint8Array.of(...encoded, 0))).toThrow(expect.objectContaining({ code: "Malformed" }));
  });

  test("with any byte changed it is read, or malformed, or of another version", () => {
    fc.assert(
      fc.property(fc.nat({ max: encodeHello(hello).length - 1 }), fc.nat({ max: 255 }), (at, value) => {
        const encoded = encodeHello(hello);
        encoded[at] = value;
        try {
          decodeHello(encoded);
        } catch (error) {
          expect(error).toMatchObject({ code: "Malformed" });
        }
      }),
    );
  });

  test("of another version only the version is read", () => {
    expect(decodeHello(Uint8Array.of(0x53, 0x59, 0x4e, 0x44, 0x12, 0x34, 1, 2, 3))).toEqual({ version: 0x1234 });
  });

  test.each([
    ["clusterId", ""],
    ["clusterId", "é".repeat(128)],
    ["nodeId", 0],
    ["nodeId", 1.5],
    ["bootCount", 0],
    ["bootCount", 2 ** 53],
    ["bootId", "abc"],
    ["bootId", "G".repeat(32)],
    ["storeId", ""],
  ])("an incarnation whose %s is %j cannot be sent", (name, value) => {
    expect(() => checkIncarnation({ ...self, [name]: value })).toThrow(
      expect.objectContaining({ code: "InvalidArgument" }),
    );
    expect(() => checkIncarnation(self)).not.toThrow();
  });
});

describe("refusal", () => {
  test("comes back as it was, cut to fit", () => {
    expect(decodeRefusal(encodeRefusal({ reason: "stale", text: "old" }))).toEqual({ reason: "stale", text: "old" });
    expect(encodeRefusal({ reason: "stale", text: "x".repeat(5000) }).length).toBeLessThan(handshakeFrameBytesMax);
  });

  test("any bytes are taken, without control characters", () => {
    expect(decodeRefusal(Uint8Array.of(99, 0x41, 0x1b, 0x0a, 0xff))).toEqual({ reason: "other", text: "A  \ufffd" });
    expect(decodeRefusal(new Uint8Array(0))).toEqual({ reason: "other", text: "" });
  });
});

describe("judgement", () => {
  const knowing = {
    self,
    expected: null,
    proof: null,
    member: (id: number) => (id <= 3 ? { id } : undefined),
    known: () => undefined,
  };

  test("a member that is as expected may stay", () => {
    for (const expected of [null, 2]) expect(judgeHello(hello, { ...knowing, expected })).toBe(hello);
  });

  test.each([
    ["version", { version: 1 }, {}],
    ["cluster", { ...hello, from: { ...peer, clusterId: "cluster-b" } }, {}],
    ["self", { ...hello, from: { ...peer, nodeId: 1 } }, {}],
    ["misdirected", { ...hello, to: 3 }, {}],
    ["misdirected", hello, { expected: 3 }],
    ["unknown", { ...hello, from: { ...peer, nodeId: 4 } }, {}],
    ["certificate", hello, { proof: { refused: null, isNode: () => false, isAnyNode: () => true, names: [] } }],
    ["certificate", hello, { proof: { refused: "expired", isNode: () => true, isAnyNode: () => true, names: [] } }],
    ["store", hello, { known: () => ({ ...peer, bootCount: 1, storeId: "0".repeat(32) }) }],
    ["store", hello, { member: () => ({ id: 2, storeId: "0".repeat(32) }) }],
    ["stale", hello, { known: () => ({ ...peer, bootCount: 8 }) }],
    ["stale", hello, { known: () => ({ ...peer, bootId: "0".repeat(32) }) }],
  ])("%s", (reason, said, knowledge) => {
    expect(judgeHello(said, { ...knowing, ...knowledge })).toMatchObject({ reason });
  });

  test("incarnations are ordered by boot count; a known count with another boot id is older", () => {
    expect(compareIncarnations(peer, peer)).toBe("same");
    expect(compareIncarnations({ ...peer, bootCount: 8, bootId: "0".repeat(32) }, peer)).toBe("newer");
    expect(compareIncarnations({ ...peer, bootCount: 6 }, peer)).toBe("older");
    expect(compareIncarnations({ ...peer, bootId: "0".repeat(32) }, peer)).toBe("older");
  });
});

describe("addresses", () => {
  test.each([
    ["127.0.0.1:7000", "127.0.0.1", 7000],
    ["db-1.example:0", "db-1.example", 0],
    ["[::1]:65535", "::1", 65_535],
    ["[fe80::1%eth0]:1", "fe80::1%eth0", 1],
  ])("%s is read and written", (text, host, port) => {
    expect(parseAddress(text)).toEqual({ host, port });
    expect(formatAddress({ host, port })).toBe(text);
  });

  test.each([
    ["127.0.0.1:04001", "127.0.0.1:4001"],
    ["LOCALHOST:1", "localhost:1"],
    ["[0:0:0:0:0:0:0:1]:1", "[::1]:1"],
    ["[2001:DB8:0:0:1:0:0:1]:1", "[2001:db8::1:0:0:1]:1"],
    ["[FE80:0::1%Eth0]:1", "[fe80::1%Eth0]:1"],
    ["[::FFFF:10.0.0.1]:1", "[::ffff:10.0.0.1]:1"],
    ["[1:2]:1", "[1:2]:1"],
  ])("%s is %s", (text, normal) => {
    expect(normalAddress(text)).toBe(normal);
    expect(formatAddress(parseAddress(text))).toBe(normal);
  });

  test("what is none has no other form", () => {
    expect(normalAddress("No address")).toBe("No address");
  });

  test.each([
    "",
    "localhost",
    ":7000",
    "a:",
    "a:65536",
    "a:-1",
    "::1:7000",
    "[::1]",
    "a b:1",
    "http://a:1",
    "a:1:2",
    "[x]:1",
  ])("%j is refused", (text) => {
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: "InvalidArgument" }));
  });
});
