import { SynodError } from "@synod/interface";
import { expect, it } from "vitest";
import { seeded, World } from "./world.js";

/** SYNOD_SEEDS=5000 SYNOD_START=1 npx vitest run --project node chaos */
const SEEDS = Number(process.env["SYNOD_SEEDS"] ?? 60);
const START = Number(process.env["SYNOD_START"] ?? 1);

interface Tally {
  acknowledged: number[];
  refused: Set<number>;
  attempted: number;
  open: number;
}

/** Each command adds its own number, so that every execution can be told apart. */
function propose(world: World, id: number, tally: Tally): void {
  const node = world.nodes.get(id);
  if (node === undefined) return;
  const add = ++tally.attempted;
  tally.open++;
  node.propose({ add }).then(
    () => {
      tally.open--;
      tally.acknowledged.push(add);
    },
    (error: unknown) => {
      tally.open--;
      if (!(error instanceof SynodError)) throw error;
      if (error.code === "NotProposed") tally.refused.add(add);
    },
  );
}

async function read(world: World, id: number, tally: Tally): Promise<void> {
  const node = world.nodes.get(id);
  if (node === undefined) return;
  const known = [...tally.acknowledged];
  tally.open++;
  await node.read("total").then(
    () => {
      tally.open--;
      const applied = new Set(world.machine(id).applied);
      const missed = known.filter((add) => !applied.has(add));
      if (missed.length > 0) throw new Error(`a read at node ${id} missed ${missed.join(", ")}`);
    },
    () => {
      tally.open--;
    },
  );
}

async function run(seed: number): Promise<void> {
  const random = seeded(seed);
  const chance = (): number => random.uint32() / 2 ** 32;
  const pick = (count: number): number => Math.floor(chance() * count);
  const size = [3, 3, 5][pick(3)] ?? 3;
  const world = await World.of(size, seed, { proposeTimeoutMs: 3_000, readTimeoutMs: 3_000 });
  world.net.chance = chance;
  world.net.jitterMs = [0, 2, 30][pick(3)] ?? 0;
  world.net.loss = [0, 0.02, 0.2][pick(3)] ?? 0;
  world.net.doubling = [0, 0.3][pick(2)] ?? 0;
  const tally: Tally = { acknowledged: [], refused: new Set(), attempted: 0, open: 0 };
  const reads: Promise<void>[] = [];
  const majority = Math.floor(size / 2) + 1;
  for (let step = 0; step < 60; step++) {
    const id = 1 + pick(size);
    const dice = chance();
    if (dice < 0.5) for (let i = pick(4); i >= 0; i--) propose(world, id, tally);
    else if (dice < 0.7) reads.push(read(world, id, tally));
    else if (dice < 0.76 && world.nodes.size > majority) await world.crash(id).catch(() => undefined);
    else if (dice < 0.86) {
      const down = world.ids.find((other) => !world.nodes.has(other));
      if (down !== undefined) await world.boot(down);
    } else if (dice < 0.91) world.net.cut(id, 1 + pick(size));
    else if (dice < 0.94) world.net.isolate(id);
    else world.net.heal();
    await world.clock.run(chance() * 120);
  }
  world.net.heal();
  world.net.loss = 0;
  for (const id of world.ids) if (!world.nodes.has(id)) await world.boot(id);
  await world.clock.until(() => tally.open === 0);
  await Promise.all(reads);
  for (const id of world.ids) propose(world, id, tally);
  await world.clock.until(() => tally.open === 0);
  const longest = (): number => Math.max(...world.ids.map((id) => world.node(id).status().applied));
  await world.clock.until(() => world.ids.every((id) => world.node(id).status().applied === longest()));

  const [first] = world.ids;
  const log = world.machine(first ?? 1).applied;
  for (const id of world.ids) {
    expect(world.machine(id).applied, `seed ${seed}: node ${id}`).toEqual(log);
    expect(world.node(id).status().failure).toBeNull();
  }
  expect(new Set(log).size, `seed ${seed}: executed twice`).toBe(log.length);
  for (const add of tally.acknowledged) expect(log, `seed ${seed}: lost`).toContain(add);
  for (const add of tally.refused) expect(log, `seed ${seed}: refused and yet executed`).not.toContain(add);
  await world.close();
}

it(`keeps its promises through crashes, cuts, loss and doubling: ${SEEDS} seeds from ${START}`, {
  timeout: 600_000,
}, async () => {
  for (let seed = START; seed < START + SEEDS; seed++) {
    await run(seed).catch((cause: unknown) => {
      throw new Error(`seed ${seed}`, { cause });
    });
  }
});
