import { crc32 } from "node:zlib";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeFrame, type Frame, type FrameDecoder, frameDecoder, frameHeaderBytes } from "../src/frames.js";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const wire = (frames: readonly Frame[]): Buffer =>
  Buffer.concat(frames.flatMap(({ kind, payload }) => encodeFrame(kind, payload)));
const limits = { frameBytesMax: 1 << 20 };

function pushAll(decoder: FrameDecoder, chunks: Iterable<Uint8Array>): Frame[] {
  const frames: Frame[] = [];
  for (const chunk of chunks) frames.push(...decoder.push(chunk));
  return frames;
}

/** What comes out until something is wrong. */
function decodeDamaged(chunk: Uint8Array): { frames: Frame[]; code: string | null } {
  const frames: Frame[] = [];
  try {
    for (const frame of frameDecoder(limits).push(chunk)) frames.push(frame);
    return { frames, code: null };
  } catch (error) {
    return { frames, code: (error as { code: string }).code };
  }
}

/** A good header whose payload is not there. */
function headerClaiming(length: number): Buffer {
  const header = Buffer.alloc(frameHeaderBytes);
  header.writeUInt32BE(length, 0);
  header.writeUInt32BE(crc32(header.subarray(0, 9)), 9);
  return header;
}

const frameArbitrary: fc.Arbitrary<Frame> = fc.record({
  kind: fc.integer({ min: 0, max: 255 }),
  payload: fc.uint8Array({ maxLength: 40 }),
});

describe("format", () => {
  test("is pinned", () => {
    expect(wire([{ kind: 3, payload: bytes("hello") }]).toString("hex")).toBe("00000005033610a686c484c6ba68656c6c6f");
    expect(wire([{ kind: 4, payload: new Uint8Array(0) }]).toString("hex")).toBe("0000000004000000001389b26e");
  });

  test("the payload is not copied on the way out", () => {
    const payload = bytes("mine");
    expect(encodeFrame(1, payload)[1]).toBe(payload);
  });
});

describe("decoding", () => {
  const frames: Frame[] = [
    { kind: 3, payload: bytes("one") },
    { kind: 4, payload: new Uint8Array(0) },
    { kind: 255, payload: bytes("three") },
  ];

  test("gives the same frames wherever the stream is cut in two or three", () => {
    const stream = wire(frames);
    for (let i = 0; i <= stream.length; i++) {
      for (let j = i; j <= stream.length; j++) {
        const chunks = [stream.subarray(0, i), stream.subarray(i, j), stream.subarray(j)];
        expect(pushAll(frameDecoder(limits), chunks)).toEqual(frames);
      }
    }
  });

  test("byte by byte, and with empty chunks between", () => {
    const chunks = [...wire(frames)].flatMap((byte) => [new Uint8Array(0), Uint8Array.of(byte)]);
    expect(pushAll(frameDecoder(limits), chunks)).toEqual(frames);
  });

  test("any frames, cut anyhow", () => {
    fc.assert(
      fc.property(fc.array(frameArbitrary), fc.array(fc.nat({ max: 30 })), (some, cuts) => {
        const stream = wire(some);
        const chunks: Uint8Array[] = [];
        let from = 0;
        for (const cut of cuts) chunks.push(stream.subarray(from, (from += cut)));
        chunks.push(stream.subarray(from));
        expect(pushAll(frameDecoder(limits), chunks)).toEqual(some);
      }),
    );
  });

  test("a long payload in many chunks", () => {
    const payload = Uint8Array.from({ length: 5_000_000 }, (_, i) => (i * 7) & 255);
    const stream = wire([{ kind: 3, payload }]);
    const chunks = Array.from({ length: Math.ceil(stream.length / 65_536) }, (_, i) =>
      stream.subarray(i * 65_536, (i + 1) * 65_536),
    );
    const [frame, ...others] = pushAll(frameDecoder({ frameBytesMax: payload.length }), chunks);
    expect(others).toEqual([]);
    expect(Buffer.compare(frame?.payload ?? bytes("nothing"), payload)).toBe(0);
    expect(frame?.payload.buffer.byteLength).toBe(payload.length);
  });

  test("payloads are plain arrays of their own, whatever becomes of the chunk", () => {
    const chunk = Buffer.from(wire(frames));
    const decoded = pushAll(frameDecoder(limits), [chunk]);
    chunk.fill(0xee);
    expect(decoded).toEqual(frames);
    for (const { payload } of decoded) {
      expect(Object.getPrototypeOf(payload)).toBe(Uint8Array.prototype);
      expect(payload.buffer.byteLength).toBe(payload.length);
    }
  });
});

describe("damage", () => {
  test("of any single bit never shows as a frame, and what came before it stays", () => {
    const good = { kind: 3, payload: bytes("before") };
    const prefix = wire([good]);
    const stream = Buffer.concat([prefix, wire([{ kind: 3, payload: bytes("damaged") }])]);
    for (let bit = prefix.length * 8; bit < (prefix.length + frameHeaderBytes + 7) * 8; bit++) {
      const damaged = Buffer.from(stream);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      // At once, without a byte more: a damaged length must not be waited for.
      expect(decodeDamaged(damaged)).toEqual({ frames: [good], code: "Malformed" });
    }
  });

  test("random bytes are refused or incomplete, with no other error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (chunk) => {
        const { frames, code } = decodeDamaged(chunk);
        expect(["Malformed", "TooLarge", null]).toContain(code);
        expect(frames).toEqual([]);
      }),
    );
  });

  test("a length above the limit is refused on the header alone, one at the limit is not", () => {
    const decoder = (): FrameDecoder => frameDecoder({ frameBytesMax: 10 });
    const header = (length: number): Uint8Array => encodeFrame(3, new Uint8Array(length))[0];
    expect(() => pushAll(decoder(), [header(11)])).toThrow(expect.objectContaining({ code: "TooLarge" }));
    expect(pushAll(decoder(), [header(10)])).toEqual([]);
    expect(pushAll(decoder(), [header(10), new Uint8Array(10)])).toHaveLength(1);
  });

  test("an announced length takes no memory before its bytes are there", () => {
    const before = process.memoryUsage().arrayBuffers;
    const decoders = Array.from({ length: 100 }, () => frameDecoder({ frameBytesMax: 2 ** 32 - 1 }));
    const claim = Buffer.concat([headerClaiming(2 ** 32 - 1), Buffer.of(1)]);
    for (const decoder of decoders) pushAll(decoder, [claim]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200 * 2 ** 20);
  });

  test("after an error the decoder stays dead", () => {
    const decoder = frameDecoder({ frameBytesMax: 1 });
    expect(() => pushAll(decoder, [encodeFrame(3, new Uint8Array(2))[0]])).toThrow();
    expect(() => pushAll(decoder, [wire([{ kind: 3, payload: new Uint8Array(0) }])])).toThrow(
      expect.objectContaining({ code: "TooLarge" }),
    );
  });

  test("the limit may be raised between two frames of one chunk", () => {
    const decoder = frameDecoder({ frameBytesMax: 1 });
    const lengths: number[] = [];
    for (const { payload } of decoder.push(
      wire([1, 50].map((length) => ({ kind: 1, payload: new Uint8Array(length) }))),
    )) {
      lengths.push(payload.length);
      decoder.frameBytesMax = 50;
    }
    expect(lengths).toEqual([1, 50]);
  });
});
