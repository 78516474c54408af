import { describe, expect, it } from "vitest";
import { Admission } from "../src/admission.js";

/** Calls end at `perMs`, in rounds of 10 ms; as many as are let in come in. */
function loaded(perMs: number, queueWaitMs: number) {
  const admission = new Admission({ queueBytesMax: 1e9, queueWaitMs, retryMs: 77 });
  const open: string[] = [];
  let nowMs = 0;
  const come = (client: string, count: number): number => {
    let refused = 0;
    for (let i = 0; i < count; i++) {
      if (admission.refusal(client, 10) !== null) refused++;
      else {
        admission.began(client, 10);
        open.push(client);
      }
    }
    return refused;
  };
  const round = (): void => {
    nowMs += 10;
    for (let i = 0; i < 10 * perMs; i++) {
      const client = open.shift();
      if (client === undefined) break;
      admission.answered();
      admission.ended(client, 10);
    }
    admission.round(nowMs);
  };
  return { admission, open, come, round };
}

describe("admission", () => {
  it("lets a burst in as long as nothing stands, whatever the rate", () => {
    const { come } = loaded(1, 50);
    expect(come("", 10_000)).toBe(0);
  });

  it("bounds the waiting time of those who are let in, and says when to come again", () => {
    const { admission, open, come, round } = loaded(5, 50);
    for (let i = 0; i < 50; i++) {
      come("", 500);
      round();
    }
    // 5 a millisecond for 50 ms, by the rate that was seen best.
    expect(open.length).toBeLessThan(5 * 50 * 1.3);
    expect(come("", 100)).toBeGreaterThanOrEqual(50);
    const { retryAfterMs } = admission.refusal("", 10) ?? { retryAfterMs: 0 };
    expect(retryAfterMs).toBeGreaterThan(0);
    expect(retryAfterMs).toBeLessThanOrEqual(10);
  });

  it("a pause is no lack of capacity", () => {
    const { open, come, round, admission } = loaded(5, 50);
    for (let i = 0; i < 20; i++) {
      come("", 500);
      round();
    }
    for (const client of open.splice(0, open.length - 10)) admission.ended(client, 10);
    for (let i = 0; i < 100; i++) admission.round(1_000 + 10 * i);
    expect(come("", 100)).toBe(0);
  });

  it("a client below its part of the room is let in although another fills it", () => {
    const { come, round } = loaded(5, 50);
    for (let i = 0; i < 20; i++) {
      come("greedy", 500);
      round();
    }
    expect(come("greedy", 200)).toBeGreaterThan(100);
    expect(come("modest", 10)).toBe(0);
    expect(come("modest", 400)).toBeGreaterThan(200);
  });

  it("refuses by bytes at once, before anything is known of the rate", () => {
    const admission = new Admission({ queueBytesMax: 3_000, queueWaitMs: 50, retryMs: 77 });
    admission.began("", 500);
    expect([admission.refusal("", 400), admission.refusal("", 500)]).toEqual([null, { retryAfterMs: 77 }]);
    admission.ended("", 500);
    expect(admission.bytes).toBe(0);
  });
});
