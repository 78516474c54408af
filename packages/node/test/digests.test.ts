import { describe, expect, it } from "vitest";
import { Digests } from "../src/digests.js";
import { World } from "./world.js";

const VERSIONS = { wire: 1, log: 1, machine: 1 };

/** One node of `members` that says `digest` of its state at every fourth slot, at a cost of `tookMs`. */
function node(members: readonly number[], digest: () => string | null = () => "a") {
  const clock = { nowMs: 0, tookMs: 0 };
  const machineDigest = (): string | null => {
    clock.nowMs += clock.tookMs;
    return digest();
  };
  const it = new Digests({
    self: 1,
    voters: () => members,
    machine: { chainHash: "c", machineDigest, versions: VERSIONS, supports: VERSIONS },
    everySlots: 4,
    patienceMs: 100,
    now: () => clock.nowMs,
  });
  const hears = (from: number, slot: number, digest: string | null, chainHash = "c") => {
    it.received(from, { kind: "stateDigest", slot, chainHash, digest });
    return it.compare(slot);
  };
  return { it, clock, hears };
}

describe("digests of states", () => {
  it("are due at every so many slots, and agree with a majority", () => {
    const { it: digests, hears } = node([1, 2, 3]);
    expect([1, 2, 3, 4, 5].map((slot) => digests.applied(slot)?.slot ?? 0)).toEqual([0, 0, 0, 4, 0]);
    expect(digests.compare(4)).toBe(null);
    expect(hears(2, 4, "a")).toEqual({ kind: "agree", slot: 4 });
    expect(hears(3, 4, "a")).toBe(null);
  });

  it("tell who is in the minority, whatever comes first", () => {
    const { it: digests, hears } = node([1, 2, 3]);
    digests.applied(4);
    hears(2, 4, "a");
    digests.applied(8);
    expect(hears(2, 8, "b")).toBe(null);
    expect(hears(3, 8, "a")).toEqual({ kind: "othersDiffer", slot: 8, after: 4, peers: [2] });
    digests.applied(12);
    expect(hears(2, 12, "b")).toBe(null);
    expect(hears(3, 12, "b")).toEqual({ kind: "ownDiffers", slot: 12, after: 8, peers: [2, 3] });
  });

  it("two that differ from this one and from each other are no majority", () => {
    const { it: digests, clock, hears } = node([1, 2, 3]);
    digests.applied(4);
    expect([hears(2, 4, "b"), hears(3, 4, "c")]).toEqual([null, null]);
    expect(digests.overdue()).toEqual([]);
    clock.nowMs += 100;
    expect(digests.overdue()).toEqual([{ kind: "undecided", slot: 4, after: 0, peers: [2, 3] }]);
    expect(digests.overdue()).toEqual([]);
  });

  it("half of the members are no majority", () => {
    const { it: digests, hears } = node([1, 2, 3, 4]);
    digests.applied(4);
    expect([hears(2, 4, "a"), hears(3, 4, "b"), hears(4, 4, "b")]).toEqual([null, null, null]);
  });

  it("logs that differ show without a digest; a machine that says nothing differs from none", () => {
    const { it: digests, hears } = node([1, 2, 3, 4, 5], () => null);
    digests.applied(4);
    hears(2, 4, "a");
    expect(hears(3, 4, "b")).toEqual({ kind: "agree", slot: 4 });
    digests.applied(8);
    for (const peer of [2, 3]) hears(peer, 8, null, "d");
    expect(hears(4, 8, null, "d")).toMatchObject({ kind: "ownDiffers", peers: [2, 3, 4] });
  });

  it("words of strangers, of slots in between and of long ago are not kept", () => {
    const { it: digests, hears } = node([1, 2, 3]);
    digests.applied(4);
    expect([hears(9, 4, "b"), hears(1, 4, "b"), hears(2, 5, "b")]).toEqual([null, null, null]);
    for (let slot = 8; slot <= 400; slot += 4) digests.applied(slot);
    expect([hears(2, 4, "b"), hears(3, 4, "b")]).toEqual([null, null]);
  });

  it("take a hundredth of the time at most, at slots that the quicker ones have, too", () => {
    const { it: digests, clock } = node([1, 2, 3]);
    clock.tookMs = 50;
    const slots: number[] = [];
    for (let slot = 1; slot <= 40_000; slot++) {
      clock.nowMs += 1;
      if (digests.applied(slot) !== null) slots.push(slot);
    }
    expect(slots.length).toBeGreaterThan(3);
    expect(slots.length * clock.tookMs).toBeLessThan(0.03 * clock.nowMs);
    const late = slots.slice(-3);
    for (const slot of late) expect(slot % 1024).toBe(0);
    // Cheap again: back to every fourth slot.
    clock.tookMs = 0;
    let last = 0;
    for (let slot = 40_001; slot <= 120_000; slot++) {
      clock.nowMs += 1;
      if (digests.applied(slot) !== null) last = slot;
    }
    expect(last).toBe(120_000);
  });

  it("one that takes very long is not taken again before it is worth it", () => {
    const { it: digests, clock } = node([1, 2, 3]);
    clock.tookMs = 1_000;
    let taken = 0;
    for (let slot = 1; slot <= 50_000; slot++) {
      clock.nowMs += 1;
      if (digests.applied(slot) !== null) taken++;
    }
    expect(taken).toBe(1);
  });

  it("come back at once when slots come slowly again after many came together", () => {
    const { it: digests, clock } = node([1, 2, 3]);
    clock.tookMs = 10;
    for (let slot = 1; slot <= 10_000; slot++) digests.applied(slot);
    let taken = 0;
    for (let slot = 10_001; slot <= 10_400; slot++) {
      clock.nowMs += 1_000;
      if (digests.applied(slot) !== null) taken++;
    }
    expect(taken).toBeGreaterThan(70);
  });
});

