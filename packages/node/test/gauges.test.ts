// What an operator's gauges say is what the status says.
import type { Metrics } from "@synod/interface";
import { METRICS } from "@synod/interface";
import { describe, expect, it } from "vitest";
import { Gauges } from "../src/gauges.js";
import type { NodeStatus } from "../src/index.js";
import { World } from "./world.js";

function watched(): { readonly metrics: Metrics; readonly seen: Map<string, number> } {
  const seen = new Map<string, number>();
  const nothing = (): void => undefined;
  const gauge: Metrics["gauge"] = (name, value, labels = {}) =>
    void seen.set([name, ...Object.values(labels)].join(" "), value);
  return { metrics: { count: nothing, observe: nothing, gauge }, seen };
}

/** No two numbers are the same, so that none can stand for another. */
const numbered = (status: NodeStatus): NodeStatus => ({
  ...status,
  role: "leader",
  leader: 101,
  content: true,
  impaired: "disk",
  ballot: { round: 102, node: 1 },
  promised: { round: 103, node: 1 },
  verdict: "yield",
  chosenUpTo: 104,
  durableUpTo: 105,
  applied: 106,
  configuration: { ...status.configuration, epoch: 107 },
  windowSlots: 108,
  openSlots: 109,
  openBytes: 110,
  queues: {
    own: { count: 111, bytes: 112 },
    leader: { count: 113, bytes: 114 },
    apply: { count: 115, bytes: 116 },
    disk: { count: 132, bytes: 133 },
  },
  readsWaiting: 117,
  sessions: 118,
  transferringTo: 2,
  leaseLeftMs: 119,
  membership: { ...status.membership, tolerates: { now: 120, expected: 121, text: "" } },
  snapshot: {
    ...status.snapshot,
    index: 122,
    taking: { index: 123, bytes: 124 },
    receiving: { index: 125, bytes: 1_000, received: 126, from: 2 },
  },
  peers: status.peers.slice(0, 1).map((peer) => ({
    ...peer,
    connected: true,
    heard: true,
    lagSlots: 127,
    lagBytes: 128,
    sentBytes: 129,
    creditBytes: 130,
    withheldBytes: 131,
  })),
});

describe("gauges", () => {
  it("say what the status says, each its own number", async () => {
    const world = await World.of(2);
    const status = numbered(world.node(1).status());
    const { metrics, seen } = watched();
    const gauges = new Gauges(metrics);
    gauges.publish(status);
    expect(Object.fromEntries(seen)).toEqual({
      synod_is_leader: 1,
      synod_leader_id: 101,
      synod_content: 1,
      synod_impaired: 1,
      synod_ballot_round: 102,
      synod_promised_round: 103,
      "synod_verdict leading": 0,
      "synod_verdict follow": 0,
      "synod_verdict yield": 1,
      "synod_verdict wait": 0,
      "synod_verdict campaign": 0,
      synod_chosen_slot: 104,
      synod_durable_slot: 105,
      synod_applied_slot: 106,
      synod_configuration_epoch: 107,
      synod_window_slots: 108,
      synod_open_slots: 109,
      synod_open_bytes: 110,
      "synod_queue_commands own": 111,
      "synod_queue_bytes own": 112,
      "synod_queue_commands leader": 113,
      "synod_queue_bytes leader": 114,
      "synod_queue_commands apply": 115,
      "synod_queue_bytes apply": 116,
      "synod_queue_commands disk": 132,
      "synod_queue_bytes disk": 133,
      synod_reads_waiting: 117,
      synod_sessions: 118,
      synod_transferring: 1,
      synod_lease_left_ms: 119,
      synod_failures_tolerated: 120,
      synod_snapshot_slot: 122,
      synod_snapshot_taking_bytes: 124,
      synod_snapshot_to_come_bytes: 874,
      "synod_peer_connected 2": 1,
      "synod_peer_heard 2": 1,
      "synod_peer_lag_slots 2": 127,
      "synod_peer_lag_bytes 2": 128,
      "synod_peer_sent_bytes 2": 129,
      "synod_peer_credit_bytes 2": 130,
      "synod_peer_withheld_bytes 2": 131,
    });
    for (const name of seen.keys()) expect(METRICS[name.split(" ")[0] ?? ""]?.kind, name).toBe("gauge");

    gauges.publish({ ...status, role: "follower", transferringTo: null, leaseLeftMs: null, impaired: null, peers: [] });
    const off = ["synod_is_leader", "synod_transferring", "synod_lease_left_ms", "synod_impaired"];
    for (const name of [...off, "synod_peer_lag_bytes 2"]) expect([name, seen.get(name)]).toEqual([name, 0]);
    await world.close();
  });
});

