import type { Codec, Logger } from "@synod/interface";
import { SynodError } from "@synod/interface";
import type { Envelope } from "@synod/multipaxos";
import { encodeBatch } from "@synod/rsm";
import { describe, expect, it } from "vitest";
import type { NodeEvent } from "../src/index.js";
import { type CounterNode, World } from "./world.js";

const inForce = (node: CounterNode) => node.status().versions.inForce;
const V1 = { wire: 1, log: 1, machine: 1 };
const V2 = { ...V1, machine: 2 };

/** Restarts a node with another release. */
async function deploy(world: World, id: number, version: number): Promise<CounterNode> {
  await world.crash(id);
  return world.boot(id, false, { version });
}

/** What one release reads and writes: wire version n and the one before. */
function codecOf(inner: Codec<Envelope>, release: number): Codec<Envelope> & { written: Set<number> } {
  const written = new Set<number>();
  const check = (version: number): void => {
    if (version === release || (version === release - 1 && version > 0)) return;
    throw new SynodError("VersionUnsupported", `version ${version}, but this is release ${release}`);
  };
  return {
    written,
    encode: (envelope) => {
      check(envelope.version);
      if (envelope.clusterId !== "check") written.add(envelope.version);
      return inner.encode(envelope);
    },
    decode: (frame) => {
      const envelope = inner.decode(frame);
      check(envelope.version);
      return envelope;
    },
  };
}

describe("a rolling deploy", () => {
  it("raises the version when the last member runs the new release, and not before; commands follow the log", async () => {
    const world = await World.of(3);
    const events: NodeEvent[] = [];
    await world.settle(world.node(1).propose({ add: 1 }));
    for (const id of [1, 2]) {
      await deploy(world, id, 2);
      await world.leader();
      await world.clock.run(2_000);
      expect(await world.settle(world.node(id).propose({ add: 1 }))).toBe(id + 1);
      expect(inForce(world.node(id))).toEqual(V1);
      expect(world.node(id).status().versions.supports).toEqual(V2);
    }
    expect(world.node(1).status().versions.heldBackBy).toEqual([3]);
    expect(
      world
        .node(1)
        .status()
        .peers.map(({ supports }) => supports?.machine),
    ).toEqual([2, 1]);
    void (async () => {
      for await (const event of world.node(1).events()) events.push(event);
    })();
    await deploy(world, 3, 2);
    await world.clock.until(() => world.ids.every((id) => inForce(world.node(id)).machine === 2));
    expect(await world.settle(world.node(2).propose({ add: 1 }))).toBe(13);
    expect(world.node(1).status().versions).toEqual({ inForce: V2, supports: V2, heldBackBy: [] });
    await world.clock.run(1_000);
    expect(new Set(world.ids.map((id) => JSON.stringify(world.node(id).digest()))).size).toBe(1);
    expect(events.filter(({ kind }) => kind === "versionsRaised")).toEqual([{ kind: "versionsRaised", versions: V2 }]);
    // One raise is enough for all time.
    const slots = world.node(1).status().chosenUpTo;
    await world.clock.run(3_000);
    expect(world.node(1).status().chosenUpTo).toBe(slots);
    await world.close();
  });

  it("waits for a member that is down, and goes on when it returns", async () => {
    const world = await World.of(3);
    await world.crash(3);
    for (const id of [1, 2]) await deploy(world, id, 2);
    await world.leader();
    await world.clock.run(5_000);
    expect(inForce(world.node(1))).toEqual(V1);
    expect(world.node(1).status().versions.heldBackBy).toEqual([3]);
    await world.boot(3, false, { version: 2 });
    await world.clock.until(() => inForce(world.node(3)).machine === 2);
    await world.close();
  });

  it("does not wait for a learner to answer questions of voters, but for its connection and its release", async () => {
    const world = await World.of(3);
    await world.join(4);
    const added = world.node(1).changeMembership({ kind: "add", member: { id: 4 }, as: "learner" });
    await world.settle(added);
    for (const id of [1, 2, 3]) await deploy(world, id, 2);
    await world.leader();
    await world.clock.run(2_000);
    expect(inForce(world.node(1))).toEqual(V1);
    expect(world.node(await world.leader()).status().versions.heldBackBy).toEqual([4]);
    await world.crash(4);
    await world.clock.run(2_000);
    expect(inForce(world.node(1))).toEqual(V1);
    await world.boot(4, false, { version: 2 });
    await world.clock.until(() => inForce(world.node(1)).machine === 2);
    await world.close();
  });

  it("goes back to the release before as long as nothing was raised", async () => {
    const world = await World.of(3);
    for (const id of [1, 2]) await deploy(world, id, 2);
    await world.clock.run(1_000);
    for (const id of [1, 2]) await deploy(world, id, 1);
    await world.leader();
    expect(await world.settle(world.node(1).propose({ add: 1 }))).toBe(1);
    expect(world.ids.map((id) => inForce(world.node(id)))).toEqual([V1, V1, V1]);
    await world.close();
  });

  it("of several versions at once comes to the highest that all support", async () => {
    const world = new World(3);
    for (const [id, version] of [
      [1, 3],
      [2, 5],
      [3, 4],
    ] as const) {
      await world.boot(id, true, { version });
    }
    await world.clock.until(() => world.ids.every((id) => inForce(world.node(id)).machine === 3));
    await world.clock.run(1_000);
    expect(inForce(world.node(2)).machine).toBe(3);
    await world.close();
  });
});

