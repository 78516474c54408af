import { describe, expect, it } from "vitest";
import type { Configuration, Member } from "@synod/interface";
import { createNode, type NodeEvent } from "../src/index.js";
import { addressBook, changed, tolerance } from "../src/membership.js";
import { Counter, type CounterCommand, json, World } from "./world.js";

/** The node that leads, or else any that runs. */
async function change(
  world: World,
  ...args: Parameters<ReturnType<World["node"]>["changeMembership"]>
): Promise<Configuration> {
  const id = await world.leader();
  return world.settle(world.node(id).changeMembership(...args), 60_000);
}

const votersOf = ({ members }: Configuration): number[] =>
  members.filter(({ role }) => role === undefined).map(({ id }) => id);

describe("changes of the members", () => {
  it("SYS-39: grows 1 -> 3 -> 5 -> 7 and shrinks to 3 under load; tolerates 1, 2, 3 and 1 crashes", {
    timeout: 120_000,
  }, async () => {
    const world = await World.of(1);
    let sent = 0;
    let acknowledged = 0;
    let open = 0;
    let isOver = false;
    /** All the while, whatever goes on: each time at another node. */
    const load = (): void => {
      if (isOver) return;
      const nodes = [...world.nodes.values()];
      open++;
      const done = (): void => void open--;
      nodes[sent++ % nodes.length]
        ?.propose({ add: 1 })
        .then(() => acknowledged++)
        .then(done, done);
      world.clock.timer(3, load);
    };
    load();
    const sentMeanwhile: number[] = [];
    const underLoad = async (action: () => Promise<void>): Promise<void> => {
      const before = sent;
      await action();
      sentMeanwhile.push(sent - before);
    };
    const grow = async (...ids: number[]): Promise<void> => {
      for (const id of ids) {
        await world.join(id);
        await underLoad(async () => {
          await change(world, { kind: "add", member: { id, address: `node${id}` } });
        });
      }
    };
    /** Crashes so many, whoever they are; the rest goes on; then they come back. */
    const survives = async (crashes: number): Promise<void> => {
      const id = await world.leader();
      await world.clock.run(500);
      expect(world.node(id).status().membership.tolerates).toMatchObject({ now: crashes, expected: crashes });
      const members = votersOf(world.node(id).status().configuration);
      const victims = [id, ...members.filter((other) => other !== id)].slice(0, crashes);
      for (const victim of victims) await world.crash(victim);
      const next = await world.leader();
      await world.settle(world.node(next).propose({ add: 0 }));
      for (const victim of victims) await world.boot(victim);
    };
    await grow(2, 3);
    await survives(1);
    await grow(4, 5);
    await survives(2);
    await grow(6, 7);
    await survives(3);
    for (const id of [1, 3, 5, 7]) {
      const gone = world.node(id);
      await underLoad(async () => {
        expect(votersOf(await change(world, { kind: "remove", id }))).not.toContain(id);
        await world.clock.until(() => gone.status().state === "removed", 60_000);
      });
      await expect(gone.propose({ add: 1 })).rejects.toMatchObject({ code: "Removed" });
      world.nodes.delete(id);
      world.disks.delete(id);
    }
    await survives(1);
    const id = await world.leader();
    expect(votersOf(world.node(id).status().configuration)).toEqual([2, 4, 6]);
    expect(world.node(id).status().membership.epoch).toBe(1 + 6 * 2 + 4);
    isOver = true;
    await world.clock.until(() => open === 0, 60_000);
    // Nothing acknowledged is lost, nothing is executed twice: what nobody answered is unknown.
    const total = await world.settle(world.node(id).read("total"));
    expect(acknowledged).toBeGreaterThan(sent * 0.9);
    expect(total).toBeGreaterThanOrEqual(acknowledged);
    expect(total).toBeLessThanOrEqual(sent);
    expect(sentMeanwhile.length).toBe(10);
    expect(Math.min(...sentMeanwhile)).toBeGreaterThan(0);
    for (const each of [2, 4, 6]) await world.clock.until(() => world.machine(each).total === total);
    await world.close();
  });

  it("replaces a member whose disk is lost: a new id, the old name and address", async () => {
    const world = await World.of(3);
    await world.crash(3);
    world.disks.delete(3);
    await world.join(4);
    await change(world, { kind: "setAddress", id: 3, address: "here" });
    const made = await change(world, { kind: "replace", id: 3, with: { id: 4 } });
    expect(made.members).toEqual([{ id: 1 }, { id: 2 }, { id: 4, address: "here" }]);
    const id = await world.leader();
    await expect(
      world.settle(world.node(id).changeMembership({ kind: "add", member: { id: 3 } })),
    ).rejects.toMatchObject({
      code: "IdRetired",
    });
    await world.close();
  });

  it("removes the leader: it goes on until the change is complete, then stops, and another leads", async () => {
    const world = await World.of(3);
    const leader = await world.leader();
    const node = world.node(leader);
    const events: NodeEvent[] = [];
    void (async () => {
      for await (const event of node.events()) events.push(event);
    })();
    const other = world.ids.find((id) => id !== leader) ?? 0;
    const made = await world.settle(
      world.node(other).changeMembership({ kind: "remove", id: leader }, { expectedEpoch: 1 }),
    );
    expect(made.epoch).toBe(2);
    await world.clock.until(() => node.status().state === "removed");
    expect(events.map(({ kind }) => kind)).toContain("removed");
    expect(await world.leader()).not.toBe(leader);
    await expect(node.read("total")).rejects.toMatchObject({ code: "Removed" });
    await expect(node.changeMembership({ kind: "remove", id: 1 })).rejects.toMatchObject({ code: "Removed" });
    await world.close();
  });

  it("a leader that is asked to remove itself answers before it stops", async () => {
    const world = await World.of(3);
    const leader = await world.leader();
    const node = world.node(leader);
    const made = await world.settle(node.changeMembership({ kind: "remove", id: leader }));
    expect(votersOf(made)).not.toContain(leader);
    await world.clock.until(() => node.status().state === "removed");
    await world.close();
  });

  it("a learner follows, counts nowhere, and is promoted on demand", async () => {
    const world = await World.of(3);
    await world.join(4);
    await change(world, { kind: "add", member: { id: 4 }, as: "learner" });
    await world.clock.run(500);
    const id = await world.leader();
    const { membership } = world.node(id).status();
    expect(membership.learners).toEqual([{ id: 4, lag: 0 }]);
    expect(membership.tolerates).toEqual({ now: 1, expected: 1, text: "tolerates 1 failure, 1 expected" });
    expect(votersOf(await change(world, { kind: "promote", id: 4 }))).toEqual([1, 2, 3, 4]);
    await world.close();
  });

  it("says how many failures it can take now, and how many it should", async () => {
    const world = await World.of(5);
    const id = await world.leader();
    await world.crash(world.ids.find((other) => other !== id) ?? 0);
    await world.clock.run(1_000);
    expect(world.node(await world.leader()).status().membership.tolerates.text).toBe("tolerates 1 failure, 2 expected");
    await world.close();
  });

  it("a removed member that comes back where nobody can say that it may stop says so, disturbs nothing, and stops later", async () => {
    const world = await World.of(3);
    await world.crash(3);
    await change(world, { kind: "remove", id: 3 });
    // Both have heard from each other that the change is complete, and forget it.
    for (const id of [2, 1]) {
      await world.clock.run(500);
      await world.crash(id);
    }
    await world.clock.run(500);
    const left = await world.boot(1);
    const { promised } = left.status();
    const lines: string[] = [];
    const say = (text: string): void => void lines.push(text);
    const logger = { debug: () => {}, info: say, warn: say, error: say };
    const node = await world.boot(3, false, { logger });
    await world.clock.run(120_000);
    expect(node.status()).toMatchObject({
      state: "running",
      reason: expect.stringContaining(
        "was removed: it stops as soon as enough members confirm that its disk is not needed",
      ),
      membership: { removed: { epoch: 2, mayStop: false } },
      elections: { campaigns: 0, won: 0 },
    });
    expect(left.status()).toMatchObject({ promised, elections: { campaigns: 0, won: 0 } });
    const told = (): string[] => lines.filter((line) => line.includes("removed"));
    expect(told()).toEqual(["this node was removed; it runs on until it is known that its disk is not needed"]);
    expect(lines.filter((line) => line.includes("no working leader")).length).toBeLessThanOrEqual(2);
    for (const via of ["leader", "quorum"] as const)
      await expect(world.settle(node.read("total", { via, timeoutMs: 1_000 }))).rejects.toMatchObject({
        code: "NoLeader",
      });
    await expect(world.settle(node.propose({ add: 1 }, { timeoutMs: 1_000 }))).rejects.toMatchObject({
      code: "NotProposed",
    });
    await world.boot(2);
    await world.clock.until(() => node.status().state === "removed");
    expect(told().slice(1)).toEqual(["this node was removed", "the node stops: it was removed"]);
    await world.close();
  });

  it("refuses what cannot be, with the reason in its code", async () => {
    const world = await World.of(3);
    const node = world.node(await world.leader());
    const refused = (...args: Parameters<typeof node.changeMembership>): Promise<unknown> =>
      world.settle(node.changeMembership(...args).catch((error: unknown) => error));
    expect(await refused({ kind: "remove", id: 9 })).toMatchObject({ code: "InvalidArgument" });
    expect(await refused({ kind: "add", member: { id: 2 } })).toMatchObject({ code: "InvalidArgument" });
    // No disk says so of itself: all would be refused under that id.
    for (const storeId of ["A".repeat(32), "a".repeat(31), "node-4", ""]) {
      for (const change of [
        { kind: "add", member: { id: 4, storeId } },
        { kind: "replace", id: 2, with: { id: 4, storeId } },
      ] as const)
        expect(await refused(change)).toMatchObject({
          code: "InvalidArgument",
          message: expect.stringMatching(/^storeId of member 4 is 32 hexadecimal digits in lower case, as/),
        });
    }
    expect(await refused({ kind: "remove", id: 3 }, { expectedEpoch: 7 })).toMatchObject({ code: "EpochMismatch" });
    const split = { kind: "sizes", phase1: 1, phase2: 1 } as const;
    expect(await refused({ kind: "setQuorum", quorum: split })).toMatchObject({ code: "InvalidConfiguration" });
    const first = node.changeMembership({ kind: "setQuorum", quorum: { kind: "sizes", phase1: 3, phase2: 1 } });
    await world.clock.run(1);
    expect(await refused({ kind: "setQuorum", quorum: { kind: "majority" } })).toMatchObject({
      code: "ChangeUnderWay",
    });
    expect((await world.settle(first)).quorum).toEqual({ kind: "sizes", phase1: 3, phase2: 1 });
    await world.close();
  });

  it("ends a change without a leader in time, and says that nobody was asked", async () => {
    const world = await World.of(3);
    for (const id of world.ids) world.net.isolate(id);
    await world.clock.run(2_000);
    const asked = world.node(1).changeMembership({ kind: "remove", id: 3 }, { timeoutMs: 1_000 });
    await expect(world.settle(asked)).rejects.toMatchObject({ code: "NotProposed" });
    await world.close();
  });

  it("a node that joins is told from a founder, and keeps its store", async () => {
    const world = await World.of(1);
    await world.join(2);
    await change(world, { kind: "add", member: { id: 2 }, as: "learner" });
    await world.clock.run(500);
    await expect(world.boot(2, true)).rejects.toMatchObject({ code: "AlreadyFormatted" });
    await world.crash(2);
    world.disks.delete(2);
    // Its disk is gone: without bootstrap nothing formats another.
    await expect(world.join(2, false)).rejects.toMatchObject({ code: "NotFormatted" });
    await world.close();
  });
});

