import { SynodError } from "@synod/interface";
import { describe, expect, it } from "vitest";
import { type NodeEvent } from "../src/index.js";
import { type CounterCommand, json, World } from "./world.js";

const code = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "settled",
    (error: unknown) => (error instanceof SynodError ? error.code : String(error)),
  );

describe("a cluster of three", () => {
  it("executes a command once on every node, wherever it was proposed", async () => {
    const world = await World.of(3);
    for (const id of world.ids) await world.settle(world.node(id).propose({ add: id }));
    await world.clock.until(() => world.ids.every((id) => world.machine(id).total === 6));
    expect(world.ids.map((id) => world.machine(id).applied)).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
    ]);
    const [first, ...rest] = world.ids.map((id) => world.node(id));
    await world.clock.run(100);
    for (const node of rest) expect(node.digest()).toEqual(first?.digest());
    await world.close();
  });

  it("answers a command after one write and one round trip", async () => {
    const world = await World.of(3);
    const leader = await world.leader();
    await world.settle(world.node(leader).propose({ add: 1 }));
    await world.clock.run(300);
    const [writes, startMs] = [world.ids.map((id) => world.disk(id).writes), world.clock.now()];
    await world.settle(world.node(leader).propose({ add: 1 }));
    // Accept out (1 ms), vote on disk (1 ms), Accepted back (1 ms).
    expect(world.clock.now() - startMs).toBeCloseTo(3, 5);
    expect(world.ids.map((id, i) => world.disk(id).writes - (writes[i] ?? 0))).toEqual([1, 1, 1]);
    await world.close();
  });

  it("puts what waits into one batch: a hundred commands, one write each node", async () => {
    const world = await World.of(3);
    const leader = await world.leader();
    await world.settle(world.node(leader).propose({ add: 1 }));
    const before = world.disk(leader).writes;
    const slot = world.node(leader).status().chosenUpTo;
    await world.settle(Promise.all(Array.from({ length: 100 }, () => world.node(leader).propose({ add: 1 }))));
    expect(world.node(leader).status().chosenUpTo - slot).toBe(1);
    expect(world.disk(leader).writes - before).toBe(1);
    await world.close();
  });

  it("reads at every node what was acknowledged at any", async () => {
    const world = await World.of(3);
    for (let i = 1; i <= 9; i++) {
      const writer = world.node((i % 3) + 1);
      const reader = world.node(((i + 1) % 3) + 1);
      await world.settle(writer.propose({ add: 1 }));
      expect(await world.settle(reader.read("total"))).toBe(i);
    }
    await world.close();
  });

  it("goes on after the leader's end, and loses and repeats nothing", async () => {
    const world = await World.of(3, 7);
    const leader = await world.leader();
    const survivors = world.ids.filter((id) => id !== leader);
    let acknowledged = 0;
    for (let i = 0; i < 20; i++) {
      await world.settle(world.node(survivors[i % 2] ?? 0).propose({ add: 1 }));
      acknowledged++;
    }
    // These are on their way through the leader when it ends.
    const underWay = survivors.flatMap((id) => [1, 2, 3].map(() => world.node(id).propose({ add: 1 })));
    await world.clock.run(1.5);
    await world.node(leader).close({ transferTimeoutMs: 0 });
    await world.settle(Promise.all(underWay));
    acknowledged += underWay.length;
    expect(await world.settle(world.node(survivors[0] ?? 0).read("total"))).toBe(acknowledged);
    await world.boot(leader);
    await world.settle(world.node(leader).propose({ add: 1 }));
    await world.clock.until(() => world.ids.every((id) => world.machine(id).total === acknowledged + 1));
    await world.close();
  });

  it("is all there after every node was restarted", async () => {
    const world = await World.of(3);
    await world.settle(world.node(1).propose({ add: 5 }));
    await world.close();
    for (const id of world.ids) await world.boot(id);
    await world.leader();
    expect(await world.settle(world.node(2).read("total"))).toBe(5);
    expect(await world.settle(world.node(2).propose({ add: 1 }))).toBe(6);
    await world.close();
  });
});