describe("a node of an older release", () => {
  it("stops before it applies what it cannot, says what it needs, and goes on with the newer release", async () => {
    const world = await World.of(3);
    await world.settle(world.node(1).propose({ add: 1 }));
    for (const id of [1, 2, 3]) await deploy(world, id, 2);
    await world.clock.until(() => world.ids.every((id) => inForce(world.node(id)).machine === 2));
    const old = await deploy(world, 3, 1);
    await world.clock.until(() => old.status().state === "failed");
    const { failure, applied } = old.status();
    expect(failure?.code).toBe("VersionUnsupported");
    expect(failure?.message).toMatch(/Slot \d+ of the log needs state machine version 2 \(this node supports 1\)/);
    expect(failure?.details).toEqual({ needed: V2, supported: V1 });
    expect(applied).toBeGreaterThan(0);
    await expect(old.propose({ add: 1 })).rejects.toMatchObject({ code: "Closed" });
    world.nodes.delete(3);
    // The others go on.
    expect(await world.settle(world.node(1).propose({ add: 1 }))).toBe(11);
    const back = await world.boot(3, false, { version: 2 });
    expect(await world.settle(back.read("total"))).toBe(11);
    await world.close();
  });

  it("is named in a warning of its peers, once", async () => {
    const world = await World.of(3);
    for (const id of [1, 2, 3]) await deploy(world, id, 2);
    await world.clock.until(() => world.ids.every((id) => inForce(world.node(id)).machine === 2));
    const lines: unknown[] = [];
    const nothing = (): void => undefined;
    const logger: Logger = { debug: nothing, info: nothing, warn: (text) => lines.push(text), error: nothing };
    await world.crash(2);
    await world.boot(2, false, { version: 2, logger });
    await world.clock.run(1_000);
    await world.crash(3);
    await world.boot(3, false, { version: 1 });
    await world.clock.run(1_000);
    expect(lines.filter((line) => /older release than what is in force/.test(String(line)))).toHaveLength(1);
    await world.close();
  });
});

describe("upgrade: manual", () => {
  it("raises nothing before it is told to", async () => {
    const world = new World(3);
    for (const id of world.ids) await world.boot(id, true, { version: 2, upgrade: "manual" });
    const leader = await world.leader();
    await world.clock.run(3_000);
    expect(world.node(leader).status().versions).toEqual({ inForce: V1, supports: V2, heldBackBy: [] });
    world.node(leader).raiseVersions();
    await world.clock.until(() => world.ids.every((id) => inForce(world.node(id)).machine === 2));
    await world.close();
    expect(() => world.node(leader).raiseVersions()).toThrow(SynodError);
  });

  it("is one of two words, and a version is a positive integer", async () => {
    const world = new World(1);
    await expect(world.boot(1, true, { upgrade: "never" as "manual" })).rejects.toMatchObject({
      code: "InvalidArgument",
    });
    await expect(world.boot(1, true, { version: 0 })).rejects.toMatchObject({ code: "InvalidArgument" });
    // Neither has formatted the store.
    await world.boot(1, true);
    await world.close();
  });
});

