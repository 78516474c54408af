import { expect, test } from "vitest";
import type { NodeEvent } from "../src/index.js";
import { World } from "./world.js";

/** From now on the storage of a node finds only this much, and damage that may hide votes up to `upTo`. */
function damage(world: World, id: number, upTo: number): void {
  const disk = world.disk(id);
  const whole = disk.storage.bind(disk);
  disk.storage = () => {
    const storage = whole();
    return {
      ...storage,
      open: async (options) => {
        const found = await storage.open(options);
        const places = [{ file: "/store/wal-1", offset: 512, what: "batch 3 is unreadable" }];
        return { ...found, votes: [], chosen: [], chosenUpTo: 0, damage: { upTo, places } };
      },
    };
  };
}

test("a node with a damaged log learns, says why it does not vote, and votes again once it is repaired", async () => {
  const world = await World.of(3);
  const leader = world.node(await world.leader());
  for (let add = 1; add <= 5; add++) await world.settle(leader.propose({ add }));
  const victim = world.ids.find((id) => id !== leader.id) ?? 0;
  const { chosenUpTo } = leader.status();
  await world.crash(victim);
  // One slot more than there are: it is repaired by the next command.
  damage(world, victim, chosenUpTo + 1);
  const node = await world.boot(victim);
  const events: NodeEvent[] = [];
  void (async () => {
    for await (const event of node.events()) events.push(event);
  })();
  expect(node.status()).toMatchObject({ voting: false, chosenUpTo: 0 });
  expect(node.status().notVotingReason).toMatch(
    /\/store\/wal-1 at byte 512.*up to slot \d+ is chosen.*replace the node/,
  );

  await world.clock.until(() => node.status().applied >= chosenUpTo);
  expect(world.machine(victim).total).toBe(15);
  expect(node.status().voting).toBe(false);
  // It serves reads and takes commands all the same.
  const total = node.read("total");
  const result = node.propose({ add: 100 });
  await world.clock.until(() => node.status().voting);
  expect(await world.settle(total)).toBeGreaterThanOrEqual(15);
  expect(await world.settle(result)).toBe(115);
  await world.clock.run(50);
  expect(node.status().notVotingReason).toBeNull();
  expect(events).toContainEqual({ kind: "votesAgain", upTo: chosenUpTo + 1 });

  // The others need it now.
  const other = world.ids.find((id) => id !== leader.id && id !== victim) ?? 0;
  await world.crash(other);
  expect(await world.settle(leader.propose({ add: 1000 }))).toBe(1115);
  await world.close();
});
