import { describe, expect, it } from "vitest";
import { Admission } from "../src/admission.js";
import { World } from "./world.js";

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

  it.each([1, 4])(
    "lets a burst in beside %i who wait for each call before the next: theirs is no rate of the cluster",
    (callers) => {
      const { admission, come, open } = loaded(1, 50);
      come("", callers);
      for (let round = 1; round <= 50; round++) {
        for (const client of open) {
          admission.answered();
          admission.ended(client, 10);
          admission.began(client, 10);
        }
        admission.round(10 * round);
      }
      expect(come("", 10_000)).toBe(0);
    },
  );

  it("forgets how slow the cluster was once calls do not stand any more", () => {
    const { admission, come, open, round } = loaded(0.1, 50);
    for (let i = 0; i < 30; i++) {
      come("", 100);
      round();
    }
    expect(come("", 1_000)).toBe(1_000);
    for (const client of open.splice(1)) admission.ended(client, 10);
    // It is quick again; one caller goes on.
    for (let i = 31; i < 45; i++) {
      admission.answered();
      admission.ended("", 10);
      admission.began("", 10);
      admission.round(10 * i);
    }
    expect(come("", 1_000)).toBe(0);
  });

  it("forgets it also where calls come in waves, which end between two rounds that see them", () => {
    const { admission, come, open, round } = loaded(0.1, 50);
    for (let i = 0; i < 30; i++) {
      come("", 100);
      round();
    }
    for (const client of open.splice(0)) admission.ended(client, 10);
    for (let i = 31; i < 61; i++) {
      const isEnd = i % 3 === 0;
      for (const client of isEnd ? open.splice(0) : []) {
        admission.answered();
        admission.ended(client, 10);
      }
      if (open.length === 0) come("", 12);
      admission.round(10 * i);
    }
    expect(come("", 1_000)).toBe(0);
  });

  it("does not forget it while nobody answers", () => {
    const { admission, come, open, round } = loaded(1, 50);
    for (let i = 0; i < 30; i++) {
      come("", 100);
      round();
    }
    const refused = come("", 10_000);
    expect(refused).toBeGreaterThan(9_000);
    for (const client of open.splice(2)) admission.ended(client, 10);
    for (let i = 31; i < 61; i++) admission.round(10 * i);
    expect(come("", 10_000)).toBeGreaterThan(9_000);
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

it("a burst beside one writer over slow links is taken in whole: it is done as soon as a single call", async () => {
  const world = await World.of(3, 1);
  const leader = world.node(await world.leader());
  world.net.delayMs = 30;
  let over = false;
  const writer = (async () => {
    while (!over) await leader.propose({ add: 1 });
  })();
  await world.clock.run(3_000);
  const beganMs = world.clock.now();
  await world.settle(Promise.all(Array.from({ length: 300 }, () => leader.propose({ add: 1 }))));
  expect(world.clock.now() - beganMs).toBeLessThan(100);
  over = true;
  await world.settle(writer);
  await world.close();
});
