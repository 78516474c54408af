// What the members change under: snapshots, leases, digests, versions, the metrics, the end of a leadership.
import type { Configuration, Metrics } from "@synod/interface";
import { describe, expect, it } from "vitest";
import type { MembershipChange, NodeLimits } from "../src/index.js";
import { World } from "./world.js";

const SMALL: Partial<NodeLimits> = { snapshotLogBytes: 2_000, snapshotTailBytesMax: 1, snapshotChunkBytes: 512 };
/** A short window: a change takes that many slots. */
const ALPHA = 8;

async function change(world: World, asked: MembershipChange, except: number[] = []): Promise<Configuration> {
  const leader = await world.leader(except);
  return world.settle(world.node(leader).changeMembership(asked), 60_000);
}

async function work(world: World, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const leader = await world.leader();
    await world.settle(world.node(leader).propose({ add: 1 }));
  }
}

const voters = ({ members }: Configuration): number[] =>
  members.filter(({ role }) => role === undefined).map(({ id }) => id);

/** Removes a node that is not needed for it, and throws its disk away. */
async function remove(world: World, id: number): Promise<void> {
  await change(world, { kind: "remove", id });
  await world.nodes.get(id)?.close();
  world.nodes.delete(id);
  world.disks.delete(id);
}

describe("members and snapshots", () => {
  it("who joins behind a snapshot knows from it who the members are, and so does who starts from one", async () => {
    const world = await World.of(3, 1, SMALL, { alpha: ALPHA });
    await world.join(4);
    await change(world, { kind: "add", member: { id: 4 } });
    await remove(world, 1);
    await work(world, 60);
    await world.clock.run(500);
    // The log that tells of the changes is gone everywhere.
    for (const id of [2, 3, 4]) expect(world.disk(id).dropped).toBeGreaterThan(40);
    const joined = await world.join(5, true, { contacts: [2] });
    expect(joined.status().peers.map(({ id }) => id)).not.toContain(4);
    expect(voters(await change(world, { kind: "add", member: { id: 5 } }))).toEqual([2, 3, 4, 5]);
    await world.clock.until(() => world.machine(5).total === 60, 60_000);
    expect(world.disk(5).snapshot).not.toBeNull();
    await world.clock.run(500);
    const heard = (): number[] =>
      world
        .node(5)
        .status()
        .peers.filter((peer) => peer.heard)
        .map(({ id }) => id)
        .sort((a, b) => a - b);
    expect(heard()).toEqual([2, 3, 4]);
    expect(joined.status()).toMatchObject({ membership: { epoch: 6, change: null, removed: null } });
    // Its own snapshots tell the same.
    await world.settle(joined.snapshot());
    await world.crash(5);
    await world.settle(world.boot(5, false, { contacts: [] }));
    expect(voters(world.node(5).status().configuration)).toEqual([2, 3, 4, 5]);
    expect(world.node(5).status().membership.epoch).toBe(6);
    await world.clock.run(500);
    expect(heard()).toEqual([2, 3, 4]);
    // Node 1 was a founder, and its id is still not to be had.
    await expect(change(world, { kind: "add", member: { id: 1 } })).rejects.toMatchObject({ code: "IdRetired" });
    await world.close();
  });

  it("a member that was away during two changes and the snapshot behind them comes back to the right ones", async () => {
    const world = await World.of(3, 2, SMALL, { alpha: ALPHA });
    const away = (await world.leader()) === 3 ? 2 : 3;
    await world.crash(away);
    await world.join(4);
    await change(world, { kind: "add", member: { id: 4 } });
    await work(world, 60);
    await world.settle(world.boot(away));
    await world.clock.until(() => world.machine(away).total === 60, 60_000);
    await world.clock.run(500);
    const { configuration, membership } = world.node(away).status();
    expect(voters(configuration)).toEqual([1, 2, 3, 4]);
    expect(membership).toMatchObject({ epoch: 3, change: null });
    await world.close();
  });
});

describe("members and leases", () => {
  it("a change keeps the terms, and leaders of the new members have leases", async () => {
    const lease = { durationMs: 500, driftPercent: 1.5 };
    const world = await World.of(3, 1, {}, { lease, alpha: ALPHA });
    await world.join(4);
    expect(await change(world, { kind: "add", member: { id: 4 } })).toMatchObject({ lease, alpha: ALPHA });
    await change(world, { kind: "setQuorum", quorum: { kind: "sizes", phase1: 3, phase2: 2 } });
    await remove(world, await world.leader());
    const left = world.node(await world.leader());
    expect(left.status().configuration).toMatchObject({ epoch: 5, lease, quorum: { kind: "sizes" } });
    await world.clock.until(() => (left.status().leaseLeftMs ?? 0) > 100);
    await world.settle(left.propose({ add: 7 }));
    for (const id of world.nodes.keys()) world.net.isolate(id);
    expect(await world.settle(left.read("total"), 0)).toBe(7);
    await world.close();
  });
});

