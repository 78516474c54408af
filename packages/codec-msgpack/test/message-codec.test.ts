import { SynodError } from "@synod/interface";
import type { Envelope, Message } from "@synod/multipaxos";
import fc from "fast-check";
import { Packr } from "msgpackr/pack";
import { describe, expect, test } from "vitest";
import { messageCodec } from "../src/index.js";
import { KINDS } from "../src/kinds.js";
import { arbitraries, envelopeOf, envelopes, messages } from "./samples.js";
import { same } from "./same.js";

const codec = messageCodec();
const packr = new Packr({ useRecords: false });
const pack = (value: unknown): Uint8Array => new Uint8Array(packr.pack(value));
const CODES = ["Malformed", "VersionUnsupported", "TooLarge"];
const all = fc.constantFrom(...KINDS).chain((kind) => envelopes(arbitraries[kind] as fc.Arbitrary<Message>));

/** What `decode` says of the bytes: a code that it may throw, or "valid" for an envelope that keeps through a round trip. */
function verdict(bytes: Uint8Array): string {
  let decoded: Envelope;
  try {
    decoded = codec.decode(bytes);
  } catch (error) {
    if (!(error instanceof SynodError) || !CODES.includes(error.code)) throw error;
    return error.code;
  }
  same(codec.decode(codec.encode(decoded)), decoded);
  return "valid";
}

const sampleBytes = Object.entries(messages).map(
  ([name, message]) => [name, codec.encode(envelopeOf(message))] as const,
);

describe("round trip", () => {
  test.each(KINDS)("%s", (kind) => {
    fc.assert(
      fc.property(envelopes(arbitraries[kind] as fc.Arbitrary<Message>), (envelope) => {
        same(codec.decode(codec.encode(envelope)), envelope);
      }),
      { numRuns: 150 },
    );
  });

  test("values go as msgpackr itself would write them", () => {
    for (const count of [0, 1, 15, 16, 65_535, 65_536]) {
      const values = Array.from({ length: count }, (_, i) => Uint8Array.of(i & 255));
      const { clusterId, from, bootId, epoch, message } = envelopeOf({
        kind: "learn",
        firstSlot: 1,
        values,
        chosenUpTo: 9,
      });
      const expected = pack([1, clusterId, from, bootId, [epoch, 1, 2, 300], 8, 1, 9, values]);
      expect(Buffer.compare(codec.encode(envelopeOf(message)), expected)).toBe(0);
    }
  });
});

describe("bytes from outside", () => {
  test.each(sampleBytes)("every truncation of %s is malformed", (_name, bytes) => {
    for (let length = 0; length < bytes.length; length++) expect(verdict(bytes.subarray(0, length))).toBe("Malformed");
    expect(verdict(Uint8Array.of(...bytes, 0))).toBe("Malformed");
  });

  test.each(sampleBytes.filter(([, { length }]) => length < 200))(
    "every change of one byte of %s is valid or has a code",
    (_name, bytes) => {
      const seen = new Set<string>();
      for (let at = 0; at < bytes.length; at++) {
        const copy = bytes.slice();
        for (let byte = 0; byte < 256; byte++) {
          copy[at] = byte;
          seen.add(verdict(copy));
        }
      }
      expect([...seen].sort()).toEqual(["Malformed", "VersionUnsupported", "valid"]);
    },
  );

  test("random bytes, alone and behind a true header", () => {
    const heads = [[], [0x98, 1], [...pack([1, "c", 1, "b", 1, 3]).subarray(1)]];
    fc.assert(
      fc.property(fc.constantFrom(...heads), fc.uint8Array({ maxLength: 300 }), (head, tail) => {
        verdict(Uint8Array.of(...head, ...tail));
        verdict(Uint8Array.of(0x9a, ...head, ...tail));
      }),
      { numRuns: 3000 },
    );
  });

  test("parts of messages cut and joined", () => {
    fc.assert(
      fc.property(all, all, fc.nat(), fc.nat(), (a, b, i, j) => {
        const [x, y] = [codec.encode(a), codec.encode(b)];
        verdict(Buffer.concat([x.subarray(0, i % x.length), y.subarray(j % y.length)]));
      }),
      { numRuns: 1000 },
    );
  });

  test("lengths that are not there cost nothing", () => {
    const head = pack([1, "c", 1, "b", [1, 1, 1, 1], 8, 1, 0]).subarray(1);
    for (const lie of [
      [0xdd, 0xff, 0xff, 0xff, 0xff],
      [0xdc, 0xff, 0xff],
      [0xc6, 0xff, 0xff, 0xff, 0xff],
      [0xdb, 0xff, 0xff, 0xff, 0xff],
      [0x9f],
    ]) {
      const bytes = Uint8Array.of(0x99, ...head, ...lie);
      expect(verdict(bytes)).toBe("Malformed");
      expect(() => codec.decode(bytes)).toThrow("runs past the end");
    }
    // A frame that itself claims four billion elements, in ten bytes.
    expect(verdict(Uint8Array.of(0xdd, 0xff, 0xff, 0xff, 0xff, 1, 1, 1, 1, 1))).toBe("Malformed");
  });

  test("nesting is refused before it can use up the stack", () => {
    const deep = new Uint8Array(1_000_000).fill(0x91);
    deep.set([0x93, 1]);
    expect(verdict(deep)).toBe("Malformed");
    expect(() => codec.decode(deep)).toThrow("nested deeper than 4");
  });
});