it("lets the state keep views of the log that it found at its start, and of nothing that came later", async () => {
  const world = await World.of(3);
  for (const add of [2, 3]) await world.settle(world.node(1).propose({ add }));
  await world.clock.until(() => world.ids.every((id) => world.machine(id).total === 5));
  await world.close();
  const asked: string[] = [];
  const plain = json<CounterCommand>();
  const commandCodec = {
    ...plain,
    decode: (bytes: Uint8Array) => (asked.push("decode"), plain.decode(bytes)),
    decodeLasting: (bytes: Uint8Array) => (asked.push("lasting"), plain.decode(bytes)),
  };
  await world.boot(1, false, { commandCodec });
  for (const id of [2, 3]) await world.boot(id);
  await world.leader();
  await world.settle(world.node(2).propose({ add: 1 }));
  await world.clock.until(() => world.machine(1).total === 6);
  // The disk does not say of the last one that it is chosen.
  expect(asked).toEqual(["lasting", "decode", "decode"]);
  await world.close();
});

describe("a minority", () => {
  it("acknowledges nothing, answers no read, and joins again", async () => {
    const world = await World.of(3, 3, { proposeTimeoutMs: 2_000, readTimeoutMs: 2_000 });
    const leader = await world.leader();
    await world.settle(world.node(leader).propose({ add: 1 }));
    world.net.isolate(leader);
    const cut = world.node(leader);
    const [proposal, read] = [code(cut.propose({ add: 100 })), code(cut.read("total"))];
    const others = world.ids.filter((id) => id !== leader);
    await world.leader([leader]);
    await world.settle(world.node(others[0] ?? 0).propose({ add: 1 }));
    expect(await world.settle(proposal)).toBe("OutcomeUnknown");
    expect(await world.settle(read)).toBe("NoLeader");
    expect(cut.status().role).not.toBe("leader");
    expect(await world.settle(code(cut.propose({ add: 100 })))).toBe("NotProposed");
    world.net.heal();
    await world.clock.until(() => world.machine(leader).total === 2);
    expect(await world.settle(cut.read("total"))).toBe(2);
    await world.close();
  });
});

describe("sessions", () => {
  it("executes a ticket once, however often and wherever it is proposed", async () => {
    const world = await World.of(3);
    const session = await world.settle(world.node(1).openSession());
    const ticket = session.ticket();
    const results = await world.settle(
      Promise.all(world.ids.flatMap((id) => [1, 2].map(() => world.node(id).propose({ add: 4 }, { session: ticket })))),
    );
    expect(results).toEqual([4, 4, 4, 4, 4, 4]);
    expect(await world.settle(world.node(2).read("total"))).toBe(4);
    await world.close();
  });

  it("refuses a ticket of a session that was never opened", async () => {
    const world = await World.of(3);
    const ticket = { session: { slot: 1000, index: 0 }, sequence: 1, floor: 0 };
    expect(await world.settle(code(world.node(1).propose({ add: 1 }, { session: ticket })))).toBe("SessionUnknown");
    await world.close();
  });

  it("may be given up by several calls at one node: all of them settle", async () => {
    const world = await World.of(3);
    const session = await world.settle(world.node(1).openSession());
    const startedMs = world.clock.now();
    const calls = [1, 2, 3].map(() => world.node(2).closeSession(session.id));
    expect(await world.settle(Promise.all(calls))).toEqual([undefined, undefined, undefined]);
    expect(world.clock.now() - startedMs).toBeLessThan(1_000);
    await world.close();
  });

  it("gives up a session by its id at any node, also one that is gone", async () => {
    const world = await World.of(3);
    const session = await world.settle(world.node(1).openSession());
    const mine = { session: session.id, sequence: 1, floor: 0 };
    expect(session.ticket()).toEqual(mine);
    expect(await world.settle(world.node(2).propose({ add: 1 }, { session: mine }))).toBe(1);
    await world.settle(world.node(3).closeSession(session.id));
    await expect(world.settle(world.node(1).propose({ add: 1 }, { session: mine }))).rejects.toMatchObject({
      code: "SessionUnknown",
    });
    await world.settle(world.node(2).closeSession(session.id));
    await expect(world.node(2).closeSession({ slot: -1, index: 0 })).rejects.toMatchObject({ code: "InvalidArgument" });
    const signal = AbortSignal.abort("no");
    await expect(world.node(2).closeSession(session.id, { signal })).rejects.toMatchObject({ code: "NotProposed" });
    await world.close();
    await expect(world.node(2).closeSession(session.id)).rejects.toMatchObject({ code: "Closed" });
  });

  it("gives out no more tickets than may be open", async () => {
    const world = await World.of(1, 1, { inFlightCommandsMax: 2 });
    const session = await world.settle(world.node(1).openSession());
    const first = session.ticket();
    session.ticket();
    expect(() => session.ticket()).toThrow(expect.objectContaining({ code: "Busy" }));
    session.done(first);
    expect(session.ticket()).toMatchObject({ sequence: 3, floor: 1 });
    await world.close();
  });
});

