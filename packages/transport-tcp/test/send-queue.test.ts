import fc from "fast-check";
import { expect, test } from "vitest";
import { encodeFrame, frameHeaderBytes } from "../src/frames.js";
import { frameOverheadBytes, SendQueue } from "../src/send-queue.js";

test("gives back every byte once and in order, and all of its cost", () => {
  const step = fc.oneof(
    fc.record({ offer: fc.nat({ max: 9000 }) }),
    fc.record({ take: fc.integer({ min: 1, max: 12_000 }) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 200, max: 50_000 }), (steps, limitBytes) => {
      const queue = new SendQueue(limitBytes);
      const [expected, taken]: [Uint8Array[], Uint8Array[]] = [[], []];
      let held = 0;
      const take = (bytesMax: number): void => {
        const { chunks, bytes, cost } = queue.take(bytesMax);
        expect(bytes).toBe(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
        expect(bytes).toBeLessThanOrEqual(bytesMax);
        taken.push(...chunks);
        queue.release(cost);
        held -= cost;
      };
      for (const [i, one] of steps.entries()) {
        if ("take" in one) take(one.take);
        else {
          const frame = encodeFrame(3, new Uint8Array(one.offer).fill(i + 1));
          const cost = frameHeaderBytes + one.offer + frameOverheadBytes;
          expect(queue.offer(frame)).toBe(held + cost <= limitBytes);
          if (held + cost > limitBytes) continue;
          held += cost;
          expected.push(...frame);
        }
        expect(queue.heldBytes).toBe(held);
      }
      while (!queue.isEmpty) take(1000);
      expect(queue.heldBytes).toBe(0);
      expect(Buffer.compare(Buffer.concat(taken), Buffer.concat(expected))).toBe(0);
    }),
  );
});

test("joins small frames into one chunk, and leaves long payloads uncopied", () => {
  const queue = new SendQueue(1_000_000);
  const long = new Uint8Array(10_000);
  for (let i = 0; i < 50; i++) queue.offer(encodeFrame(3, new Uint8Array(100)));
  queue.offer(encodeFrame(3, long));
  const { chunks } = queue.take(1_000_000);
  expect(chunks.map(({ length }) => length)).toEqual([50 * (100 + frameHeaderBytes) + frameHeaderBytes, 10_000]);
  expect(chunks[1]).toBe(long);
});

test("what was taken is held until it is released; clearing ends that", () => {
  const queue = new SendQueue(300);
  const frame = encodeFrame(3, new Uint8Array(100));
  expect([queue.offer(frame), queue.offer(frame)]).toEqual([true, false]);
  const { cost } = queue.take(1000);
  expect([queue.isEmpty, queue.offer(frame)]).toEqual([true, false]);
  queue.release(cost);
  expect(queue.offer(frame)).toBe(true);
  queue.clear();
  expect([queue.isEmpty, queue.heldBytes]).toEqual([true, 0]);
});