it("a node whose state differs from that of a majority stops", async () => {
  const world = await World.of(3, 1, { digestEverySlots: 4 });
  const leader = await world.leader();
  await world.settle(world.node(leader).propose({ add: 1 }));
  const victim = world.ids.find((id) => id !== leader) ?? 0;
  world.machine(victim).total ^= 1024;
  for (let i = 0; i < 5; i++) await world.settle(world.node(leader).propose({ add: 1 }));
  await world.clock.run(100);
  expect(world.node(victim).status().failure?.code).toBe("StateDiverged");
  expect(world.node(leader).status().state).toBe("running");
  await world.close();
});

it("digests of a release that writes them in another way count once its version is in force", async () => {
  const world = await World.of(3, 1, { digestEverySlots: 1 });
  const leader = await world.leader();
  const restart = async (id: number): Promise<void> => {
    await world.crash(id);
    await world.boot(id, false, { version: 2 });
    const machine = world.machine(id);
    machine.digest = () => `sum=${machine.total}`;
  };
  const work = async (): Promise<void> => {
    for (let i = 0; i < 5; i++) await world.settle(world.node(await world.leader()).propose({ add: 1 }));
    await world.clock.run(500);
  };
  await world.settle(world.node(leader).propose({ add: 1 }));
  const [first = 0, second = 0] = world.ids.filter((id) => id !== leader);
  await restart(first);
  await work();
  expect(world.ids.map((id) => world.node(id).status().state)).toEqual(["running", "running", "running"]);
  for (const id of [second, leader]) await restart(id);
  await world.clock.until(() => world.node(first).status().versions.inForce.machine === 2);
  await work();
  expect(world.ids.map((id) => world.node(id).status().state)).toEqual(["running", "running", "running"]);
  // Now they are held against each other again.
  const leads = await world.leader();
  const sick = world.ids.find((id) => id !== leads) ?? 0;
  world.machine(sick).digest = () => "something else";
  await world.settle(world.node(leads).propose({ add: 1 }));
  await world.clock.until(() => world.node(sick).status().failure?.code === "StateDiverged");
  await world.close();
});
