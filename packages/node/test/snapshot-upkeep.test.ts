// Snapshots that get in the way: rotten ones, ones that somebody still reads, ones that cannot be taken, ones that are being installed.
import { type Logger, type Metrics, SynodError } from "@synod/interface";
import { Replica } from "@synod/multipaxos";
import { describe, expect, it, vi } from "vitest";
import type { NodeEvent, NodeLimits } from "../src/index.js";
import { release } from "../src/snapshot-taking.js";
import { Counter, type Release, World } from "./world.js";

const SMALL: Partial<NodeLimits> = { snapshotTailBytesMax: 1, snapshotChunkBytes: 512 };

async function work(world: World, count: number, except: number[] = []): Promise<void> {
  for (let i = 0; i < count; i++) {
    const leader = await world.leader(except);
    await world.settle(world.node(leader).propose({ add: 1 }));
  }
}

/** Two nodes have a snapshot of some size, and the third one, which was away, needs it from the leader. */
async function behind(seed: number, ballast: number): Promise<{ world: World; leader: number; lost: number }> {
  const world = await World.of(3, seed, SMALL);
  const leader = await world.leader();
  const [lost, other] = world.ids.filter((id) => id !== leader) as [number, number];
  for (const id of world.ids) world.machine(id).ballast = ballast;
  await work(world, 3);
  await world.clock.run(200);
  world.net.isolate(lost);
  await work(world, 30, [lost]);
  await world.clock.run(300);
  for (const id of [leader, other]) await world.settle(world.node(id).snapshot());
  world.net.heal();
  world.net.cut(lost, other);
  return { world, leader, lost };
}

const received = (world: World, id: number): number => world.node(id).status().snapshot.receiving?.received ?? 0;

describe("the reader of a snapshot that is served", () => {
  it("is closed when a newer one takes its place: the file would keep its room on the disk", async () => {
    const { world, leader, lost } = await behind(1, 100);
    await world.clock.until(() => received(world, lost) > 10_000, 60_000);
    expect(world.disk(leader).openReaders).toBe(1);
    // Nothing is asked for any more, and the peer does not come back.
    world.net.isolate(lost);
    await work(world, 3, [lost]);
    await world.settle(world.node(leader).snapshot());
    await world.clock.run(20);
    expect(world.disk(leader).openReaders).toBe(0);
    await world.close();
  });

  it("is closed when nobody asks any more", async () => {
    const { world, leader, lost } = await behind(2, 100);
    await world.clock.until(() => received(world, lost) > 10_000, 60_000);
    world.net.isolate(lost);
    await world.clock.run(500);
    expect(world.disk(leader).openReaders).toBe(1);
    await world.clock.run(3_000);
    expect(world.disk(leader).openReaders).toBe(0);
    world.net.heal();
    await world.clock.until(() => world.machine(lost).total === 33, 60_000);
    await world.close();
  });
});

describe("a rotten own snapshot", () => {
  it.each([
    ["by its checksum", new SynodError("StoreDamaged", "a checksum is wrong")],
    ["by the disk", new SynodError("StoreFailed", "EIO: i/o error, read")],
  ] as const)("is reported, and a new one takes its place: seen %s", async (_, rot) => {
    const { world, leader, lost } = await behind(3, 20);
    await world.crash(leader);
    const lines: string[] = [];
    const counts: string[] = [];
    const nothing = (): void => undefined;
    const logger: Logger = { debug: nothing, info: nothing, error: nothing, warn: (line) => void lines.push(line) };
    const metrics: Metrics = { count: (name) => void counts.push(name), gauge: nothing, observe: nothing };
    const release: Release = { logger, metrics };
    world.net.cut(lost, world.ids.find((id) => id !== leader && id !== lost) ?? 0);
    await world.settle(world.boot(leader, false, release));
    const disk = world.disk(leader);
    disk.rottenIndex = disk.snapshot?.index ?? 0;
    disk.rot = rot;
    await work(world, 1, [lost]);
    await world.clock.until(() => (disk.snapshot?.index ?? 0) > disk.rottenIndex, 60_000);
    expect(lines.filter((line) => line.includes("snapshot cannot be read back"))).toHaveLength(1);
    expect(counts.filter((name) => name === "synod_snapshots_damaged_total")).toHaveLength(1);
    await world.clock.until(() => world.machine(lost).total === 34, 60_000);
    await world.close();
  });
});

it("an own snapshot that could not be opened for want of descriptors is not rotten: it is read when there are some again", async () => {
  const { world, leader, lost } = await behind(7, 20);
  const disk = world.disk(leader);
  const { index } = disk.snapshot ?? { index: 0 };
  disk.rottenIndex = index;
  disk.rot = new SynodError("StoreFailed", "EMFILE: too many open files", { details: { code: "EMFILE" } });
  await world.clock.run(1_000);
  await work(world, 1, [lost]);
  await world.clock.run(1_000);
  expect(disk.snapshot?.index).toBe(index);
  disk.rottenIndex = 0;
  await world.clock.until(() => world.machine(lost).total === 34, 60_000);
  await world.close();
});

