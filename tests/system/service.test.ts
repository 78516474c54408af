import type { Slot } from "@synod/interface";
import { describe, expect, test } from "vitest";
import { type Command, type Query, type Result, step } from "./key-value.js";
import { watch, World, type WorldOptions } from "./world.js";

const put = (key: string, value: string): Command => ({ type: "put", key, value });
const append = (key: string, value: string): Command => ({ type: "append", key, value });
const get = (key: string): Query => ({ type: "get", key });

/** One client, one request after the other, against a map that is used by nobody else. */
async function mix(options: WorldOptions, loss: number): Promise<void> {
  const world = await World.of(3, options);
  world.net.loss = loss;
  const script: (Command | Query)[] = [
    get("missing"),
    put("a", "1"),
    get("a"),
    append("a", "2"),
    append("b", "x"),
    get("b"),
    put("a", "3"),
    append("b", "y"),
    get("a"),
    get("b"),
    get("missing"),
    ...Array.from({ length: 20 }, (_, index) => append(`k${index % 3}`, `${index}`)),
    ...["k0", "k1", "k2"].map(get),
  ];
  const model = new Map<string, Result>();
  for (const [index, input] of script.entries()) {
    const node = world.node((index % 3) + 1);
    const expected = step(model.get(input.key) ?? null, input);
    if (input.type !== "get") model.set(input.key, expected);
    const answer = input.type === "get" ? node.read(input) : node.propose(input);
    expect([input, await world.settle(answer, 120_000)]).toEqual([input, expected]);
  }
  world.net.loss = 0;
  await world.clock.until(() => new Set([...world.nodes.values()].map((node) => node.status().applied)).size === 1);
  const chosen = world.node(1).status().chosenUpTo;
  await world.close();
  await checkDisks(world, chosen);
}

/** Slots 1..k are on a majority of the disks, and nothing is in any slot above. */
async function checkDisks(world: World, chosenUpTo: Slot): Promise<void> {
  const disks = await Promise.all(world.ids.map((id) => world.disk(id).storage().open()));
  const slots = disks.map(({ votes, chosen }) => new Set([...votes, ...chosen].map(({ slot }) => slot)));
  expect(chosenUpTo).toBeGreaterThan(0);
  for (let slot = 1; slot <= chosenUpTo; slot++) {
    expect(slots.filter((held) => held.has(slot)).length, `disks with slot ${slot}`).toBeGreaterThanOrEqual(2);
  }
  for (const held of slots) expect(Math.max(...held)).toBeLessThanOrEqual(chosenUpTo);
}

/** Fifteen clients write one key at the same time, wait for each other, and read it. */
async function rounds(options: WorldOptions, loss: number): Promise<void> {
  const world = await World.of(3, options);
  world.net.loss = loss;
  const clients = Array.from({ length: 15 }, (_, index) => ({ name: `c${index}`, node: (index % 3) + 1 }));
  for (let round = 0; round < 20; round++) {
    const written = clients.map(({ name, node }) => world.put(node, "key", `${name} in ${round}`));
    await world.settle(Promise.all(written), 240_000);
    const read = await world.settle(Promise.all(clients.map(({ node }) => world.get(node, "key"))), 240_000);
    expect(new Set(read).size, `answers in round ${round}: ${read.join()}`).toBe(1);
    expect(read[0]).toMatch(new RegExp(` in ${round}$`));
  }
  await world.close();
}

const patient = { limits: { proposeTimeoutMs: 100_000, readTimeoutMs: 100_000 } };

test("SYS-01: put, append, get and a get of a missing key: every reply is that of a map", () => mix({ seed: 1 }, 0));
test("SYS-07: 15 clients put to one key and read it: all agree, 20 times", () => rounds({ seed: 7 }, 0));
test("SYS-11: SYS-01 and SYS-07 with 20 % of the messages lost", async () => {
  await mix({ seed: 11, ...patient }, 0.2);
  await rounds({ seed: 12, ...patient }, 0.2);
});

describe("partitions", () => {
  test("SYS-03: a put is acknowledged with two of five cut off", async () => {
    const world = await World.of(5);
    world.split([1, 2, 3], [4], [5]);
    expect(await world.settle(world.put(1, "key", "value"))).toBe("value");
    expect(world.machine(4).executed.concat(world.machine(5).executed)).toEqual([]);
    await world.close();
  });

  test("SYS-05: a put with two of five waits, completes once after healing, and is read", async () => {
    const world = await World.of(5, patient);
    world.split([1, 2], [3], [4], [5]);
    const waiting = world.put(1, "key", "value");
    const settled = watch(waiting);
    await world.clock.run(2_000);
    expect(settled()).toBe(false);
    expect(world.ids.flatMap((id) => world.machine(id).executed)).toEqual([]);
    world.heal();
    expect(await world.settle(waiting)).toBe("value");
    expect(await world.settle(world.get(4, "key"))).toBe("value");
    await world.clock.until(() => world.ids.every((id) => world.machine(id).executed.length > 0));
    await world.clock.run(2_000);
    for (const id of world.ids) expect(world.machine(id).executed).toEqual([put("key", "value")]);
    await world.close();
  });

  test("SYS-28: what hangs in a minority is done when its side is a majority, and not before", async () => {
    const world = await World.of(5, patient);
    await world.settle(world.put(3, "key", "14"));
    world.split([3, 4, 5], [1, 2]);
    const [hangingPut, hangingGet] = [world.put(1, "key", "15"), world.get(2, "key")];
    const [putSettled, getSettled] = [watch(hangingPut), watch(hangingGet)];
    await world.clock.run(1_000);
    expect(await world.settle(world.get(3, "key"))).toBe("14");
    expect(await world.settle(world.put(5, "key", "16"))).toBe("16");
    await world.clock.run(1_000);
    expect([putSettled(), getSettled()]).toEqual([false, false]);

    world.split([1, 3, 4, 5], [2]);
    expect(await world.settle(hangingPut)).toBe("15");
    await world.clock.run(1_000);
    expect(getSettled()).toBe(false);
    expect(await world.settle(world.get(5, "key"))).toBe("15");

    world.split([1, 2, 3], [4, 5]);
    expect(await world.settle(hangingGet)).toBe("15");
    expect(await world.settle(world.get(1, "key"))).toBe("15");
    await world.close();
  });
});
