import { type ApplyContext, SynodError } from "@synod/interface";
import { describe, expect, it } from "vitest";
import { createNode, type SynodNode } from "../src/index.js";
import { Counter, type CounterCommand, json, tableCodec, World } from "./world.js";

const code = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    (value) => value,
    (error: unknown) => (error instanceof SynodError ? error.code : String(error)),
  );

describe("what callers may do wrong", () => {
  it("refuses a malformed ticket and goes on", async () => {
    const world = await World.of(1);
    for (const bad of [
      { session: { slot: 1, index: 0 }, sequence: 0, floor: 0 },
      { session: { slot: 0.5, index: 0 }, sequence: 1, floor: 0 },
      {} as never,
    ]) {
      expect(await world.settle(code(world.node(1).propose({ add: 1 }, { session: bad })))).toBe("InvalidArgument");
    }
    expect(await world.settle(world.node(1).propose({ add: 1 }))).toBe(1);
    await world.close();
  });

  it("refuses what is no signal before anything has begun", async () => {
    const world = await World.of(1);
    const node = world.node(1);
    for (const signal of [new AbortController(), null, 500]) {
      const given = { signal } as never;
      const calls = [
        () => node.propose({ add: 1 }, given),
        () => node.read("total", given),
        () => node.readStale("total", { atLeast: 1_000_000, ...(given as object) }),
        () => node.openSession(given),
        () => node.snapshot(given),
        () => (node.watch("total", given) as AsyncIterableIterator<unknown>).next(),
      ];
      for (const call of calls) expect(await world.settle(code(call()))).toBe("InvalidArgument");
    }
    expect(await world.settle(node.read("total"))).toBe(0);
    await world.close();
  });

  it("refuses limits that a session, or the codec, cannot keep", async () => {
    await expect(World.of(1, 1, { inFlightCommandsMax: 2_000_000 })).rejects.toMatchObject({ code: "InvalidArgument" });
    for (const limits of [{ peerBytesMax: 1e7 / 3 }, { snapshotLogBytes: 0.5 }, { applyBytesMax: 2 ** 60 }]) {
      await expect(World.of(1, 1, limits)).rejects.toMatchObject({ code: "InvalidArgument" });
    }
    const world = new World(1);
    const small = tableCodec();
    const codec = {
      ...small,
      encode: () => {
        throw new SynodError("TooLarge", "at most 1 KiB");
      },
    };
    const node = createNode({
      id: 1,
      cluster: { id: "t", members: [{ id: 1 }] },
      stateMachine: new Counter(),
      transport: world.net.transport(1),
      storage: world.disk(1).storage(),
      codec,
      commandCodec: json<CounterCommand>(),
      resultCodec: json<number>(),
      bootstrap: true,
    });
    expect(await code(node)).toBe("InvalidArgument");
  });

  it("tells the caller of a result that cannot be encoded, and stays up", async () => {
    const world = new World(1);
    const node = await createNode<CounterCommand, "total" | "throw", number>({
      id: 1,
      cluster: { id: "t", members: [{ id: 1 }] },
      stateMachine: new Counter(),
      transport: world.net.transport(1),
      storage: world.disk(1).storage(),
      codec: tableCodec(),
      commandCodec: json<CounterCommand>(),
      resultCodec: {
        encode: (total) => {
          if (total === 1) throw new SynodError("InvalidArgument", "not this one");
          return json<number>().encode(total);
        },
        decode: (bytes) => json<number>().decode(bytes),
      },
      bootstrap: true,
      clock: world.clock,
    });
    await expect(world.settle(node.propose({ add: 1 }))).rejects.toMatchObject({
      code: "InvalidResult",
      message: "the command took effect, but the result codec refused its result: not this one",
      cause: { code: "InvalidArgument" },
    });
    expect(await world.settle(node.propose({ add: 1 }))).toBe(2);
    await node.close();
  });

  it("refuses to start a formatted store with another quorum or window", async () => {
    const world = await World.of(1);
    await world.close();
    const restart = (cluster: object): Promise<unknown> =>
      code(
        createNode({
          id: 1,
          cluster: { id: "test", members: [{ id: 1 }], ...cluster },
          stateMachine: new Counter(),
          transport: world.net.transport(1),
          storage: world.disk(1).storage(),
          codec: world.codec,
          commandCodec: json<CounterCommand>(),
          resultCodec: json<number>(),
        }),
      );
    expect(await restart({ alpha: 7 })).toBe("InvalidConfiguration");
    expect(await restart({ quorum: { kind: "sizes", phase1: 1, phase2: 1 } })).toBe("InvalidConfiguration");
    expect(await restart({ members: [{ id: 1 }, { id: 2 }] })).toBe("InvalidConfiguration");
  });

  it.each([
    ["a window that is too wide", { alpha: 2 ** 21 }],
    ["quorums that do not meet", { quorum: { kind: "sizes", phase1: 1, phase2: 1 }, members: [{ id: 1 }, { id: 2 }] }],
    ["a role that is none", { members: [{ id: 1 }, { id: 2, role: "observer" }] }],
    ["a name that is too long", { members: [{ id: 1, name: "x".repeat(256) }] }],
  ])("refuses founders with %s before it formats the store: the corrected call is free", async (_what, cluster) => {
    const world = new World(1);
    const boot = (odd: object): Promise<SynodNode<CounterCommand, "total" | "throw", number>> =>
      createNode({
        id: 1,
        cluster: { id: "test", members: [{ id: 1 }], ...odd },
        stateMachine: new Counter(),
        transport: world.net.transport(1),
        storage: world.disk(1).storage(),
        codec: world.codec,
        commandCodec: json<CounterCommand>(),
        resultCodec: json<number>(),
        bootstrap: true,
        clock: world.clock,
      });
    expect(await code(boot(cluster))).toBe("InvalidConfiguration");
    const node = await boot({});
    expect(await world.settle(node.propose({ add: 1 }))).toBe(1);
    await node.close();
  });

  it("keeps nodes apart that were formatted with different quorums: together they could choose two values", async () => {
    const world = new World(3);
    for (const id of world.ids) {
      const members = world.ids.map((member) => ({ id: member }));
      const quorum = id === 1 ? { quorum: { kind: "sizes" as const, phase1: 3, phase2: 1 } } : {};
      const stateMachine = new Counter();
      const node = await createNode({
        id,
        cluster: { id: "test", members, ...quorum },
        stateMachine,
        transport: world.net.transport(id),
        storage: world.disk(id).storage(),
        codec: world.codec,
        commandCodec: json<CounterCommand>(),
        resultCodec: json<number>(),
        bootstrap: true,
        clock: world.clock,
      });
      world.nodes.set(id, node);
      world.machines.set(id, stateMachine);
    }
    await world.leader();
    await world.settle(world.node(2).propose({ add: 1 }));
    await world.clock.run(5_000);
    expect(world.node(1).status()).toMatchObject({ leader: null, chosenUpTo: 0, promised: null });
    const refused = (id: number): unknown[] =>
      world
        .node(id)
        .status()
        .peers.map((peer) => peer.refused);
    const why = expect.stringContaining("formatted with other founders");
    expect([refused(1), refused(2), refused(3)]).toEqual([
      [why, why],
      [why, null],
      [why, null],
    ]);
    await world.close();
  });
});

