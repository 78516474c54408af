import { afterEach, expect, test } from "vitest";
import { World } from "./support.js";

let world: World;
afterEach(async () => {
  await world.close();
});

test("a watch at a node that is cut off goes on elsewhere", { timeout: 60_000 }, async () => {
  world = await World.of(3, { serve: { limits: { leaderlessMs: 2_000 } } });
  const { node: leading } = await world.leader();
  const cut = world.members.find(({ node }) => node !== leading);
  const others = world.members.filter((member) => member !== cut);
  if (cut === undefined) throw new Error("no follower");
  const client = await world.connect({ servers: [cut.server.address] });
  const watch = client.watch({ op: "history", from: 0 });
  const first = watch.next();
  await leading.propose({ op: "add", key: "a", by: 1 });
  expect((await first).value?.answer).toEqual(["a=1"]);
  // The same client knows the others, too, but the watch is at the one that is cut off now.
  const everywhere = await world.connect();
  const watches = Array.from({ length: 6 }, () => everywhere.watch({ op: "history", from: 1 }));
  const next = watches.map((one) => one.next());
  await expect.poll(() => cut.server.status().watches, { timeout: 10_000 }).toBeGreaterThan(0);
  for (const { node } of others) world.network.cut(cut.node.id, node.id);
  await leading.propose({ op: "add", key: "a", by: 1 });
  for (const { value } of await Promise.all(next)) expect(value?.answer).toEqual(["a=2"]);
});
