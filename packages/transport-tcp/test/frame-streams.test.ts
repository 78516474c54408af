// Frames that are made where they leave from and read where they lie.
import { once } from "node:events";
import { createServer, connect, type AddressInfo, type Socket } from "node:net";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import { checksumOf } from "../src/checksum.js";
import { FrameInput, u32At } from "../src/frame-input.js";
import { FrameOutput } from "../src/frame-output.js";
import { encodeFrame, type Frame, frameHeaderBytes } from "../src/frames.js";
import { takingFrames } from "./support.js";

const wire = (frames: readonly Frame[]): Buffer =>
  Buffer.concat(frames.flatMap(({ kind, payload }) => encodeFrame(kind, payload)));

const frameArbitrary: fc.Arbitrary<Frame> = fc.record({
  kind: fc.integer({ min: 0, max: 255 }),
  payload: fc.uint8Array({ maxLength: 400 }),
});

const taking = (frameBytesMax = 1 << 20): ReturnType<typeof takingFrames> => takingFrames(frameBytesMax);

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function decoded(chunks: Iterable<Uint8Array>): Frame[] {
  const { input, frames } = taking();
  for (const chunk of chunks) input.push(chunk);
  return frames;
}

function* cutUp(stream: Uint8Array, cuts: readonly number[]): Generator<Uint8Array> {
  let from = 0;
  for (const cut of cuts) yield stream.subarray(from, (from += cut));
  yield stream.subarray(from);
}

test("checksums are those of the runtime, at any place and of any length", () => {
  const bytes = Uint8Array.from({ length: 1_000 }, (_, i) => (i * i * 31) & 255);
  for (let length = 0; length < 300; length++) {
    expect(checksumOf(bytes, length % 7, (length % 7) + length)).toBe(
      crc32(bytes.subarray(length % 7, (length % 7) + length)),
    );
  }
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

describe("input", () => {
  const three: readonly Frame[] = [
    { kind: 3, payload: bytes("one") },
    { kind: 4, payload: new Uint8Array(0) },
    { kind: 255, payload: bytes("three") },
  ];

  test("gives the same frames wherever the stream is cut in two or three", () => {
    const stream = wire(three);
    for (let i = 0; i <= stream.length; i++) {
      for (let j = i; j <= stream.length; j++) {
        expect(decoded([stream.subarray(0, i), stream.subarray(i, j), stream.subarray(j)])).toEqual(three);
      }
    }
  });

  test("byte by byte, and with empty chunks between", () => {
    expect(decoded([...wire(three)].flatMap((byte) => [new Uint8Array(0), Uint8Array.of(byte)]))).toEqual(three);
  });

  test("any frames, cut anyhow", () => {
    fc.assert(
      fc.property(fc.array(frameArbitrary), fc.array(fc.nat({ max: 200 })), (some, cuts) => {
        expect(decoded(cutUp(wire(some), cuts))).toEqual(some);
      }),
    );
  });

  test("random bytes are refused or incomplete, with no other error", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (chunk) => {
        const { input, frames } = taking();
        try {
          input.push(chunk);
        } catch (error) {
          expect(["Malformed", "TooLarge"]).toContain((error as { code: string }).code);
        }
        expect(frames).toEqual([]);
      }),
    );
  });

  test("a long payload in many chunks, and a limit that is raised between two frames of one chunk", () => {
    const payload = Uint8Array.from({ length: 1_000_000 }, (_, i) => (i * 7) & 255);
    const some = [
      { kind: 1, payload: new Uint8Array(2) },
      { kind: 2, payload },
    ];
    const seen: Frame[] = [];
    const input: FrameInput = new FrameInput(2, (kind, bytes, from, to) => {
      input.frameBytesMax = payload.length;
      seen.push({ kind, payload: new Uint8Array(bytes.subarray(from, to)) });
    });
    for (const chunk of cutUp(
      wire(some),
      Array.from({ length: 20 }, () => 50_000),
    ))
      input.push(chunk);
    expect(seen.map(({ kind }) => kind)).toEqual([1, 2]);
    expect(Buffer.compare(seen[1]?.payload ?? new Uint8Array(0), payload)).toBe(0);
  });

  test("damage of any single bit never shows as a frame, what came before it stays, and nothing comes after it", () => {
    const good = { kind: 3, payload: Uint8Array.of(1, 2, 3) };
    const prefix = wire([good]);
    const stream = Buffer.concat([prefix, wire([{ kind: 3, payload: Uint8Array.of(4, 5, 6, 7) }])]);
    for (let bit = prefix.length * 8; bit < stream.length * 8; bit++) {
      const damaged = Buffer.from(stream);
      damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const { input, frames } = taking();
      expect(() => input.push(damaged)).toThrow(expect.objectContaining({ code: "Malformed" }));
      input.push(prefix);
      expect(frames).toEqual([good]);
    }
  });

  test("a length above the limit is refused on the header alone, and takes no memory before its bytes are there", () => {
    const [header] = encodeFrame(3, new Uint8Array(11));
    expect(() => taking(10).input.push(header)).toThrow(expect.objectContaining({ code: "TooLarge" }));
    const just = taking(11);
    for (const chunk of [header, new Uint8Array(11)]) just.input.push(chunk);
    expect(just.frames).toEqual([{ kind: 3, payload: new Uint8Array(11) }]);
    const claim = new Uint8Array(frameHeaderBytes + 1);
    new DataView(claim.buffer).setUint32(0, 2 ** 32 - 1);
    new DataView(claim.buffer).setUint32(9, crc32(claim.subarray(0, 9)));
    const before = process.memoryUsage().arrayBuffers;
    const inputs = Array.from({ length: 100 }, () => taking(2 ** 32 - 1).input);
    for (const input of inputs) for (const chunk of [claim, Uint8Array.of(1)]) input.push(chunk);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20 * 2 ** 20);
  });

  test("stopped in the middle of a chunk it gives nothing more", () => {
    let count = 0;
    const input: FrameInput = new FrameInput(10, () => {
      count++;
      input.stop();
    });
    input.push(wire([1, 2, 3].map((kind) => ({ kind, payload: Uint8Array.of(kind) }))));
    expect(count).toBe(1);
  });
});

