import { type SnapshotInfo, SynodError } from "@synod/interface";
import { Replica } from "@synod/multipaxos";
import { describe, expect, it, vi } from "vitest";
import type { NodeEvent, NodeLimits } from "../src/index.js";
import { SnapshotTurn } from "../src/snapshot-turn.js";
import { World } from "./world.js";

const SMALL: Partial<NodeLimits> = { snapshotLogBytes: 2_000, snapshotTailBytesMax: 1, snapshotChunkBytes: 512 };

/** Adds one, so many times, each in a slot of its own, at whoever leads. */
async function work(world: World, count: number, except: number[] = []): Promise<void> {
  for (let i = 0; i < count; i++) {
    const leader = await world.leader(except);
    await world.settle(world.node(leader).propose({ add: 1 }));
  }
}

const caughtUp = (world: World, id: number, total: number): Promise<void> =>
  world.clock.until(() => world.machine(id).total === total && !world.node(id).status().snapshot.installing, 60_000);

async function collect(world: World, id: number, into: NodeEvent[]): Promise<void> {
  for await (const event of world.node(id).events()) into.push(event);
}

describe("snapshots of a node", () => {
  it("are taken by bytes of log, drop the log, and are what a restart begins from", async () => {
    const world = await World.of(3, 1, SMALL);
    await work(world, 60);
    await world.clock.run(500);
    for (const id of world.ids) {
      const { snapshot, applied } = world.node(id).status();
      expect(world.disk(id).snapshots).toBeGreaterThan(1);
      // About 150 bytes a slot: every 13 slots or so.
      expect(world.disk(id).snapshots).toBeLessThan(8);
      expect(snapshot.index).toBeGreaterThan(applied - 25);
      expect(world.disk(id).dropped).toBe(snapshot.index);
    }
    await world.crash(3);
    await world.settle(world.boot(3));
    const before = world.node(3).status();
    expect(before.applied).toBe(world.disk(3).snapshot?.index);
    await work(world, 1);
    await caughtUp(world, 3, 61);
    expect(world.node(3).status().chainHash).toBe(world.node(1).status().chainHash);
    await world.close();
  });

  describe("due for all members at the same slot", () => {
    const DUE: Partial<NodeLimits> = { snapshotLogBytes: 6_000, snapshotChunkBytes: 512 };

    /** How many commands each member had executed when its snapshot was written. */
    function written(world: World): Map<number, number> {
      const at = new Map<number, number>();
      for (const id of world.ids) {
        world.disk(id).saved = async () => void at.set(id, world.machine(id).applied.length);
      }
      return at;
    }

    const indices = (world: World): Set<number | undefined> =>
      new Set(world.ids.map((id) => world.disk(id).snapshot?.index));

    it("are of that slot, and written one after the other", async () => {
      const world = await World.of(3, 1, DUE);
      const at = written(world);
      while (at.size < 3) await work(world, 1);
      expect(indices(world).size).toBe(1);
      expect([...at.keys()]).toEqual([2, 1, 3]);
      expect(new Set(at.values()).size).toBe(3);
      await world.close();
    });

    it("are written in time where nothing more comes, and at once when somebody asks for one", async () => {
      const world = await World.of(3, 1, DUE);
      const at = written(world);
      const taking = (id: number) => world.node(id).status().snapshot.taking;
      while (taking(3) === null) await work(world, 1);
      expect(at.size).toBe(0);
      const { index } = await world.settle(world.node(3).snapshot());
      expect([...at.keys()]).toEqual([3]);
      await world.clock.run(12 * 250);
      expect(at.size).toBe(3);
      expect(indices(world)).toEqual(new Set([index]));
      await world.close();
    });

    it("a node that is closed before its own is written lets go of it", async () => {
      const world = await World.of(3, 1, DUE);
      const released: string[] = [];
      world.machine(3).snapshot = function* () {
        try {
          yield new Uint8Array(1);
        } finally {
          released.push("yes");
        }
      };
      while (world.node(3).status().snapshot.taking === null) await work(world, 1);
      await world.settle(world.node(3).close({ transferTimeoutMs: 0 }));
      expect(released).toEqual(["yes"]);
      expect(world.disk(3).snapshots).toBe(0);
      await world.close();
    });

    it("one that waits is given up for a peer that is being served, and a newer one is taken after that", async () => {
      const world = await World.of(3, 1, { ...DUE, snapshotTailBytesMax: 1 });
      const leader = await world.leader();
      const [lost, other] = world.ids.filter((id) => id !== leader) as [number, number];
      for (const id of world.ids) world.machine(id).ballast = 40;
      world.net.isolate(lost);
      while (world.disk(leader).snapshot === null || world.node(leader).status().snapshot.taking === null) {
        await work(world, 1, [lost]);
      }
      const waiting = world.node(leader).status().snapshot.taking?.index ?? 0;
      world.net.heal();
      world.net.cut(lost, other);
      await world.clock.until(() => world.node(leader).status().snapshot.sending.length > 0, 60_000);
      await world.clock.until(() => world.node(leader).status().snapshot.taking === null, 1_000);
      expect(world.disk(leader).snapshot?.index).toBeLessThan(waiting);
      await caughtUp(world, lost, world.machine(leader).total);
      await work(world, 1);
      await world.clock.until(() => (world.disk(leader).snapshot?.index ?? 0) > waiting, 60_000);
      expect(world.node(leader).status().state).toBe("running");
      await world.close();
    });

    it("one that was just given up is not what a caller gets who asks for a snapshot", async () => {
      const world = await World.of(3, 1, { ...DUE, snapshotTailBytesMax: 1 });
      const leader = await world.leader();
      const [lost, other] = world.ids.filter((id) => id !== leader) as [number, number];
      world.net.isolate(lost);
      while (world.disk(leader).snapshot === null || world.node(leader).status().snapshot.taking === null) {
        await work(world, 1, [lost]);
      }
      const waiting = world.node(leader).status().snapshot.taking?.index ?? 0;
      const giveUp = Reflect.get<SnapshotTurn, "giveUp">(SnapshotTurn.prototype, "giveUp");
      let asked: Promise<SnapshotInfo> | null = null;
      // As the next step of a caller whose command was settled in the same turn.
      const spy = vi.spyOn(SnapshotTurn.prototype, "giveUp").mockImplementation(function (this: SnapshotTurn) {
        const { taking } = world.node(leader).status().snapshot;
        if (asked === null && taking !== null) {
          queueMicrotask(() => {
            asked = world.node(leader).snapshot();
            asked.catch(() => undefined);
          });
        }
        return giveUp.call(this);
      });
      world.net.heal();
      world.net.cut(lost, other);
      await world.clock.until(() => asked !== null, 60_000);
      spy.mockRestore();
      expect((await world.settle(asked as never as Promise<SnapshotInfo>)).index).toBeGreaterThanOrEqual(waiting);
      await world.close();
    });

    it("a member that needs the one of a peer does not wait for its own", async () => {
      const world = await World.of(3, 1, { ...DUE, snapshotTailBytesMax: 1 });
      while (world.node(3).status().snapshot.taking === null) await work(world, 1);
      world.net.isolate(3);
      await work(world, 120, [3]);
      const dueMs = world.clock.now();
      await world.clock.run(200);
      world.net.heal();
      await caughtUp(world, 3, world.machine(1).total);
      expect(world.clock.now() - dueMs).toBeLessThan(2_000);
      await world.close();
    });
  });

  it("bring back a node that was away until the log was gone, in small parts, while the others go on", async () => {
    const world = await World.of(3, 2, SMALL);
    const lost = (await world.leader()) % 3 === 0 ? 1 : 3;
    await work(world, 3);
    for (const id of world.ids) world.machine(id).ballast = 20;
    await world.clock.run(200);
    world.net.isolate(lost);
    await work(world, 60, [lost]);
    const events: NodeEvent[] = [];
    void collect(world, lost, events);
    world.net.heal();
    const progress: number[] = [];
    await world.clock.until(() => {
      const { receiving } = world.node(lost).status().snapshot;
      if (receiving !== null) progress.push(receiving.received);
      return world.machine(lost).total >= 63;
    }, 60_000);
    expect(new Set(progress).size).toBeGreaterThan(10);
    expect(events.filter(({ kind }) => kind === "snapshotInstalled")).toHaveLength(1);
    await work(world, 5);
    await caughtUp(world, lost, 68);
    await world.clock.run(300);
    const digests = world.ids.map((id) => world.node(id).digest());
    expect(new Set(digests.map(({ applied, digest }) => `${applied} ${digest}`)).size).toBe(1);
    expect(new Set(world.ids.map((id) => world.node(id).status().chainHash)).size).toBe(1);
    // What it proposes is executed once there, too.
    expect(await world.settle(world.node(lost).propose({ add: 1 }))).toBe(69);
    expect(await world.settle(world.node(lost).read("total"))).toBe(69);
    await world.close();
  });

  it("SYS-49: the sender takes a newer one and dies; another peer goes on, and applied never goes back", async () => {
    const world = await World.of(3, 3, { ...SMALL, snapshotLogBytes: 1_000_000 });
    const leader = await world.leader();
    const [lost, other] = world.ids.filter((id) => id !== leader) as [number, number];
    for (const id of world.ids) world.machine(id).ballast = 100;
    await work(world, 2);
    await world.clock.run(200);
    world.net.isolate(lost);
    await work(world, 30, [lost]);
    await world.clock.run(300);
    // Both have the same snapshot, byte for byte.
    for (const id of [leader, other]) await world.settle(world.node(id).snapshot());
    await work(world, 1, [lost]);
    await world.clock.run(300);
    world.net.heal();
    const status = () => world.node(lost).status();
    await world.clock.until(() => (status().snapshot.receiving?.received ?? 0) > 10_000, 60_000);
    const half = status().snapshot.receiving;
    if (half?.from === undefined || half.from === null) throw new Error("no sender");
    let applied = status().applied;
    await world.settle(world.node(half.from).snapshot());
    await world.crash(half.from);
    let least = Number.POSITIVE_INFINITY;
    await world.clock.until(() => {
      const now = status();
      expect(now.applied).toBeGreaterThanOrEqual(applied);
      applied = now.applied;
      if (now.snapshot.receiving !== null) least = Math.min(least, now.snapshot.receiving.received);
      return now.applied >= half.index;
    }, 60_000);
    // It never began anew.
    expect(least).toBeGreaterThanOrEqual(half.received);
    await work(world, 3, [half.from]);
    await caughtUp(world, lost, 36);
    await world.close();
  });

  it("start anew where the only sender has a newer one", async () => {
    const world = await World.of(3, 4, { ...SMALL, snapshotLogBytes: 1_000_000 });
    const leader = await world.leader();
    const [lost, other] = world.ids.filter((id) => id !== leader) as [number, number];
    for (const id of world.ids) world.machine(id).ballast = 100;
    await work(world, 2);
    await world.clock.run(200);
    world.net.isolate(lost);
    await work(world, 30, [lost]);
    await world.clock.run(300);
    await world.settle(world.node(leader).snapshot());
    await world.settle(world.node(other).snapshot());
    world.net.heal();
    world.net.cut(lost, other);
    const status = () => world.node(lost).status();
    await world.clock.until(() => (status().snapshot.receiving?.received ?? 0) > 10_000, 60_000);
    const { index } = status().snapshot.receiving ?? { index: 0 };
    await work(world, 5, [lost]);
    await world.settle(world.node(leader).snapshot());
    await world.clock.until(() => (status().snapshot.receiving?.index ?? 0) > index, 60_000);
    await caughtUp(world, lost, 37);
    await world.close();
  });

  it("that come damaged are discarded, and another peer is asked", async () => {
    const world = await World.of(3, 5, { ...SMALL, snapshotLogBytes: 1_000_000 });
    const leader = await world.leader();
    const [lost, other] = world.ids.filter((id) => id !== leader) as [number, number];
    for (const id of world.ids) world.machine(id).ballast = 20;
    await work(world, 2);
    await world.clock.run(200);
    world.net.isolate(lost);
    await work(world, 30, [lost]);
    await world.clock.run(300);
    for (const id of [leader, other]) await world.settle(world.node(id).snapshot());
    await work(world, 1, [lost]);
    await world.clock.run(300);
    const bad = world.disk(leader).snapshot?.bytes;
    if (bad === undefined) throw new Error("no snapshot");
    bad[bad.length - 2000] = 33;
    world.net.heal();
    world.net.cut(lost, other);
    let came = 0;
    await world.clock.until(() => {
      const now = world.node(lost).status().snapshot.receiving?.received ?? 0;
      const again = now < came;
      came = now;
      return again;
    }, 60_000);
    expect(world.disk(lost).snapshots).toBe(0);
    expect(world.node(lost).status().state).toBe("running");
    world.net.heal();
    await caughtUp(world, lost, 33);
    const good = world.disk(other).snapshot?.bytes ?? new Uint8Array();
    expect(Buffer.compare(world.disk(lost).snapshot?.bytes ?? new Uint8Array(), good)).toBe(0);
    await world.close();
  });

  it("by hand: one at a time, none twice, none of nothing", async () => {
    const world = await World.of(1, 6);
    const node = world.node(1);
    await work(world, 5);
    const [one, two] = await world.settle(Promise.all([node.snapshot(), node.snapshot()]));
    expect(two).toEqual(one);
    expect(world.disk(1).snapshots).toBe(1);
    expect(await world.settle(node.snapshot())).toEqual(one);
    expect(world.disk(1).snapshots).toBe(1);
    expect(node.status().snapshot).toMatchObject({ index: one.index, bytes: one.bytes, taking: null, receiving: null });
    await world.close();
  });

  it("by hand, of a node that is closed when all of it is saved already: the call ends all the same", async () => {
    const world = await World.of(1, 8);
    const node = world.node(1);
    await work(world, 5);
    let release = (): void => {};
    const released = new Promise<void>((resolve) => (release = resolve));
    world.disk(1).saved = () => released;
    const call = node.snapshot();
    const ended = expect(call).rejects.toMatchObject({ code: "Closed" });
    await world.clock.until(() => world.disk(1).snapshots === 1);
    const closing = node.close({ transferTimeoutMs: 0 });
    release();
    await world.settle(closing);
    await world.settle(ended);
  });

  it("one that cannot begin lets go of what the state machine keeps for it", async () => {
    const world = await World.of(1);
    await work(world, 1);
    const released: string[] = [];
    world.machine(1).snapshot = function* () {
      try {
        yield new Uint8Array(1);
      } finally {
        released.push("yes");
      }
    };
    const head = vi.spyOn(Replica.prototype, "snapshotHead").mockImplementation(() => {
      throw new SynodError("InvalidArgument", "a text is too long");
    });
    await expect(world.settle(world.node(1).snapshot())).rejects.toMatchObject({ code: "InvalidArgument" });
    head.mockRestore();
    expect(released).toEqual(["yes"]);
    await world.close();
  });

  it("a disk that fails while one is saved ends the node", async () => {
    const world = await World.of(1, 7);
    await work(world, 5);
    const { SynodError } = await import("@synod/interface");
    world.disk(1).failure = new SynodError("StoreFull", "no room");
    await expect(world.settle(world.node(1).snapshot())).rejects.toMatchObject({ code: "StoreFull" });
    expect(world.node(1).status()).toMatchObject({ state: "failed", failure: { code: "StoreFull" } });
  });

  it("a call whose command was executed in it has its answer all the same", async () => {
    const world = await World.of(3, 9, SMALL);
    const leader = await world.leader();
    const lost = world.ids.find((id) => id !== leader) ?? 0;
    await work(world, 3);
    await world.settle(world.node(lost).propose({ add: 1 }));
    // It hears that its command is taken, and nothing of what becomes of it.
    world.net.lose = (to, frame) => to === lost && world.codec.decode(frame).message.kind === "accept";
    const call = world.node(lost).propose({ add: 1 });
    await world.clock.until(() => world.machine(leader).total === 5);
    world.net.isolate(lost);
    world.net.lose = () => false;
    await work(world, 60, [lost]);
    expect(world.machine(lost).total).toBeLessThan(5);
    world.net.heal();
    expect(await world.settle(call)).toBe(5);
    expect(world.machine(lost).applied.length).toBeLessThan(50);
    await caughtUp(world, lost, 65);
    await world.close();
  });

  it("nothing is executed while one is installed", async () => {
    const world = await World.of(3, 10, { ...SMALL, snapshotLogBytes: 1_000_000 });
    const leader = await world.leader();
    const [lost, other] = world.ids.filter((id) => id !== leader) as [number, number];
    for (const id of world.ids) world.machine(id).ballast = 60;
    await work(world, 3);
    await world.clock.run(300);
    world.net.isolate(lost);
    await work(world, 30, [lost]);
    await world.clock.run(300);
    await world.settle(world.node(leader).snapshot());
    world.net.heal();
    world.net.cut(lost, other);
    await world.clock.until(() => world.node(lost).status().snapshot.installing, 60_000);
    // It still has the log, which comes now.
    world.net.heal();
    const { applied } = world.node(lost).status();
    const chosenUpTo = (): number => world.node(lost).status().chosenUpTo;
    await world.clock.until(() => chosenUpTo() > applied || !world.node(lost).status().snapshot.installing, 60_000);
    expect(world.node(lost).status()).toMatchObject({ applied, snapshot: { installing: true } });
    await caughtUp(world, lost, 33);
    await work(world, 2);
    await caughtUp(world, lost, 35);
    expect(world.node(lost).status().state).toBe("running");
    await world.close();
  });

  it("reads wait while one is installed", async () => {
    const world = await World.of(3, 8, SMALL);
    const leader = await world.leader();
    const lost = world.ids.find((id) => id !== leader) ?? 0;
    for (const id of world.ids) world.machine(id).ballast = 60;
    await work(world, 3);
    world.net.isolate(lost);
    await work(world, 60, [lost]);
    world.net.heal();
    await world.clock.until(() => world.node(lost).status().snapshot.installing, 60_000);
    expect(() => world.node(lost).digest()).toThrow(/being installed/);
    const read = world.node(lost).read("total");
    expect(await world.settle(read)).toBe(63);
    await world.close();
  });
});
