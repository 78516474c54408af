import { afterEach, describe, expect, test } from "vitest";
import { World } from "./support.js";

let world: World;
afterEach(() => world.close());

describe("a client of three nodes", () => {
  test("proposes, reads and watches", async () => {
    world = await World.of(3);
    const client = await world.connect();
    expect(await client.propose({ op: "add", key: "a", by: 2 })).toBe(2);
    expect(await client.propose({ op: "add", key: "a", by: 3 })).toBe(5);
    expect(await client.read({ op: "get", key: "a" })).toBe(5);
    const seen: unknown[] = [];
    for await (const { answer } of client.watch({ op: "history", from: 1 })) {
      seen.push(answer);
      break;
    }
    expect(seen).toEqual([["a=5"]]);
    expect(client.status()).toMatchObject({ state: "connected", calls: 0 });
  });

  test("administers", async () => {
    world = await World.of(3);
    const client = await world.connect();
    const leader = await world.leader();
    await client.propose({ op: "add", key: "a", by: 2 });
    const status = await client.admin.status(world.addresses[0]);
    expect(status).toMatchObject({ id: 1, state: "running", clusterId: "orders" });
    const to = (leader.node.id % 3) + 1;
    expect(await client.admin.transferLeadership({ to })).toBe(to);
    expect(await client.admin.snapshot()).toMatchObject({ index: expect.any(Number) });
    const changed = await client.admin.changeMembership({
      kind: "setQuorum",
      quorum: { kind: "sizes", phase1: 2, phase2: 2 },
    });
    expect(changed.quorum).toEqual({ kind: "sizes", phase1: 2, phase2: 2 });
  });
});