describe("output", () => {
  const open: (() => unknown)[] = [];
  afterEach(() => {
    for (const end of open.splice(0)) end();
  });

  async function pair(): Promise<[Socket, Socket]> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const near = connect((server.address() as AddressInfo).port, "127.0.0.1");
    const [far] = (await once(server, "connection")) as [Socket];
    if (near.connecting) await once(near, "connect");
    open.push(
      () => near.destroy(),
      () => far.destroy(),
      () => server.close(),
    );
    return [near, far];
  }

  function put(output: FrameOutput, { kind, payload }: Frame): boolean {
    const at = output.reserve(payload.length);
    if (at < 0) return false;
    output.bytes.set(payload, at);
    output.commit(kind, payload.length);
    return true;
  }

  test("sends the bytes of encodeFrame, in order, whatever their sizes, and ends the socket behind them", async () => {
    const [near, far] = await pair();
    const output = new FrameOutput(near, { queueBytesMax: 1 << 26 });
    const sizes = [0, 1, 2_000, 100, 70_000, 5, 600_000, 64 * 1024 - frameHeaderBytes, 3];
    const frames = sizes.map((size, kind) => ({ kind, payload: new Uint8Array(size).fill(kind + 1) }));
    for (const frame of frames) {
      if (frame.kind % 3 !== 1) output.send(encodeFrame(frame.kind, frame.payload));
      else put(output, frame);
      if (frame.kind % 4 === 3) await new Promise((resolve) => setImmediate(resolve));
    }
    output.end();
    expect(put(output, { kind: 1, payload: new Uint8Array(0) })).toBe(false);
    const chunks: Buffer[] = [];
    for await (const chunk of far) chunks.push(chunk as Buffer);
    expect(Buffer.compare(Buffer.concat(chunks), wire(frames))).toBe(0);
    expect(output.heldBytes).toBe(0);
  });

  function countWrites(socket: Socket): () => number {
    let writes = 0;
    const write = socket.write.bind(socket) as (...given: unknown[]) => boolean;
    socket.write = (...given: unknown[]) => (writes++, write(...given));
    return () => writes;
  }

  test("what one turn sends leaves in one write, after the promises that the turn settles", async () => {
    const [near] = await pair();
    const writes = countWrites(near);
    const output = new FrameOutput(near, { queueBytesMax: 1 << 20 });
    const frame = { kind: 1, payload: new Uint8Array(10) };
    put(output, frame);
    await Promise.resolve();
    put(output, frame);
    expect(writes()).toBe(0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(writes()).toBe(1);
  });

  test.each([
    ["frames", 400, 4],
    ["bytes", 5, 12_000],
  ])("much of one turn leaves in pieces, the first before the turn ends: %s", async (_, count, size) => {
    const [near, far] = await pair();
    const writes = countWrites(near);
    const waits: boolean[] = [];
    const output = new FrameOutput(near, { queueBytesMax: 1 << 20, onWritten: (waited) => waits.push(waited) });
    const frames = Array.from({ length: count }, (__, i) => ({ kind: 1, payload: new Uint8Array(size).fill(i) }));
    for (const frame of frames) put(output, frame);
    expect(writes()).toBeGreaterThan(1);
    expect(writes()).toBeLessThan(6);
    // With all callbacks still to come: it ends after the last of them.
    const ends = vi.spyOn(near, "destroySoon");
    output.end();
    const chunks: Buffer[] = [];
    for await (const chunk of far) chunks.push(chunk as Buffer);
    expect(Buffer.compare(Buffer.concat(chunks), wire(frames))).toBe(0);
    expect(output.heldBytes).toBe(0);
    expect(ends).toHaveBeenCalledTimes(1);
    // The system took each at once, which says nothing of the other side.
    expect(new Set(waits)).toEqual(new Set([false]));
  });

  test("while the system does not take a write none follows it, and all leaves once it does", async () => {
    const [near, far] = await pair();
    const waits: boolean[] = [];
    const output = new FrameOutput(near, { queueBytesMax: 1 << 26, onWritten: (waited) => waits.push(waited) });
    const frames: Frame[] = [];
    const send = (): void => {
      const frame = { kind: 1, payload: new Uint8Array(10_000).fill(frames.length) };
      frames.push(frame);
      put(output, frame);
    };
    while (near.writableLength === 0) send();
    await new Promise((resolve) => setImmediate(resolve));
    const writes = countWrites(near);
    const waiting = near.writableLength;
    expect(waiting).toBeGreaterThan(0);
    for (let i = 0; i < 100; i++) send();
    await new Promise((resolve) => setImmediate(resolve));
    expect(writes()).toBe(0);
    expect(near.writableLength).toBe(waiting);
    expect(waits).not.toContain(true);
    output.end();
    const chunks: Buffer[] = [];
    for await (const chunk of far) chunks.push(chunk as Buffer);
    expect(Buffer.compare(Buffer.concat(chunks), wire(frames))).toBe(0);
    expect(output.heldBytes).toBe(0);
    expect(waits).toContain(true);
  });

  /** Reads what it is given when it takes it: at once, or only when it is let go on. */
  class LateSocket {
    destroyed = false;
    writableLength = 0;
    readonly taken: Buffer[] = [];
    #waiting: (() => void)[] | null = [];

    cork(): void {}
    uncork(): void {}

    write(chunk: Uint8Array, written: () => void = () => {}): boolean {
      if (this.#waiting === null) {
        this.taken.push(Buffer.from(chunk));
        process.nextTick(written);
        return true;
      }
      this.writableLength += chunk.length;
      this.#waiting.push(() => {
        this.taken.push(Buffer.from(chunk));
        this.writableLength -= chunk.length;
        written();
      });
      return false;
    }

    goOn(): void {
      const waiting = this.#waiting ?? [];
      this.#waiting = null;
      for (const take of waiting) take();
    }
  }

  test("what waited leaves as it was made, whatever is made while it leaves", async () => {
    const socket = new LateSocket();
    const output = new FrameOutput(socket as unknown as Socket, { queueBytesMax: 1 << 26 });
    const frames: Frame[] = [];
    const send = (count: number): void => {
      for (let i = 0; i < count; i++) {
        const frame = { kind: frames.length % 256, payload: new Uint8Array(300).fill(frames.length % 251) };
        frames.push(frame);
        put(output, frame);
      }
    };
    // More than leaves in one write, which is taken at once while the rest is still to come.
    send(2_000);
    await new Promise((resolve) => setImmediate(resolve));
    socket.goOn();
    send(2_000);
    await vi.waitFor(() => expect(output.heldBytes).toBe(0));
    expect(Buffer.compare(Buffer.concat(socket.taken), wire(frames))).toBe(0);
  });

  test("what the system has taken leaves its memory to what comes next", async () => {
    const [near, far] = await pair();
    far.resume();
    const output = new FrameOutput(near, { queueBytesMax: 1 << 26 });
    const memory = new Set<ArrayBufferLike>();
    for (let turn = 0; turn < 200; turn++) {
      for (let i = 0; i < 20; i++) {
        put(output, { kind: 1, payload: new Uint8Array(100) });
        memory.add(output.bytes.buffer);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    // 2 to 4 KiB a turn: a few pieces until there is room for a turn, and that one from then on.
    expect(memory.size).toBeLessThan(10);
  });

  test("takes no more than its limit", async () => {
    const [near] = await pair();
    const output = new FrameOutput(near, { queueBytesMax: 2 * (frameHeaderBytes + 10) });
    const frame = { kind: 1, payload: new Uint8Array(10) };
    expect([put(output, frame), put(output, frame), put(output, frame)]).toEqual([true, true, false]);
    expect(output.send(encodeFrame(1, new Uint8Array(0)))).toBe(false);
    expect(output.send(encodeFrame(1, new Uint8Array(100_000)))).toBe(false);
    expect(u32At(output.bytes, 0)).toBe(10);
  });
});