describe("a node that does not come through", () => {
  it("says whom it hears and how many are needed", async () => {
    const world = await World.of(3, 1, { proposeTimeoutMs: 3_000, readTimeoutMs: 3_000 });
    const leader = await world.leader();
    const cut = world.ids.find((id) => id !== leader) ?? 0;
    world.net.isolate(cut);
    await world.clock.run(2_000);
    const facts = {
      message: expect.stringContaining("no leader: 1 of 3 members heard, 2 are needed"),
      details: { leader: null, heard: [cut], members: 3 },
    };
    const calls = [world.node(cut).propose({ add: 1 }), world.node(cut).read("total")];
    expect(await world.settle(Promise.allSettled(calls))).toMatchObject([
      { reason: { code: "NotProposed", ...facts } },
      { reason: { code: "NoLeader", ...facts } },
    ]);
    await world.close();
  });

  it("may be bootstrapped again where its first start failed after its store was formatted", async () => {
    const world = new World(1);
    const transport = world.net.transport(1);
    const node = createNode({
      id: 1,
      cluster: { id: "test", members: [{ id: 1 }] },
      stateMachine: new Counter(),
      transport: { ...transport, start: () => Promise.reject(new SynodError("AddressInUse", "The port is taken.")) },
      storage: world.disk(1).storage(),
      codec: world.codec,
      commandCodec: json<CounterCommand>(),
      resultCodec: json<number>(),
      bootstrap: true,
    });
    await expect(node).rejects.toMatchObject({ code: "AddressInUse" });
    await world.boot(1, true);
    await world.leader();
    await world.crash(1);
    // By now it has voted: it is no first start any more.
    await expect(world.boot(1, true)).rejects.toMatchObject({ code: "AlreadyFormatted" });
    await world.close();
  });
});

