// Logged time goes no faster than time goes by, whoever writes it: whoever holds a lease counts from when it asked for it.
import type { ApplyContext } from "@synod/interface";
import { expect, it } from "vitest";
import { World } from "./world.js";

/** Clocks are equal here: what is left is how long a batch takes to all members. */
const DELAY_MS = 25;

/** The logged time of each addend, by node. */
function timesOf(world: World, id: number): Map<number, number> {
  const times = new Map<number, number>();
  const machine = world.machine(id);
  const apply = machine.apply.bind(machine);
  machine.apply = (command, context) => {
    if ("add" in command) times.set(command.add, (context as ApplyContext).timeMs);
    return apply(command, context);
  };
  return times;
}

it("also where what a leader logged while it was cut off is chosen after what the next one logged", async () => {
  const world = await World.of(3);
  const first = await world.leader();
  for (const id of world.ids) await world.settle(world.node(id).propose({ add: 0 }));
  const times = timesOf(world, first);
  await world.clock.run(20_000);

  const others = world.ids.filter((id) => id !== first);
  for (const id of others) world.net.cut(first, id);
  const lost: Promise<unknown>[] = [];
  for (let i = 0; i < 10; i++) {
    lost.push(
      world
        .node(first)
        .propose({ add: 100 + i })
        .catch(() => null),
    );
    await world.clock.run(4);
  }
  const second = await world.leader([first]);
  const askedMs = world.clock.now();
  await world.settle(world.node(second).propose({ add: 1 }));
  await world.clock.run(100);
  await world.crash(second);
  world.net.heal();
  await world.settle(world.node(await world.leader([second])).propose({ add: 2 }));
  await world.settle(Promise.all(lost));
  await world.clock.until(() => times.has(2));

  // One of those that were logged behind its back, and chosen after all.
  expect([...times.keys()].slice(0, 2)).toEqual([1, 101]);
  const between = (times.get(2) ?? Number.NaN) - (times.get(1) ?? Number.NaN);
  expect(between).toBeLessThan(world.clock.now() - askedMs + DELAY_MS);
  await world.close();
});