describe("wire versions", () => {
  it("are written as the log says: the old one until it is raised, then the new one; two releases later too", async () => {
    const world = new World(3);
    const codecs = new Map<number, ReturnType<typeof codecOf>>();
    const boot = async (id: number, wire: number, bootstrap = false): Promise<CounterNode> => {
      const codec = codecOf(world.codec, wire);
      codecs.set(id, codec);
      return world.boot(id, bootstrap, { codec, supports: { wire } });
    };
    const written = (id: number): number[] => [...(codecs.get(id)?.written ?? [])].sort((a, b) => a - b);
    for (const id of world.ids) await boot(id, 1, true);
    await world.leader();
    for (const wire of [2, 3]) {
      for (const id of world.ids) {
        await world.crash(id);
        await boot(id, wire);
        await world.leader();
        await world.clock.run(1_500);
        if (id < 3) expect(written(id)).toEqual([wire - 1]);
      }
      await world.clock.until(() => world.ids.every((id) => inForce(world.node(id)).wire === wire));
      await world.clock.run(1_000);
      for (const id of world.ids) expect(written(id)).toEqual([wire - 1, wire]);
      expect(await world.settle(world.node(2).propose({ add: 1 }))).toBe(wire - 1);
    }
    // One that comes back with the first release reads nothing, and says why.
    await world.crash(3);
    const old = await boot(3, 1);
    await world.clock.run(1_000);
    const said = old.status().failure?.message ?? old.status().peers[0]?.refused;
    expect(said).toMatch(/wire protocol version [23]|another release/);
    await world.close();
  });

  it("that a peer writes are in force: a node whose log is behind writes them too", async () => {
    const world = new World(3);
    const boot = (id: number, wire: number, bootstrap = false): Promise<CounterNode> =>
      world.boot(id, bootstrap, { codec: codecOf(world.codec, wire), supports: { wire }, upgrade: "manual" });
    for (const id of world.ids) await boot(id, 2, true);
    const leader = await world.leader();
    const others = world.ids.filter((id) => id !== leader);
    const behind = others[0] ?? 0;
    await world.settle(world.node(leader).propose({ add: 1 }));
    world.node(leader).raiseVersions();
    // It was heard a moment ago, and does not hear of the raise.
    world.net.isolate(behind);
    await world.clock.until(() => inForce(world.node(leader)).wire === 2);
    expect(inForce(world.node(behind)).wire).toBe(1);
    for (const id of world.ids) {
      await world.crash(id);
      if (id !== behind) await boot(id, 3);
    }
    await world.leader();
    // Its own log says version 1, which the others no longer read.
    world.net.heal();
    await boot(behind, 2);
    await world.clock.until(() => inForce(world.node(behind)).wire === 2);
    expect(await world.settle(world.node(behind).propose({ add: 4 }))).toBe(5);
    await world.close();
  });
});

it("a codec of another release than the node is refused at the start", async () => {
  const world = new World(1);
  const codec = codecOf(world.codec, 1);
  await expect(world.boot(1, true, { codec, supports: { wire: 2 } })).rejects.toThrow(/codec is of another release/);
});

it("a raise that a peer forwards is not proposed", async () => {
  const world = await World.of(3);
  const leader = await world.leader();
  const other = world.ids.find((id) => id !== leader) ?? 0;
  const body = encodeBatch(0, [{ kind: "raise", versions: { wire: 1, log: 1, machine: 2 } }]);
  const { ballot, chosenUpTo } = world.node(leader).status();
  if (ballot === null) throw new Error("no ballot");
  const frame = world.codec.encode({
    version: 1,
    clusterId: "test",
    from: other,
    bootId: "other",
    epoch: 1,
    supports: V1,
    message: { kind: "forward", ballot, bootId: "other", sequence: 1, body },
  });
  world.net.transport(other).send(leader, frame, "bulk");
  await world.clock.run(1_000);
  expect(world.node(leader).status().chosenUpTo).toBe(chosenUpTo);
  expect(world.ids.map((id) => world.node(id).status().state)).toEqual(["running", "running", "running"]);
  await world.close();
});