describe("who is no member any more", () => {
  it("is forgotten by metrics that can, and is all zeros in others", async () => {
    const world = await World.of(3);
    const status = world.node(1).status();
    const { metrics, seen } = watched();
    const forgotten: unknown[] = [];
    const gauges = new Gauges({ ...metrics, forget: (labels) => void forgotten.push(labels) });
    gauges.publish(status);
    const left = { ...status, peers: status.peers.filter(({ id }) => id !== 3) };
    seen.clear();
    for (let i = 0; i < 2; i++) gauges.publish(left);
    expect(forgotten).toEqual([{ peer: "3" }]);
    expect([...seen.keys()].filter((name) => name.endsWith(" 3"))).toEqual([]);
    await world.close();
  });
});

describe("the queue of the disk", () => {
  it("is what the own disk has not taken yet, at the leader and elsewhere", async () => {
    const world = await World.of(3);
    const leader = await world.leader();
    const follower = world.ids.find((id) => id !== leader) ?? 0;
    // The first one opens the session of this node, in a slot of its own.
    await world.settle(world.node(leader).propose({ add: 1 }));
    await world.clock.run(100);
    const waiting = (id: number): unknown => world.node(id).status().queues.disk;
    expect([waiting(leader), waiting(follower)]).toEqual([
      { count: 0, bytes: 0 },
      { count: 0, bytes: 0 },
    ]);
    const body = "x".repeat(10_000);
    // The others choose without it.
    world.disk(leader).delayMs = 100;
    const proposed = world.node(leader).propose({ add: 1, text: body } as never);
    await world.clock.until(() => world.node(leader).status().queues.disk.count > 0, 1_000);
    const { count, bytes } = world.node(leader).status().queues.disk;
    expect(count).toBe(1);
    expect(bytes).toBeGreaterThan(10_000);
    expect(bytes).toBeLessThan(11_000);
    await world.settle(proposed);
    await world.clock.run(300);
    expect(waiting(leader)).toEqual({ count: 0, bytes: 0 });
    await world.close();
  });
});

describe("lag", () => {
  it("is what is chosen and a peer has not reported, in slots and bytes; of learners, too", async () => {
    const world = await World.of(3);
    await world.join(4);
    await world.settle(
      world.node(await world.leader()).changeMembership({ kind: "add", member: { id: 4 }, as: "learner" }),
    );
    await world.clock.run(500);
    const leader = world.node(await world.leader());
    // The first one opens the session of this node, in a slot of its own.
    await world.settle(leader.propose({ add: 1 }));
    await world.clock.run(500);
    const cut = world.ids.find((id) => id !== leader.id) ?? 0;
    const lags = (): unknown => [
      leader.status().peers.flatMap(({ id, lagSlots }) => (id === cut || id === 4 ? [[id, lagSlots]] : [])),
      leader.status().membership.learners,
    ];
    const bytes = (): (number | undefined)[] =>
      [cut, 4].map((id) => leader.status().peers.find((peer) => peer.id === id)?.lagBytes);
    expect([lags(), bytes()]).toEqual([
      [
        [
          [cut, 0],
          [4, 0],
        ],
        [{ id: 4, lag: 0 }],
      ],
      [0, 0],
    ]);
    world.net.isolate(cut);
    await world.settle(leader.propose({ add: 1 }));
    await world.settle(leader.propose({ add: 1 }));
    await world.clock.run(500);
    world.net.isolate(4);
    for (let i = 0; i < 3; i++) await world.settle(leader.propose({ add: 1 }));
    await world.clock.run(500);
    expect(lags()).toEqual([
      [
        [cut, 5],
        [4, 3],
      ],
      [{ id: 4, lag: 3 }],
    ]);
    const [ofVoter = 0, ofLearner = 0] = bytes();
    // Values of the same size.
    expect(ofLearner).toBeGreaterThan(3 * JSON.stringify({ add: 1 }).length);
    expect(ofVoter).toBe((5 * ofLearner) / 3);
    // Nothing of it is on the way from a follower, which knows it all the same.
    const live = world.ids.find((id) => id !== leader.id && id !== cut) ?? 0;
    const seenThere = world
      .node(live)
      .status()
      .peers.find(({ id }) => id === cut);
    expect(seenThere).toMatchObject({ lagSlots: 5, lagBytes: ofVoter, sentBytes: 0 });
    world.net.heal();
    await world.clock.run(500);
    expect([lags(), bytes()]).toEqual([
      [
        [
          [cut, 0],
          [4, 0],
        ],
        [{ id: 4, lag: 0 }],
      ],
      [0, 0],
    ]);
    await world.close();
  });
});
