import { expect, test } from "vitest";
import { World } from "./world.js";

const EVERY = 16;
const limits = { digestEverySlots: EVERY };

async function appends(world: World, id: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await world.settle(world.append(id, "key", "."));
}

/** One bit of the state is another one, in memory that no command touches. */
function flip(world: World, id: number): void {
  world.machine(id).values.set("untouched", "b");
}

test("SYS-47: one bit of one replica flips: it names the slots and stops; started again it agrees", async () => {
  const world = await World.of(3, { limits });
  const leader = await world.leader();
  await world.settle(world.put(leader, "untouched", "a"));
  await appends(world, leader, 2 * EVERY);
  const victim = world.ids.find((id) => id !== leader) ?? 0;
  const differ = world.node(leader).events()[Symbol.asyncIterator]();
  const agreed = Math.floor(world.node(leader).status().applied / EVERY) * EVERY;
  flip(world, victim);
  await appends(world, leader, EVERY + 1);
  await world.clock.until(() => world.node(victim).status().state === "failed");
  const { failure } = world.node(victim).status();
  expect(failure?.code).toBe("StateDiverged");
  expect(failure?.details).toMatchObject({ firstSlot: agreed + 1, lastSlot: agreed + EVERY });
  // It serves nobody any more; the others go on, and know who was wrong.
  await expect(world.settle(world.node(victim).read({ type: "get", key: "untouched" }))).rejects.toMatchObject({
    code: "Closed",
  });
  expect((await world.settle(differ.next())).value).toMatchObject({
    kind: "statesDiffer",
    outcome: "othersDiffer",
    peers: [victim],
    firstSlot: agreed + 1,
    lastSlot: agreed + EVERY,
  });
  expect(world.ids.filter((id) => world.node(id).status().state === "running")).toHaveLength(2);

  // Its state is made anew from the log.
  await world.stop(victim);
  await world.boot(victim);
  await appends(world, leader, EVERY + 1);
  await world.clock.run(2_000);
  expect(world.node(victim).status().state).toBe("running");
  expect(world.machine(victim).values.get("untouched")).toBe("a");
  await world.close();
});

test("SYS-47: with no majority it is an alarm only", async () => {
  const world = await World.of(2, { limits });
  const leader = await world.leader();
  await world.settle(world.put(leader, "untouched", "a"));
  await appends(world, leader, EVERY);
  const alarms = world.ids.map((id) => world.node(id).events()[Symbol.asyncIterator]());
  flip(world, leader);
  await appends(world, leader, EVERY);
  await world.clock.run(2_000);
  for (const alarm of alarms) {
    expect((await world.settle(alarm.next())).value).toMatchObject({ kind: "statesDiffer", outcome: "undecided" });
  }
  expect(world.ids.map((id) => world.node(id).status().state)).toEqual(["running", "running"]);
  await world.close();
});