describe("sessions over time", () => {
  /** Long times with few rounds of the election clock in them. */
  const calm = { electionTimeoutMs: 5_000, proposeTimeoutMs: 100_000 };

  it("proposes after a long silence, in a few slots", async () => {
    const world = await World.of(3, 1, calm);
    const leader = await world.leader();
    expect(await world.settle(world.node(leader).propose({ add: 1 }))).toBe(1);
    await world.clock.run(250_000);
    const slots = world.node(leader).status().chosenUpTo;
    expect(await world.settle(world.node(leader).propose({ add: 1 }))).toBe(2);
    expect(world.node(leader).status().chosenUpTo - slots).toBeLessThan(5);
    await world.close();
  });

  it("does not let logged time jump at a change of leader: a session lives on", async () => {
    const world = await World.of(3, 1, calm);
    await world.clock.run(3_600_000);
    const first = await world.leader();
    await world.crash(first);
    const second = await world.leader([first]);
    const session = await world.settle(world.node(second).openSession());
    const ticket = session.ticket();
    expect(await world.settle(world.node(second).propose({ add: 1 }, { session: ticket }))).toBe(1);
    await world.boot(first);
    await world.clock.run(2_000);
    await world.crash(second);
    const others = world.ids.filter((id) => id !== second).map((id) => code(world.node(id).propose({ add: 10 })));
    const third = await world.leader([second]);
    for (const other of others) expect(await world.settle(other, 200_000)).toBeTypeOf("number");
    expect(await world.settle(world.node(third).propose({ add: 1 }, { session: ticket }))).toBe(1);
    await world.close();
  });

  it("does not count the time without a quorum", async () => {
    const world = await World.of(3, 1, calm);
    const leader = await world.leader();
    const session = await world.settle(world.node(leader).openSession());
    const ticket = session.ticket();
    await world.settle(world.node(leader).propose({ add: 1 }, { session: ticket }));
    for (const id of world.ids) world.net.isolate(id);
    await world.clock.run(1_200_000);
    const others = world.ids.map((id) => code(world.node(id).propose({ add: 10 })));
    world.net.heal();
    await world.leader();
    for (const other of others) expect(await world.settle(other, 200_000)).toBeTypeOf("number");
    expect(await world.settle(world.node(await world.leader()).propose({ add: 1 }, { session: ticket }))).toBe(1);
    await world.close();
  });

  it("closes a session: its tickets execute nothing more", async () => {
    const world = await World.of(3);
    const session = await world.settle(world.node(1).openSession());
    const sessions = world.node(1).status().sessions;
    await world.settle(session.close());
    expect(world.node(1).status().sessions).toBe(sessions - 1);
    expect(await world.settle(code(world.node(1).propose({ add: 1 }, { session: session.ticket() })))).toBe(
      "SessionUnknown",
    );
    await world.close();
  });

  it("closes a session twice at a time, and no more of them than there is room", async () => {
    const world = await World.of(1, 1, { queueBytesMax: 2_080 });
    const node = world.node(1);
    const session = await world.settle(node.openSession());
    const other = await world.settle(node.openSession());
    expect(() => session.done(other.ticket())).toThrow(expect.objectContaining({ code: "InvalidArgument" }) as Error);
    const startMs = world.clock.now();
    expect(await world.settle(Promise.all([session.close(), session.close()]))).toEqual([undefined, undefined]);
    expect(world.clock.now() - startMs).toBeLessThan(1_000);
    const both = [node.propose({ add: 1 }), node.propose({ add: 1 })];
    expect(await code(other.close())).toBe("Busy");
    await world.settle(Promise.all(both));
    expect(await world.settle(code(other.close()))).toBe(undefined);
    await world.close();
  });

  it("executes commands whose replies fill the session, as room is made", async () => {
    const world = new World(1);
    class Big extends Counter {
      override apply(command: CounterCommand, context: ApplyContext): { result: number } {
        super.apply(command, context);
        return { result: "x".repeat(1024 * 1024) as unknown as number };
      }
    }
    const stateMachine = new Big();
    const node = await createNode({
      id: 1,
      cluster: { id: "t", members: [{ id: 1 }] },
      stateMachine,
      transport: world.net.transport(1),
      storage: world.disk(1).storage(),
      codec: tableCodec(),
      commandCodec: json<CounterCommand>(),
      resultCodec: json<number>(),
      bootstrap: true,
      clock: world.clock,
    });
    await world.settle(Promise.all(Array.from({ length: 30 }, () => node.propose({ add: 1 }))));
    expect(stateMachine.applied.length).toBe(30);
    expect(node.status().chosenUpTo).toBeLessThan(60);
    await node.close();
  });
});

describe("slow surroundings", () => {
  it("reads at a follower over a slow network", async () => {
    const world = new World(3, 1);
    world.net.delayMs = 45;
    for (const id of world.ids) await world.boot(id, true);
    const leader = await world.leader();
    await world.clock.run(2_000);
    const follower = world.ids.find((id) => id !== leader) ?? 0;
    await world.settle(world.node(follower).propose({ add: 5 }));
    expect(await world.settle(world.node(follower).read("total"))).toBe(5);
    await world.close();
  });

  it.each([100, 200, 300, 500])("elects a leader on disks that take %d ms", async (delayMs) => {
    const world = new World(3, 3);
    for (const id of world.ids) world.disk(id).delayMs = delayMs;
    for (const id of world.ids) await world.boot(id, true);
    await world.clock.until(() => world.ids.some((id) => world.node(id).status().role === "leader"), 15_000);
    await world.close();
  });
});
