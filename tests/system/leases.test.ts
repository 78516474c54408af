import { expect, test } from "vitest";
import { World } from "./world.js";

const LEASE = { durationMs: 8_000, driftPercent: 25 };

/**
 * A leader stands still, another one is elected as soon as the grants are over, and takes a command. Then the first one goes on,
 * and serves reads that waited before it looks at its clock. Returns what they see.
 */
async function readAfterPause(options: {
  lease: boolean;
  rate: number;
  pauseMs?: number;
}): Promise<{ seen: unknown[]; world: World }> {
  const world = await World.of(3, {
    seed: 7,
    limits: { proposeTimeoutMs: 60_000 },
    ...(options.lease && { lease: LEASE }),
  });
  const leader = await world.leader();
  const [other = 0] = world.ids.filter((id) => id !== leader);
  await world.settle(world.put(leader, "key", "old"));
  world.process(leader).run(options.rate);
  // Just renewed.
  const left = (): number => world.node(leader).status().leaseLeftMs ?? 0;
  if (options.lease) await world.clock.until(() => left() > 0.73 * LEASE.durationMs);
  const startMs = world.clock.now();
  world.process(leader).pause();
  await world.settle(world.put(other, "key", "new"), 60_000);
  await world.clock.run(Math.max(0, startMs + (options.pauseMs ?? 0) - world.clock.now()));
  world.delivered.clear();
  const reads = [1, 2, 3].map(() => world.get(leader, "key"));
  world.process(leader).resume();
  const seen = await world.settle(Promise.all(reads));
  await world.close();
  return { seen, world };
}

test("SYS-55: after the leader stood still for 3 lease times the first reads ask a quorum", async () => {
  const { seen, world } = await readAfterPause({ lease: true, rate: 1, pauseMs: 3 * LEASE.durationMs });
  expect(seen).toEqual(["new", "new", "new"]);
  expect((world.delivered.get("confirm") ?? 0) + (world.delivered.get("readIndexAsk") ?? 0)).toBeGreaterThan(0);
});

test("SYS-57: a clock at twice the bound makes a stale read reachable with leases", async () => {
  const { seen } = await readAfterPause({ lease: true, rate: 0.5 });
  expect(seen[0]).toBe("old");
});

test.each([
  ["a clock at the bound", { lease: true, rate: 0.75 }],
  ["a clock at twice the bound, without leases", { lease: false, rate: 0.5 }],
])("SYS-57: %s does not", async (_, options) => {
  const { seen } = await readAfterPause(options);
  expect(seen[0]).toBe("new");
});