describe("members and digests of the state", () => {
  it("the majority is one of the members of now, whoever founded the cluster", async () => {
    const world = await World.of(1, 1, { digestEverySlots: 2 }, { alpha: ALPHA });
    for (const id of [2, 3]) {
      await world.join(id);
      await change(world, { kind: "add", member: { id } });
    }
    await work(world, 4);
    world.machine(1).total ^= 1024;
    const founder = world.node(1);
    for (let i = 0; i < 6 && founder.status().state === "running"; i++) {
      const leader = await world.leader();
      await world.settle(
        world
          .node(leader)
          .propose({ add: 1 })
          .catch(() => 0),
      );
      await world.clock.run(50);
    }
    expect(founder.status().failure?.code).toBe("StateDiverged");
    expect([2, 3].map((id) => world.node(id).status().state)).toEqual(["running", "running"]);
    await world.close();
  });

  it("a learner holds itself against the voters, and does not count", async () => {
    const world = await World.of(1, 1, { digestEverySlots: 2 }, { alpha: ALPHA });
    for (const id of [2, 3]) {
      await world.join(id);
      await change(world, { kind: "add", member: { id }, as: "learner" });
    }
    await work(world, 4);
    await world.clock.run(100);
    for (const id of [2, 3]) world.machine(id).total ^= 1024;
    await work(world, 6);
    await world.clock.run(100);
    expect([2, 3].map((id) => world.node(id).status().failure?.code)).toEqual(["StateDiverged", "StateDiverged"]);
    expect(world.node(1).status().state).toBe("running");
    await world.close();
  });
});

describe("members and versions", () => {
  it("a member that is down holds a raise back until it is removed; one that joins has to support what is raised", async () => {
    const world = new World(3, 1, {}, { alpha: ALPHA });
    for (const id of world.ids) await world.boot(id, true, { version: id === 3 ? 1 : 2 });
    const inForce = (): number => world.node(1).status().versions.inForce.machine;
    await world.clock.run(2_000);
    await world.crash(3);
    await world.clock.run(2_000);
    expect([inForce(), world.node(1).status().versions.heldBackBy]).toEqual([1, [3]]);
    await change(world, { kind: "remove", id: 3 });
    await world.clock.until(() => inForce() === 2);
    expect(world.node(1).status().versions.heldBackBy).toEqual([]);
    // Nothing above that while a member lacks it.
    await world.join(4, true, { version: 2 });
    await change(world, { kind: "add", member: { id: 4 } });
    for (const id of [1, 2]) {
      await world.crash(id);
      await world.boot(id, false, { version: 3 });
      await world.leader();
    }
    await world.clock.run(2_000);
    expect([inForce(), world.node(1).status().versions.heldBackBy]).toEqual([2, [4]]);
    await world.close();
  });
});

describe("members and what the operator sees", () => {
  it("a removed peer is not connected any more, and does not count", async () => {
    const seen = new Map<string, number>();
    const nothing = (): void => undefined;
    const metrics: Metrics = {
      count: nothing,
      observe: nothing,
      gauge: (name, value, labels = {}) => void seen.set(`${name} ${labels["peer"] ?? ""}`, value),
    };
    const world = new World(3, 1, {}, { alpha: ALPHA });
    for (const id of world.ids) await world.boot(id, true, id === 1 ? { metrics } : {});
    await world.clock.run(1_000);
    expect([seen.get("synod_peer_connected 3"), seen.get("synod_peer_heard 3")]).toEqual([1, 1]);
    await remove(world, 3);
    await world.clock.run(1_000);
    for (const id of [1, 2]) expect(world.node(id).status().peers).toHaveLength(1);
    expect([seen.get("synod_peer_connected 3"), seen.get("synod_peer_heard 3")]).toEqual([0, 0]);
    await world.join(4);
    await change(world, { kind: "add", member: { id: 4 } });
    await world.clock.run(1_000);
    expect([seen.get("synod_peer_connected 3"), seen.get("synod_peer_heard 3")]).toEqual([0, 0]);
    expect(seen.get("synod_peer_heard 4")).toBe(1);
    expect(seen.get("synod_configuration_epoch ")).toBe(4);
    const { reason, peers } = world.node(await world.leader()).status();
    expect(reason).toBe("leads: 3 of 3 members heard, 2 are needed");
    expect(peers).toHaveLength(2);
    await world.close();
  });

  it("a learner does not count among those heard, and says that it is no voter", async () => {
    const world = await World.of(2, 1, {}, { alpha: ALPHA });
    const learner = await world.join(3);
    await change(world, { kind: "add", member: { id: 3 }, as: "learner" });
    await world.clock.run(500);
    expect(world.node(await world.leader()).status().reason).toBe("leads: 2 of 2 members heard, 2 are needed");
    world.net.isolate(3);
    await world.clock.run(2_000);
    expect(learner.status().reason).toBe("waits: this node is no voter; 0 of 2 members heard, 2 are needed");
    await world.close();
  });
});

describe("members and the end of a leadership", () => {
  it("a leader that is removed tells another one to go on before it is missed", async () => {
    for (let seed = 1; seed <= 5; seed++) {
      const world = await World.of(3, seed, {}, { alpha: ALPHA });
      const node = world.node(await world.leader());
      await world.clock.run(500);
      await world.settle(node.changeMembership({ kind: "remove", id: node.id }));
      await world.clock.until(() => node.status().state === "removed");
      const removedMs = world.clock.now();
      await world.leader();
      // An eighth of an election timeout: nobody had to wait for one.
      expect(world.clock.now() - removedMs).toBeLessThan(250 / 8);
      await world.close();
    }
  });

  it("hands over to voters only: a learner is no target, and a leader that closes leaves it out", async () => {
    const world = await World.of(2, 1, {}, { alpha: ALPHA });
    await world.join(3);
    await change(world, { kind: "add", member: { id: 3 }, as: "learner" });
    const leader = await world.leader();
    const other = leader === 1 ? 2 : 1;
    await expect(world.node(leader).transferLeadership({ to: 3 })).rejects.toMatchObject({ code: "InvalidArgument" });
    await world.join(4);
    await change(world, { kind: "add", member: { id: 4 } });
    expect(await world.settle(world.node(leader).transferLeadership({ to: 4 }))).toBe(4);
    await world.settle(world.node(4).close());
    world.nodes.delete(4);
    expect([leader, other]).toContain(await world.leader());
    await world.close();
  });
});