describe("every field is checked", () => {
  const replaced = (array: unknown[], at: number, value: unknown): unknown[] =>
    Object.assign([...array], { [at]: value });
  const head = [1, "cluster", 2, "boot", [1, 1, 2, 3]];
  const b = [7, 2];
  const v = Uint8Array.of(0);
  const good: Record<string, unknown[]> = {
    prepare: [...head, 1, b, 1],
    promise: [
      ...head,
      2,
      b,
      5,
      9,
      4,
      3,
      [
        [5, b, v],
        [9, b, v],
      ],
    ],
    accept: [...head, 3, b, 5, 4, [v, v]],
    accepted: [
      ...head,
      4,
      b,
      4,
      3,
      2,
      [
        [5, 6],
        [8, 8],
      ],
      1024,
    ],
    reject: [...head, 5, b, b, true, b, 0],
    commit: [...head, 6, b, 0],
    fetch: [...head, 7, 5, 5],
    learn: [...head, 8, 5, 4, [v]],
    beat: [...head, 9, 0, b, b, b, false, 0, 0, false, 0],
    beatReply: [...head, 10, 0, null, null, null, true, 0, 0, true, 1],
    forward: [...head, 11, b, "boot", 0, v],
    forwardReply: [...head, 12, "boot", 0, 2],
    confirm: [...head, 13, b, 0],
    confirmReply: [...head, 14, b, 0],
    readIndexAsk: [...head, 15, "boot", 0],
    readIndexReply: [...head, 16, "boot", 0, null],
    stateDigest: [...head, 17, 5, "chain", null],
    quorumReadAsk: [...head, 18, "boot", 0],
    quorumReadReply: [...head, 19, "boot", 0, 3, 2, 1],
    leaseAsk: [...head, 20, b, 0, 5],
    leaseGrant: [...head, 21, b, 0, 5],
    leaseRelease: [...head, 22, b, 0],
    transferTo: [...head, 23, b, 0],
  };
  // Right in no position: wrong types, extensions, maps, and numbers that are no count.
  const never: unknown[] = [
    undefined,
    {},
    { a: 1 },
    new Map(),
    new Date(0),
    new Set([1]),
    Number.NaN,
    Number.POSITIVE_INFINITY,
    0.5,
    -1,
    -(2 ** 40),
    2 ** 53,
    5n,
    2n ** 63n,
    "",
    "x".repeat(256),
    new Uint8Array(0),
    [1, 2, 3, -4],
    [[[[]]]],
  ]; // prettier-ignore

  test.each(Object.entries(good))("%s", (kind, array) => {
    expect(codec.decode(pack(array)).message.kind).toBe(kind);
    for (let at = 1; at < array.length; at++) {
      for (const wrong of never) {
        expect([at, wrong, verdict(pack(replaced(array, at, wrong)))]).toEqual([at, wrong, "Malformed"]);
      }
    }
    expect(verdict(pack([...array, 1]))).toBe("Malformed");
    expect(verdict(pack(array.slice(0, -1)))).toBe("Malformed");
  });

  const change = (kind: string, at: number, value: unknown): Uint8Array => pack(replaced(good[kind] ?? [], at, value));

  test.each<[string, Uint8Array]>([
    ["from 0", change("commit", 2, 0)],
    ["kind 0", change("commit", 5, 0)],
    ["kind 99", change("commit", 5, 99)],
    ["ballot of node 0", change("commit", 6, [1, 0])],
    ["ballot without node", change("commit", 6, [1])],
    ["ballot with more", change("commit", 6, [1, 2, 3])],
    ["null where a ballot must be", change("commit", 6, null)],
    ["minus zero", Uint8Array.of(...change("commit", 7, 0).subarray(0, -1), 0xcb, 0x80, 0, 0, 0, 0, 0, 0, 0)],
    ["prepare from slot 0", change("prepare", 7, 0)],
    ["accept in slot 0", change("accept", 7, 0)],
    ["accept beyond the last slot", change("accept", 7, 2 ** 53 - 1)],
    ["empty value", change("accept", 9, [v, new Uint8Array(0)])],
    ["text for a value", change("accept", 9, ["v"])],
    ["fetch backwards", change("fetch", 7, 4)],
    ["range backwards", change("accepted", 10, [[6, 5]])],
    ["range of slot 0", change("accepted", 10, [[0, 5]])],
    [
      "ranges that overlap",
      change("accepted", 10, [
        [5, 6],
        [6, 7],
      ]),
    ],
    [
      "ranges out of order",
      change("accepted", 10, [
        [8, 8],
        [5, 6],
      ]),
    ],
    ["page backwards", change("promise", 8, 4)],
    ["vote before the page", change("promise", 11, [[4, b, v]])],
    ["vote behind the page", change("promise", 11, [[10, b, v]])],
    [
      "two votes for a slot",
      change("promise", 11, [
        [5, b, v],
        [5, b, v],
      ]),
    ],
    [
      "votes out of order",
      change("promise", 11, [
        [9, b, v],
        [5, b, v],
      ]),
    ],
    ["empty vote", change("promise", 11, [[5, b, new Uint8Array(0)]])],
    ["outcome 3", change("forwardReply", 8, 3)],
  ])("%s is malformed", (_name, bytes) => {
    expect(verdict(bytes)).toBe("Malformed");
  });

  test("text that is no UTF-8 is malformed, not repaired", () => {
    const bytes = codec.encode(envelopeOf({ kind: "fetch", firstSlot: 1, lastSlot: 1 }));
    const at = Buffer.from(bytes).indexOf("golden");
    for (const bad of [
      [0xff],
      [0xc0, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xe0, 0x80, 0x80],
      [0xef, 0xbb, 0xbf],
    ]) {
      const copy = bytes.slice();
      copy.set(bad, at);
      expect(verdict(copy)).toBe("Malformed");
    }
  });

  test("another version is told apart from damage, whatever follows it", () => {
    for (const bytes of [pack([0]), pack([2, { a: 1 }]), pack([127, 1.5]), pack([300, 1]), pack([2 ** 31])]) {
      expect(verdict(bytes)).toBe("VersionUnsupported");
    }
    for (const bytes of [pack([]), pack(1), pack("1"), pack([-1]), pack([null]), pack({ a: 1 }), new Uint8Array(0)]) {
      expect(verdict(bytes)).toBe("Malformed");
    }
  });
});