describe("a state machine that cannot be snapshot", () => {
  const broken = (): never => {
    throw new Error("a bug in snapshot");
  };
  const withoutText = (): never => {
    throw Object.create(null);
  };

  it.each([
    ["at once", broken],
    [
      "in the middle",
      function* () {
        yield new Uint8Array(100_000);
        broken();
      },
    ],
  ] as const)("tells its caller, and the node goes on: %s", async (_, snapshot) => {
    const world = await World.of(1);
    await work(world, 1);
    const { machine, node } = { machine: world.machine(1), node: world.node(1) };
    const works = machine.snapshot.bind(machine);
    machine.snapshot = snapshot as Counter["snapshot"];
    const taken = node.snapshot();
    taken.catch(() => undefined);
    await expect(world.settle(taken)).rejects.toMatchObject({
      code: "SnapshotFailed",
      cause: { message: "a bug in snapshot" },
    });
    await work(world, 1);
    expect(node.status()).toMatchObject({ state: "running", snapshot: { index: 0, taking: null } });
    machine.snapshot = works;
    expect((await world.settle(node.snapshot())).index).toBe(node.status().applied);
    await world.close();
  });

  it.each([
    ["an error", broken],
    ["what has no text", withoutText],
  ])("is tried again when as much was executed once more, on all nodes, which all go on: %s", async (_, snapshot) => {
    const world = await World.of(3, 1, { ...SMALL, snapshotLogBytes: 2_000 });
    const events: NodeEvent[] = [];
    void (async () => {
      for await (const event of world.node(1).events()) events.push(event);
    })();
    for (const id of world.ids) world.machine(id).snapshot = snapshot;
    await work(world, 60);
    const failed = events.filter(({ kind }) => kind === "snapshotFailed");
    // About 150 bytes a slot.
    expect(failed.length).toBeGreaterThan(1);
    expect(failed.length).toBeLessThan(8);
    for (const id of world.ids)
      expect(world.node(id).status()).toMatchObject({ state: "running", snapshot: { index: 0 } });
    await world.close();
  });
});

it("a rotten snapshot whose successor cannot be taken is not tried to be replaced in every turn", async () => {
  const { world, leader, lost } = await behind(5, 20);
  const node = world.node(leader);
  let tried = 0;
  const machine = world.machine(leader);
  const works = machine.snapshot.bind(machine);
  machine.snapshot = () => {
    tried += 1;
    throw new Error("a bug in snapshot");
  };
  const disk = world.disk(leader);
  disk.rottenIndex = disk.snapshot?.index ?? 0;
  await world.clock.run(2_000);
  await work(world, 20, [lost]);
  expect(tried).toBe(1);
  expect(node.status()).toMatchObject({ state: "running", snapshot: { index: disk.rottenIndex } });
  // One that worked ends it: the next rotten one is replaced at once again.
  machine.snapshot = works;
  await world.settle(node.snapshot());
  disk.rottenIndex = node.status().snapshot.index;
  await world.clock.run(2_000);
  await work(world, 1, [lost]);
  await world.clock.until(() => (disk.snapshot?.index ?? 0) > disk.rottenIndex, 60_000);
  await world.close();
});

describe("while a snapshot is installed", () => {
  it("stale reads wait, whatever their bounds", async () => {
    const { world, lost } = await behind(4, 60);
    const node = world.node(lost);
    await world.clock.until(() => node.status().snapshot.installing, 60_000);
    const reads = [{}, { maxAgeMs: 100_000 }, { atLeast: 1 }].map((bounds) => node.readStale("total", bounds));
    for (const { answer } of await world.settle(Promise.all(reads))) expect(answer).toBe(33);
    await world.close();
  });
});

it("what waits to be executed counts against a peer's credit also when a snapshot is begun", async () => {
  const world = await World.of(3);
  const leader = await world.leader();
  await work(world, 2);
  const follower = world.ids.find((id) => id !== leader) ?? 0;
  const node = world.node(follower);
  const said = vi.spyOn(Replica.prototype, "appliedUpTo");
  await world.settle(node.snapshot());
  const waiting = said.mock.calls.map(([, bytes]) => bytes);
  said.mockRestore();
  expect(waiting.length).toBeGreaterThan(0);
  expect(waiting).not.toContain(undefined);
  await world.close();
});

it("what a state machine throws when nobody reads the rest of its snapshot is a snapshot that failed", () => {
  const fail = (): never => {
    throw new Error("cannot let go");
  };
  function* chunks(): Generator<Uint8Array, void> {
    try {
      yield new Uint8Array(1);
    } finally {
      fail();
    }
  }
  const open = chunks();
  open.next();
  expect(() => release(open)).toThrow(expect.objectContaining({ code: "SnapshotFailed" }) as Error);
});

describe("a node that takes in a snapshot of what it had not executed yet", () => {
  it("goes on to measure how long values wait", async () => {
    const world = await World.of(3, 1, { ...SMALL, batchBytesMax: 1 });
    const leader = await world.leader();
    const [slow, other] = world.ids.filter((id) => id !== leader) as [number, number];
    let waits = 0;
    const nothing = (): void => undefined;
    const observe: Metrics["observe"] = (name) => void (waits += name === "synod_apply_wait_ms" ? 1 : 0);
    await world.crash(slow);
    await world.boot(slow, false, { metrics: { count: nothing, gauge: nothing, observe } });
    const machine = world.machine(slow);
    machine.apply = (command, context) => {
      world.clock.stall(30);
      return Counter.prototype.apply.call(machine, command, context);
    };
    // In waves: with each one it hears that the one before is chosen.
    for (let i = 0; i < 10; i++) {
      const many = Array.from({ length: 30 }, () => world.node(leader).propose({ add: 1 }));
      await world.settle(Promise.all(many), 60_000);
    }
    world.net.isolate(slow);
    await work(world, 10, [slow]);
    for (const id of [leader, other]) await world.settle(world.node(id).snapshot());
    expect(world.node(slow).status().queues.apply.count).toBeGreaterThan(10);
    world.net.heal();
    await world.clock.until(() => world.node(slow).status().snapshot.index > 0, 60_000);

    const before = waits;
    await work(world, 3);
    await world.clock.run(500);
    expect(world.node(slow).applied).toBe(world.node(leader).applied);
    expect(waits).toBeGreaterThan(before);
    await world.close();
  });
});