describe("limits and errors", () => {
  it("tells what is too large, too much, aborted or closed", async () => {
    const world = await World.of(1, 1, { commandBytesMax: 20, queueBytesMax: 2_080 });
    const node = world.node(1);
    expect(await code(node.propose({ add: 10 ** 20 }))).toBe("TooLarge");
    const first = node.propose({ add: 11111 });
    const second = node.propose({ add: 11111 });
    expect(await code(node.propose({ add: 1 }))).toBe("Busy");
    await world.settle(Promise.all([first, second]));
    expect(await code(node.propose({ add: 1 }, { signal: AbortSignal.abort() }))).toBe("NotProposed");
    expect(await code(node.read("total", { signal: AbortSignal.abort() }))).toBe("NoLeader");
    const underWay = code(node.propose({ add: 1 }));
    await node.close();
    expect(["NotProposed", "OutcomeUnknown"]).toContain(await underWay);
    expect(await code(node.propose({ add: 1 }))).toBe("Closed");
    expect(await code(node.read("total"))).toBe("Closed");
    await node.close();
  });

  it("refuses a command for which the queue never has room as too large, not as one to be tried again", async () => {
    const world = await World.of(1, 1, { queueBytesMax: 1_040 });
    const node = world.node(1);
    const never = node.propose({ add: 10 ** 20 });
    await expect(never).rejects.toMatchObject({
      code: "TooLarge",
      message: expect.stringMatching(/limits\.queueBytesMax at 1040 .* more than 16/),
    });
    expect(await world.settle(node.propose({ add: 1 }))).toBe(1);
    await world.close();
  });

  it("ends a proposal when its signal aborts, saying whether it may take effect", async () => {
    const world = await World.of(3, 5);
    const leader = await world.leader();
    await world.settle(world.node(leader).propose({ add: 1 }));
    for (const id of world.ids) if (id !== leader) world.net.cut(leader, id);
    const abort = new AbortController();
    const proposal = code(world.node(leader).propose({ add: 1 }, { signal: abort.signal }));
    await world.clock.run(5);
    abort.abort();
    expect(await world.settle(proposal)).toBe("OutcomeUnknown");
    await world.close();
  });

  it("passes an exception of a query on to the reader alone", async () => {
    const world = await World.of(1);
    expect(await world.settle(code(world.node(1).read("throw")))).toBe("Error: a bug in query");
    expect(await world.settle(world.node(1).propose({ add: 2 }))).toBe(2);
    await world.close();
  });

  it("stops when the state machine throws, and settles every call", async () => {
    const world = await World.of(1);
    const node = world.node(1);
    const events: NodeEvent[] = [];
    const watch = (async () => {
      for await (const event of node.events()) events.push(event);
    })();
    expect(await world.settle(code(node.propose({ crash: true })))).toBe("OutcomeUnknown");
    expect(node.status()).toMatchObject({ state: "failed", failure: { code: "ApplyFailed" } });
    expect(await code(node.propose({ add: 1 }))).toBe("Closed");
    await watch;
    expect(events.at(-1)).toMatchObject({ kind: "failed" });
    await world.close();
  });

  it("stops for good when a write fails, and never acknowledges what was in it", async () => {
    const world = await World.of(1);
    const node = world.node(1);
    await world.settle(node.propose({ add: 1 }));
    world.disk(1).failure = new SynodError("StoreFailed", "the disk is gone");
    const writes = world.disk(1).writes;
    expect(await world.settle(code(node.propose({ add: 1 })))).toBe("OutcomeUnknown");
    expect(node.status()).toMatchObject({ state: "failed", failure: { code: "StoreFailed" } });
    expect(world.disk(1).writes).toBe(writes + 1);
    await world.close();
  });

  it("refuses options that make no sense", async () => {
    const world = new World(3);
    world.disks.set(4, world.disk(1));
    expect(await code(world.boot(4, true))).toBe("InvalidArgument");
    expect(await code(world.boot(1, false))).toBe("NotFormatted");
    await world.close();
    const used = await World.of(1);
    await used.crash(1);
    expect(await code(used.boot(1, true))).toBe("AlreadyFormatted");
  });
});
