// Members that only vote, and members that learn for themselves what is chosen, as whole nodes.
import type { Versions } from "@synod/interface";
import { describe, expect, it, test } from "vitest";
import { createNode, createWitness, type NodeLimits } from "../src/index.js";
import { WitnessMachine, witnessBody } from "../src/witness-machine.js";
import { encodeBatch, FIRST_VERSIONS } from "@synod/rsm";
import { json, World } from "./world.js";

const SMALL: Partial<NodeLimits> = { snapshotLogBytes: 2_000, snapshotTailBytesMax: 1, snapshotChunkBytes: 512 };

async function work(world: World, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const leader = await world.leader();
    await world.settle(world.node(leader).propose({ add: 1 }));
  }
}

describe("a witness", () => {
  it("stands in for a full member that is down, and forgets what the others have", async () => {
    const world = await World.of(3, 1, SMALL, { witnesses: [3] });
    await work(world, 20);
    await world.clock.run(1_000);
    expect(world.disk(3).dropped).toBeGreaterThan(10);
    expect(world.disk(3).snapshot?.bytes.length).toBeLessThan(200);
    const leader = await world.leader();
    expect(world.node(leader).status().membership).toMatchObject({ learners: [], tolerates: { now: 1, expected: 1 } });
    await world.crash(leader);
    await work(world, 20);
    const other = await world.leader();
    expect(world.machine(other).total).toBe(40);
    expect(world.witnesses.get(3)?.status()).toMatchObject({ role: "follower", state: "running", leader: other });
    expect(world.node(other).status().membership.tolerates).toMatchObject({ now: 0 });
    await world.close();
  });

  it("never leads, and waits for those that can", async () => {
    const world = await World.of(3, 1, {}, { witnesses: [2, 3] });
    expect(await world.leader()).toBe(1);
    expect(world.node(1).status().membership.tolerates.text).toBe("tolerates 0 failures, 0 expected");
    await world.crash(1);
    await world.clock.run(5_000);
    expect([2, 3].map((id) => world.witnesses.get(id)?.status().role)).toEqual(["follower", "follower"]);
    await world.boot(1);
    await work(world, 1);
    await world.close();
  });

  it("goes on from its disk", async () => {
    const world = await World.of(3, 1, SMALL, { witnesses: [3] });
    await work(world, 20);
    await world.clock.run(1_000);
    await world.witnesses.get(3)?.close();
    await work(world, 20);
    const { dropped } = world.disk(3);
    const again = await world.settle(world.witness(3));
    expect(again.status().applied).toBeGreaterThanOrEqual(dropped);
    await world.clock.until(() => world.disk(3).dropped > dropped, 60_000);
    // With so little kept, what one full member has is forgotten before the other one has it, too.
    await world.clock.run(1_000);
    await world.crash(await world.leader());
    await work(world, 1);
    expect(world.machine(await world.leader()).total).toBe(41);
    await world.close();
  });

  it("is added, catches up without the state, votes, and is replaced by another", async () => {
    const world = await World.of(2, 1, SMALL, { alpha: 8 });
    await work(world, 40);
    await world.clock.run(1_000);
    await world.witness(3, true);
    const leader = await world.leader();
    const node = world.node(leader);
    const made = await world.settle(
      node.changeMembership({ kind: "add", member: { id: 3, name: "w" }, as: "witness" }),
      60_000,
    );
    expect(made.members.at(-1)).toEqual({ id: 3, name: "w", role: "witness" });
    expect(world.disk(3).snapshot?.bytes.length ?? 0).toBeLessThan(200);
    await world.witness(4, true);
    const next = await world.settle(node.changeMembership({ kind: "replace", id: 3, with: { id: 4 } }), 60_000);
    expect(next.members.at(-1)).toEqual({ id: 4, name: "w", role: "witness" });
    await world.crash([1, 2].find((id) => id !== leader) ?? 0);
    await work(world, 5);
    expect(world.machine(leader).total).toBe(45);
    await world.close();
  });

  it("has to be what the cluster says, and takes no other part", async () => {
    const world = await World.of(3, 1, {}, { witnesses: [3] });
    const node = world.node(await world.leader());
    const as = "boss" as unknown as "witness";
    await expect(world.settle(node.changeMembership({ kind: "add", member: { id: 9 }, as }))).rejects.toMatchObject({
      code: "InvalidArgument",
    });
    await world.witnesses.get(3)?.close();
    await world.witnesses.get(3)?.close();
    await expect(world.settle(world.boot(3))).rejects.toMatchObject({ code: "InvalidConfiguration" });
    await world.crash(2);
    await expect(world.settle(world.witness(2))).rejects.toMatchObject({ code: "InvalidConfiguration" });
    await world.close();
  });

  it("holds back no version of the state machine, and stops before a log that its release cannot read", () => {
    const machine = new WitnessMachine({ wire: 1, log: 1, machine: Number.MAX_SAFE_INTEGER });
    const raise = (versions: object): Uint8Array =>
      encodeBatch(0, [{ kind: "raise", versions: { ...FIRST_VERSIONS, ...versions } }]);
    expect(machine.apply(1, raise({ machine: 7 }))).toMatchObject([{ kind: "raised", changed: true }]);
    expect(machine.apply(2, raise({ machine: 7 }))).toMatchObject([{ kind: "raised", changed: false }]);
    expect(() => machine.apply(3, raise({ log: 2 }))).toThrow(/Slot 3 of the log/);
    expect([machine.applied, machine.versions.machine]).toEqual([2, 7]);
    for (const bytes of [
      [1, 2],
      [...witnessBody(5), 0],
    ]) {
      const sink = machine.restore();
      expect(() => {
        sink.write(Uint8Array.from(bytes));
        sink.end();
      }).toThrow(/no snapshot of a witness/);
    }
    const sink = machine.restore();
    sink.write(witnessBody(2 ** 40));
    sink.end();
    expect([machine.applied, machine.versions.machine]).toEqual([2 ** 40, 7]);
    for (const call of [() => machine.query(), () => machine.digest(), () => machine.snapshot()])
      expect(call).toThrow(/has no state/);
  });
});