it("a learner that removes itself is told so before it is let go", async () => {
  const world = await World.of(3);
  await world.join(4);
  const leader = world.node(await world.leader());
  await world.settle(leader.changeMembership({ kind: "add", member: { id: 4 }, as: "learner" }), 60_000);
  await world.clock.run(500);
  const made = await world.settle(world.node(4).changeMembership({ kind: "remove", id: 4 }), 60_000);
  expect(made.epoch).toBe(3);
  await world.close();
});

describe("what a change makes of a configuration", () => {
  const base: Configuration = {
    epoch: 4,
    members: [{ id: 1 }, { id: 2, address: "b", name: "two" }],
    alpha: 8,
    quorum: { kind: "majority" },
  };

  it("keeps everything that it does not change", () => {
    expect(changed(base, { kind: "add", member: { id: 3, address: "c" } })).toEqual({
      ...base,
      epoch: 5,
      members: [...base.members, { id: 3, address: "c", role: "joining" }],
    });
    expect(changed(base, { kind: "replace", id: 2, with: { id: 5 } }).members[2]).toEqual({
      id: 5,
      address: "b",
      name: "two",
      role: "joining",
      replaces: 2,
    });
    expect(
      changed(base, { kind: "setQuorum", quorum: { kind: "sizes", phase1: 2, phase2: 1 }, alpha: 3 }),
    ).toMatchObject({ alpha: 3, epoch: 5 });
  });

  it("counts the failures that it survives", () => {
    const of = (quorum: Configuration["quorum"], n: number): Configuration => ({
      ...base,
      quorum,
      members: Array.from({ length: n }, (_, i) => ({ id: i + 1 })),
    });
    const alive = (...ids: number[]): Set<number> => new Set(ids);
    expect(tolerance(of({ kind: "majority" }, 5), alive(1, 2, 3, 4, 5))).toBe(2);
    expect(tolerance(of({ kind: "majority" }, 5), alive(1, 2))).toBe(-1);
    expect(tolerance(of({ kind: "sizes", phase1: 4, phase2: 2 }, 5), alive(1, 2, 3, 4, 5))).toBe(1);
    const grid = {
      kind: "grid",
      rows: [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
    } as const;
    expect(tolerance(of(grid, 6), alive(1, 2, 3, 4, 5, 6))).toBe(1);
    expect(tolerance(of(grid, 6), alive(1, 2, 3, 5))).toBe(0);
    const weights = {
      kind: "weights",
      weights: [
        [1, 3],
        [2, 1],
        [3, 1],
      ],
      phase1: 3,
      phase2: 3,
    } as const;
    expect(tolerance(of(weights, 3), alive(1, 2, 3))).toBe(0);
  });

  it("the first change says where the founders listen by the options, not where they did when they were formatted", async () => {
    const world = new World(2);
    const dialed = new Map<number, readonly Member[]>();
    const start = async (id: number, port: number, bootstrap: boolean): Promise<void> => {
      const transport = world.net.transport(id);
      const setMembers = (members: readonly Member[]): void => {
        dialed.set(id, members);
        transport.setMembers(members);
      };
      const members = [1, 2].map((member) => ({ id: member, address: `host${member}:${port}` }));
      const node = await createNode({
        id,
        cluster: { id: "test", members },
        stateMachine: new Counter(),
        transport: { ...transport, setMembers },
        storage: world.disk(id).storage(),
        codec: world.codec,
        commandCodec: json<CounterCommand>(),
        resultCodec: json<number>(),
        bootstrap,
        clock: world.clock,
      });
      world.nodes.set(id, node);
    };
    for (const id of [1, 2]) await start(id, 7000, true);
    for (const id of [1, 2]) await world.crash(id);
    // Those ports were taken: all are started with others.
    for (const id of [1, 2]) await start(id, 7100, false);
    const { members } = await change(world, { kind: "add", member: { id: 3, address: "host3:7000" }, as: "learner" });
    expect(members.map(({ address }) => address)).toEqual(["host1:7100", "host2:7100", "host3:7000"]);
    await world.clock.until(() => [1, 2].every((id) => dialed.get(id)?.length === 3));
    for (const id of [1, 2]) {
      expect(dialed.get(id)?.map(({ address }) => address)).toEqual(["host1:7100", "host2:7100", "host3:7000"]);
    }
    await world.close();
  });

  it("the log's addresses come before the options', but for founders that never changed", () => {
    const entry = (epoch: number, members: Configuration["members"], retired: number[] = []) =>
      ({
        epoch,
        slot: epoch,
        from: epoch,
        changeId: "",
        retired,
        quorums: { members: [], phase1: () => true, phase2: () => true },
        configuration: { ...base, epoch, members },
      }) as const;
    const first = entry(1, [
      { id: 1, address: "old" },
      { id: 2, address: "b" },
    ]);
    const given = [
      { id: 1, address: "new" },
      { id: 9, address: "contact" },
      { id: 7, address: "gone" },
    ];
    expect(addressBook({ last: first, previous: null, unfinished: [], governing: first }, given)).toEqual([
      ...given,
      { id: 2, address: "b" },
    ]);
    const second = entry(2, [{ id: 1, address: "moved" }], [2, 7]);
    expect(addressBook({ last: second, previous: first, unfinished: [], governing: first }, given)).toEqual([
      { id: 1, address: "moved" },
      { id: 9, address: "contact" },
      { id: 2, address: "b" },
    ]);
  });
});
