import { messageCodec } from "@synod/codec-msgpack";
import { SynodError } from "@synod/interface";
import { expect, test } from "vitest";
import { heapBytes } from "../../packages/node/test/memory.js";
import { World } from "./world.js";

/** What one load came to. */
interface Load {
  /** Milliseconds of the requests that were answered, ascending. */
  readonly answered: number[];
  /** How many were refused, the longest time that this took, and what they were told. */
  refused: number;
  refusedMs: number;
  readonly retryAfterMs: [min: number, max: number];
  readonly others: string[];
}

const percentile = (sorted: readonly number[], share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;

/** Requests at a fixed rate, whatever becomes of them: clients that do not wait for each other. */
async function offer(
  world: World,
  id: number,
  options: { everyMs: number; each: number; forMs: number },
): Promise<Load> {
  const load: Load = { answered: [], refused: 0, refusedMs: 0, retryAfterMs: [Infinity, 0], others: [] };
  const { clock } = world;
  const endMs = clock.now() + options.forMs;
  let open = 0;
  let over = false;
  const tick = (): void => {
    if (clock.now() >= endMs) {
      over = true;
      return;
    }
    for (let i = 0; i < options.each; i++) {
      const startMs = clock.now();
      open++;
      world
        .put(id, `k${i}`, "x")
        .then(
          () => void load.answered.push(clock.now() - startMs),
          (error: unknown) => {
            if (!(error instanceof SynodError) || error.code !== "Busy") load.others.push(String(error));
            else {
              const [min, max] = load.retryAfterMs;
              const retryAfterMs = Number(error.details["retryAfterMs"]);
              load.refused++;
              load.refusedMs = Math.max(load.refusedMs, clock.now() - startMs);
              load.retryAfterMs.splice(0, 2, Math.min(min, retryAfterMs), Math.max(max, retryAfterMs));
            }
          },
        )
        .finally(() => open--);
    }
    clock.timer(options.everyMs, tick);
  };
  clock.soon(tick);
  await clock.until(() => over && open === 0, options.forMs + 30_000);
  load.answered.sort((a, b) => a - b);
  return load;
}

/** A cluster that can do 4 commands in 15 ms or so: one command a batch, a window of 4 slots, disks and links that take their time. */
async function slow(seed: number): Promise<World> {
  const world = await World.of(3, {
    seed,
    alpha: 4,
    codec: messageCodec(),
    limits: {
      electionTimeoutMs: 1_000,
      batchBytesMax: 1,
      queueWaitMs: 40,
      queueBytesMax: 16 * 1024 * 1024,
      // So that what stays of the log is little beside what waits.
      snapshotLogBytes: 64 * 1024,
      snapshotTailBytesMax: 16 * 1024,
    },
  });
  world.net.delayMs = 4;
  for (const id of world.ids) world.disk(id).delayMs = 4;
  return world;
}

/** Three nodes with all that they keep, and what is under way at any moment: 1.4 MiB was measured. */
const HEAP_GROWTH_MAX = 4 * 1024 * 1024;

/** Looks at the heap each 10 s of virtual time, with the garbage collected. */
async function heapAtWork(world: World): Promise<{ growth(): Promise<readonly number[]> }> {
  const { clock } = world;
  const looks: Promise<number>[] = [];
  const look = (): void => {
    // The state machine of these tests remembers every command.
    for (const machine of world.machines.values()) machine.executed.length = 0;
    looks.push(heapBytes());
  };
  const again = (): void => {
    look();
    clock.timer(10_000, again);
  };
  again();
  const [before = 0] = await Promise.all(looks);
  return {
    growth: async () => {
      look();
      return (await Promise.all(looks.slice(1))).map((bytes) => bytes - before);
    },
  };
}

const QUEUES = ["own", "leader", "apply"] as const;

test("SYS-59: ten times the load for 60 s: bounded memory, the excess refused at once, the accepted fast", async () => {
  const world = await slow(59);
  const leader = await world.leader();
  await world.settle(world.put(leader, "k", "v"));

  // How much it can do, and what a request takes when there is no other.
  const alone = await offer(world, leader, { everyMs: 50, each: 1, forMs: 5_000 });
  const full = await offer(world, leader, { everyMs: 5, each: 20, forMs: 4_000 });
  const perMs = full.answered.length / 4_000;
  expect(alone.refused).toBe(0);
  expect(full.refused).toBeGreaterThan(0);

  let bytes = 0;
  const watch = (): void => {
    for (const id of world.ids) {
      const { queues } = world.node(id).status();
      for (const queue of QUEUES) bytes = Math.max(bytes, queues[queue].bytes);
    }
    world.clock.timer(10, watch);
  };
  watch();
  const heap = await heapAtWork(world);
  const load = await offer(world, leader, { everyMs: 5, each: Math.ceil(50 * perMs), forMs: 60_000 });
  const growth = await heap.growth();
  expect(load.others).toEqual([]);
  // It does as much as before, under ten times the load.
  expect(load.answered.length / 60_000).toBeGreaterThan(0.8 * perMs);
  expect(load.refused).toBeGreaterThan(5 * load.answered.length);
  expect(load.refusedMs).toBe(0);
  expect(load.retryAfterMs[0]).toBeGreaterThan(0);
  expect(load.retryAfterMs[1]).toBeLessThanOrEqual(1_000);
  expect(alone.answered.length).toBeGreaterThanOrEqual(99);
  expect(percentile(load.answered, 0.99)).toBeLessThan(5 * percentile(alone.answered, 0.99));
  expect(bytes).toBeLessThan(1024 * 1024);
  expect(growth.length).toBeGreaterThanOrEqual(6);
  expect(Math.max(...growth)).toBeLessThan(HEAP_GROWTH_MAX);
  expect(world.node(leader).status().elections.won).toBe(1);
  await world.close();
}, 120_000);

test("SYS-59: a greedy node does not starve a modest one", async () => {
  const world = await slow(60);
  const leader = await world.leader();
  const [greedy = 0, modest = 0] = world.ids.filter((id) => id !== leader);
  for (const id of world.ids) await world.settle(world.put(id, "k", "v"));
  const alone = await offer(world, modest, { everyMs: 50, each: 1, forMs: 5_000 });
  const [much, little] = await Promise.all([
    offer(world, greedy, { everyMs: 5, each: 30, forMs: 10_000 }),
    offer(world, modest, { everyMs: 50, each: 1, forMs: 10_000 }),
  ]);
  expect(much.refused).toBeGreaterThan(0);
  expect([little.refused, little.others]).toEqual([0, []]);
  expect(little.answered.length).toBeGreaterThanOrEqual(199);
  expect(percentile(little.answered, 0.99)).toBeLessThan(3 * percentile(alone.answered, 0.99));
  await world.close();
}, 60_000);