test("what a witness has forgotten holds the versions in force, and it stops where its release is too old for them", () => {
  const restored = (supports: Versions, body: Uint8Array): Versions => {
    const machine = new WitnessMachine(supports);
    const sink = machine.restore();
    sink.write(body);
    sink.end();
    return machine.versions;
  };
  const [first, second] = [FIRST_VERSIONS, { wire: 2, log: 2, machine: 9 }];
  const supports = { ...second, machine: Number.MAX_SAFE_INTEGER };
  expect(restored(supports, witnessBody(5, second))).toEqual(second);
  // As an older release wrote it.
  expect(restored(supports, witnessBody(5))).toEqual(first);
  expect(() => restored({ ...supports, log: 1 }, witnessBody(5, second))).toThrow(/What this witness has forgotten/);
});

describe("learning", () => {
  it.each(["allToAll", "onAccept"] as const)("%s: writes and reads at any node", async (learning) => {
    const world = await World.of(3, 1, {}, { learning });
    for (let i = 0; i < 20; i++) {
      await world.settle(world.node((i % 3) + 1).propose({ add: 1 }));
      expect(await world.settle(world.node(((i + 1) % 3) + 1).read("total"))).toBe(i + 1);
    }
    await world.close();
  });

  it("is a matter of the whole cluster", async () => {
    const world = await World.of(3, 1, {}, { learning: "onAccept" });
    const options = {
      id: 1,
      cluster: { id: "test", members: [{ id: 1 }, { id: 2 }, { id: 3 }], learning: "allToAll" as const },
      transport: world.net.transport(1),
      storage: world.disk(1).storage(),
      codec: world.codec,
    };
    const machine = world.machine(1);
    const commandCodec = { encode: () => new Uint8Array(1), decode: () => ({ add: 1 }) };
    const codecs = { commandCodec, resultCodec: json<number>() };
    const create = (cluster: object): Promise<unknown> =>
      createNode({ ...options, stateMachine: machine, ...codecs, cluster: { ...options.cluster, ...cluster } });
    await expect(create({})).rejects.toThrow(/formatted with learning onAccept, not allToAll/);
    await expect(create({ learning: "onAccept", origin: "a backup" })).rejects.toThrow(
      /formatted blank, not from a backup/,
    );
    await expect(create({ learning: "onAccept", origin: "" })).rejects.toThrow(/the text that the restore printed/);
    await expect(create({ learning: "never" })).rejects.toThrow(/learning must be one of allToAll, onAccept/);
    await expect(createWitness({ ...options, cluster: { ...options.cluster, learning: "onAccept" } })).rejects.toThrow(
      /node 1 is a full member of the cluster, but it runs as a witness/,
    );
    await world.close();
  });
});
