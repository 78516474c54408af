// What is left of a node that has ended, and of members that have left.
import type { Metrics } from "@synod/interface";
import { describe, expect, it } from "vitest";
import { membersOf } from "../src/membership.js";
import { Peers } from "../src/peers.js";
import { World } from "./world.js";

const LEASE = { durationMs: 500, driftPercent: 1 };

/** Gauges as an operator sees them. */
function gauges(): { readonly metrics: Metrics; readonly seen: Map<string, number> } {
  const seen = new Map<string, number>();
  const nothing = (): void => undefined;
  const gauge: Metrics["gauge"] = (name, value, labels = {}) =>
    void seen.set([name, ...Object.values(labels)].join(" "), value);
  return { metrics: { count: nothing, observe: nothing, gauge }, seen };
}

describe("a leader that ended", () => {
  it.each(["closed", "failed"] as const)("is no leader in its status and its gauges: %s", async (state) => {
    const { metrics, seen } = gauges();
    const world = new World(1, 1, {}, { lease: LEASE });
    await world.boot(1, true, { metrics });
    await world.leader();
    await world.clock.until(() => seen.get("synod_is_leader") === 1);
    const node = world.node(1);
    if (state === "closed") await node.close({ transferTimeoutMs: 0 });
    else {
      world.machine(1).apply = () => {
        throw new Error("a bug");
      };
      const lost = node.propose({ add: 1 });
      lost.catch(() => undefined);
      await world.clock.until(() => node.status().state === "failed");
    }
    expect(node.status()).toMatchObject({ state, role: "follower", leader: null, ballot: null, verdict: "wait" });
    expect(node.status()).toMatchObject({ content: false, leaseLeftMs: null });
    expect(node.status().reason).toMatch(state === "closed" ? /^closed$/ : /^failed: .*Error: a bug$/s);
    expect([seen.get("synod_is_leader"), seen.get("synod_leader_id"), seen.get("synod_content")]).toEqual([0, 0, 0]);
    expect([seen.get("synod_verdict leading"), seen.get("synod_verdict wait")]).toEqual([0, 1]);
    await world.close();
  });

  it("sees no peers any more", async () => {
    const { metrics, seen } = gauges();
    const world = new World(3);
    for (const id of world.ids) await world.boot(id, true, id === 1 ? { metrics } : {});
    await world.leader();
    await world.clock.until(() => seen.get("synod_peer_heard 2") === 1);
    const node = world.node(1);
    await world.settle(node.close({ transferTimeoutMs: 0 }));
    for (const peer of node.status().peers) expect(peer).toMatchObject({ connected: false, heard: false });
    expect([seen.get("synod_peer_heard 2"), seen.get("synod_peer_connected 2")]).toEqual([0, 0]);
    await world.close();
  });

  it("does not say that nothing was done where another node may be about to take over", async () => {
    const world = await World.of(3);
    const leader = await world.leader();
    const handing = world.node(leader).transferLeadership();
    const closing = world.node(leader).close({ transferTimeoutMs: 0 });
    await expect(world.settle(handing)).rejects.toMatchObject({ code: "OutcomeUnknown" });
    await world.settle(closing);
    await world.close();
  });

  it("still leads while it hands over", async () => {
    const world = await World.of(3);
    const leader = await world.leader();
    const closing = world.node(leader).close();
    expect(world.node(leader).status()).toMatchObject({ state: "closed", role: "leader" });
    await world.settle(closing);
    await world.close();
  });
});

describe("a rolling restart", () => {
  it("has no gap: a leader that closes hands over first", async () => {
    const world = await World.of(3);
    let closing = 0;
    let sent = 0;
    const answeredMs: number[] = [];
    let isOver = false;
    const put = (): void => {
      if (isOver) return;
      const others = [...world.nodes.keys()].filter((id) => id !== closing);
      const answer = world.node(others[sent++ % others.length] ?? 0).propose({ add: 1 });
      void answer.then(() => answeredMs.push(world.clock.now()));
      world.clock.timer(1, put);
    };
    put();
    await world.clock.run(100);
    for (const id of world.ids) {
      // Its own callers have their answers first: calls that are open at a close end with it.
      closing = id;
      await world.clock.run(20);
      const led = world.node(id).status().role === "leader";
      await world.settle(world.node(id).close());
      world.nodes.delete(id);
      const leaders = [...world.nodes.values()].filter((node) => node.status().role === "leader");
      if (led) expect(leaders.length).toBe(1);
      await world.clock.run(300);
      await world.boot(id);
      closing = 0;
      await world.clock.run(300);
    }
    isOver = true;
    await world.clock.until(() => answeredMs.length === sent);
    const gaps = answeredMs.map((atMs, i) => atMs - (answeredMs[i - 1] ?? 0));
    expect(sent).toBeGreaterThan(1_800);
    expect(Math.max(...gaps.slice(1))).toBeLessThan(50);
    expect(await world.settle(world.node(1).read("total"))).toBe(sent);
    await world.close();
  });
});

it("a peer is connected with the store that is wanted, however often another was opened under its id", () => {
  const peers = new Peers();
  const of = (storeId: string, bootId: string, bootCount: number) => ({
    clusterId: "c",
    nodeId: 7,
    storeId,
    bootCount,
    bootId,
  });
  peers.up(of("blank", "a", 3));
  peers.down(7);
  peers.up(of("right", "b", 1));
  expect(peers.isConnected(7)).toBe(true);
  expect([peers.isFormer(7, "a"), peers.isFormer(7, "b")]).toEqual([true, false]);
});

describe("members that have left", () => {
  it("leave nothing behind in what is kept by id", () => {
    const peers = new Peers();
    const of = (bootId: string, bootCount: number) => ({ clusterId: "c", nodeId: 7, storeId: "s", bootCount, bootId });
    peers.up(of("a", 1));
    peers.up(of("b", 2));
    peers.forget((id) => id === 7);
    // It is still connected.
    expect(peers.isFormer(7, "a")).toBe(true);
    peers.down(7);
    peers.forget((id) => id === 7);
    expect(peers.isFormer(7, "a")).toBe(false);
  });

  it("are forgotten by a node that runs", async () => {
    const world = await World.of(3, 1, {}, { alpha: 8 });
    const leader = await world.leader();
    const id = world.ids.find((other) => other !== leader) ?? 0;
    await world.settle(world.node(leader).changeMembership({ kind: "remove", id }));
    await world.clock.run(2_000);
    const stays = world.ids.find((other) => other !== leader && other !== id) ?? 0;
    for (const node of [leader, stays]) {
      expect(
        world
          .node(node)
          .status()
          .peers.map((peer) => peer.id),
      ).not.toContain(id);
    }
    await world.close();
  });
});

it("versions wait for who is about to join as well as for who is about to leave", () => {
  const of = (epoch: number, ids: readonly number[]) => ({
    epoch,
    slot: epoch,
    from: epoch,
    changeId: "",
    retired: [],
    quorums: { members: ids, phase1: () => true, phase2: () => true },
    configuration: { epoch, members: ids.map((id) => ({ id })), alpha: 8, quorum: { kind: "majority" } as const },
  });
  expect(membersOf({ governing: of(1, [1, 2]), last: of(2, [1, 3]) })).toEqual([1, 2, 3]);
});