describe("who owns the bytes", () => {
  test("the decoded message keeps when the input changes, a Buffer too", () => {
    for (const [name, bytes] of sampleBytes) {
      const input = Buffer.from(bytes);
      const decoded = codec.decode(input);
      input.fill(0xff);
      expect(decoded).toStrictEqual(envelopeOf(messages[name] as Message));
    }
  });

  test("decoded values are plain arrays that hold nothing but themselves", () => {
    const { message } = codec.decode(Buffer.from(codec.encode(envelopeOf(messages["accept"] as Message))));
    expect(message.kind).toBe("accept");
    for (const value of message.kind === "accept" ? message.values : []) {
      expect(Object.getPrototypeOf(value)).toBe(Uint8Array.prototype);
      expect(value.buffer.byteLength).toBe(value.length);
    }
  });

  test("decode leaves nothing on its input", () => {
    const bytes = codec.encode(envelopeOf(messages["commit"] as Message));
    codec.decode(bytes);
    expect(Object.keys(bytes)).toHaveLength(bytes.length);
  });

  test.each(sampleBytes.map(([name]) => name))("the bytes of %s are exact and keep through later calls", (name) => {
    const envelope = envelopeOf(messages[name] as Message);
    const first = codec.encode(envelope);
    expect(Object.getPrototypeOf(first)).toBe(Uint8Array.prototype);
    expect([first.byteOffset, first.buffer.byteLength]).toEqual([0, first.length]);
    const copy = first.slice();
    for (const other of Object.values(messages)) codec.encode(envelopeOf(other));
    expect(first).toEqual(copy);
    const second = codec.encode(envelope);
    second.fill(0);
    expect(first).toEqual(copy);
  });

  test("a value that is changed after encode does not change the frame", () => {
    const value = Uint8Array.of(1, 2, 3);
    const frame = codec.encode(envelopeOf({ kind: "learn", firstSlot: 1, values: [value], chosenUpTo: 1 }));
    const copy = frame.slice();
    value.fill(9);
    expect(frame).toEqual(copy);
  });
});

describe("limits", () => {
  test("a frame at the limit passes, one byte more is TooLarge, both ways", () => {
    const envelope = envelopeOf(messages["accept-lengths"] as Message);
    const bytes = codec.encode(envelope);
    const exact = messageCodec({ frameBytesMax: bytes.length });
    const less = messageCodec({ frameBytesMax: bytes.length - 1 });
    expect(exact.decode(exact.encode(envelope))).toStrictEqual(envelope);
    const tooLarge = expect.objectContaining({ code: "TooLarge" });
    expect(() => less.decode(bytes)).toThrow(tooLarge);
    expect(() => less.encode(envelope)).toThrow(tooLarge);
  });

  test.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])("a limit of %s is no limit", (frameBytesMax) => {
    expect(() => messageCodec({ frameBytesMax })).toThrow(expect.objectContaining({ code: "InvalidArgument" }));
  });
});
