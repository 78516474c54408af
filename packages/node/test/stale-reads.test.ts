import { describe, expect, it } from "vitest";
import type { StaleReadOptions } from "../src/types.js";
import { World } from "./world.js";

const LEASE = { durationMs: 300, driftPercent: 1 };
const codeOf = (error: { code: string }): string => error.code;

describe("a read through a quorum", () => {
  it("needs no leader", async () => {
    const world = await World.of(3, 1);
    const leader = await world.leader();
    const other = world.ids.find((id) => id !== leader) ?? 0;
    await world.settle(world.node(leader).propose({ add: 5 }));
    await world.clock.run(50);
    world.net.isolate(leader);
    expect(await world.settle(world.node(other).read("total", { via: "quorum" }), 10)).toBe(5);
    await world.close();
  });

  it("goes to the leader where it finds no quorum, and ends in time", async () => {
    const world = await World.of(3, 1, { readTimeoutMs: 600 });
    world.net.isolate(2);
    expect(await world.settle(world.node(2).read("total", { via: "quorum" }).catch(codeOf))).toBe("NoLeader");
    await expect(world.node(1).read("total", { via: "nobody" as "quorum" })).rejects.toThrow('via is "leader" or');
    await world.close();
  });
});

describe("leases", () => {
  it("let the leader answer alone, for a while", async () => {
    const world = await World.of(3, 1, { readTimeoutMs: 1_000 }, { lease: LEASE });
    const leader = await world.leader();
    await world.clock.run(300);
    await world.settle(world.node(leader).propose({ add: 5 }));
    expect(world.node(leader).status().leaseLeftMs).toBeGreaterThan(0);
    world.net.isolate(leader);
    expect(await world.settle(world.node(leader).read("total"), 0)).toBe(5);
    await world.clock.run(400);
    expect(world.node(leader).status().leaseLeftMs).toBeNull();
    expect(await world.settle(world.node(leader).read("total").catch(codeOf))).toBe("NoLeader");
    await world.close();
  });

  it("end while a process stands still: the first read after it asks a quorum", async () => {
    const world = await World.of(3, 1, { readTimeoutMs: 1_000 }, { lease: LEASE });
    const leader = await world.leader();
    await world.clock.run(300);
    world.net.isolate(leader);
    world.clock.stall(3 * LEASE.durationMs);
    // Before anything else of the node runs.
    const read = world.node(leader).read("total").catch(codeOf);
    expect(await world.settle(read)).toBe("NoLeader");
    await world.close();
  });

  it("are fixed by the store, and what is none is refused", async () => {
    await expect(World.of(1, 1, {}, { lease: { durationMs: 0.5, driftPercent: 1 } })).rejects.toThrow(
      "lease.durationMs",
    );
    await expect(World.of(1, 1, {}, { lease: { durationMs: 500, driftPercent: 51 } })).rejects.toThrow(
      "lease.driftPercent",
    );
    const world = await World.of(1, 1, {}, { lease: LEASE });
    expect(world.node(1).status().configuration.lease).toEqual(LEASE);
    await world.close();
  });
});

describe("stale reads", () => {
  const split = async (): Promise<{ world: World; leader: number; cut: number; live: number }> => {
    const world = await World.of(3, 1, { readTimeoutMs: 500 });
    const leader = await world.leader();
    const [cut = 0, live = 0] = world.ids.filter((id) => id !== leader);
    await world.settle(world.node(leader).propose({ add: 5 }));
    await world.clock.run(50);
    return { world, leader, cut, live };
  };

  it("without a bound answer whatever is there, at once", async () => {
    const { world, leader, cut } = await split();
    world.net.isolate(cut);
    await world.settle(world.node(leader).propose({ add: 1 }));
    const { answer, asOf, ageMs } = await world.node(cut).readStale("total");
    expect([answer, asOf === world.node(cut).applied, ageMs]).toEqual([5, true, Infinity]);
    await world.close();
  });

  it("with maxAgeMs ask a quorum once, and then answer alone until that is too old", async () => {
    const { world, cut } = await split();
    const read = (): Promise<unknown> => world.node(cut).readStale("total", { maxAgeMs: 100 }).catch(codeOf);
    expect(await world.settle(read())).toMatchObject({ answer: 5 });
    world.net.isolate(cut);
    await world.clock.run(80);
    expect(await read()).toMatchObject({ answer: 5 });
    await world.clock.run(30);
    expect(await world.settle(read())).toBe("TooStale");
    await world.close();
  });

  it("with maxSlots are refused where too few are heard to know", async () => {
    const { world, leader, cut } = await split();
    const read = (): Promise<unknown> => world.node(cut).readStale("total", { maxSlots: 0 }).catch(codeOf);
    expect(await read()).toMatchObject({ answer: 5 });
    world.net.isolate(cut);
    await world.settle(world.node(leader).propose({ add: 1 }));
    await world.clock.run(300);
    expect(await world.settle(read())).toBe("TooStale");
    world.net.heal();
    expect(await world.settle(read())).toMatchObject({ answer: 6 });
    await world.close();
  });

  it("with maxSlots count the slots that others know as chosen and this node has not executed", async () => {
    const { world, leader, cut } = await split();
    const isBeat = (frame: Uint8Array): boolean => world.codec.decode(frame).message.kind.startsWith("beat");
    world.net.lose = (to, frame) => to === cut && !isBeat(frame);
    const before = world.node(cut).applied;
    for (let i = 0; i < 3; i++) await world.settle(world.node(leader).propose({ add: 1 }));
    await world.clock.run(300);
    expect([world.node(leader).applied - before, world.node(cut).applied - before]).toEqual([3, 0]);
    const read = (maxSlots: number): Promise<unknown> => world.node(cut).readStale("total", { maxSlots }).catch(codeOf);
    expect(await read(3)).toMatchObject({ answer: 5, asOf: before });
    expect(await world.settle(read(2))).toBe("TooStale");
    world.net.lose = () => false;
    expect(await world.settle(read(0))).toMatchObject({ answer: 8 });
    await world.close();
  });

  it("with atLeast never go back in time, at whatever node", async () => {
    const { world, leader, cut, live } = await split();
    world.net.isolate(cut);
    await world.settle(world.node(leader).propose({ add: 1 }));
    const atLeast = world.node(leader).applied;
    expect(await world.settle(world.node(live).readStale("total", { atLeast }))).toMatchObject({ answer: 6 });
    expect(await world.settle(world.node(cut).readStale("total", { atLeast }).catch(codeOf))).toBe("TooStale");
    const late = world.node(cut).readStale("total", { atLeast });
    world.net.heal();
    expect(await world.settle(late)).toMatchObject({ answer: 6, asOf: atLeast });
    await world.close();
  });

  it("whose bound is never met end at the deadline of the call, and ask one quorum at most until then", async () => {
    const { world, cut } = await split();
    const asks = new Set<number>();
    world.net.lose = (_to, frame) => {
      const { message, from } = world.codec.decode(frame);
      if (from === cut && message.kind === "quorumReadAsk") asks.add(message.nonce);
      return false;
    };
    const ended = async (bounds: StaleReadOptions): Promise<[unknown, number]> => {
      const calledMs = world.clock.now();
      const code = await world.settle(world.node(cut).readStale("total", bounds).catch(codeOf));
      return [code, world.clock.now() - calledMs];
    };
    const isDeadline = (tookMs: number): boolean => tookMs >= 500 && tookMs < 600;
    const [code, tookMs] = await ended({ atLeast: world.node(cut).applied + 1 });
    expect([code, isDeadline(tookMs), asks.size]).toEqual(["TooStale", true, 0]);
    // All bounds at once, of which a quorum meets what it can.
    const [never, laterMs] = await ended({ atLeast: world.node(cut).applied + 1, maxSlots: 0, maxAgeMs: 0 });
    expect([never, isDeadline(laterMs), asks.size]).toEqual(["TooStale", true, 0]);
    expect((await ended({ atLeast: world.node(cut).applied, maxSlots: 0, maxAgeMs: 0 }))[0]).toMatchObject({
      answer: 5,
    });
    expect(asks.size).toBe(1);
    await world.close();
  });

  it("refuse what is no bound, end with their signal, and pass errors of the query on", async () => {
    const { world, cut } = await split();
    const node = world.node(cut);
    for (const bad of [{ maxAgeMs: -1 }, { maxSlots: 0.5 }, { atLeast: Number.NaN }]) {
      expect(await node.readStale("total", bad).catch(codeOf)).toBe("InvalidArgument");
    }
    const abort = new AbortController();
    const waiting = node.readStale("total", { atLeast: 1_000, signal: abort.signal }).catch(codeOf);
    abort.abort();
    expect(await world.settle(waiting)).toBe("TooStale");
    await expect(node.readStale("throw")).rejects.toThrow("a bug in query");
    await expect(world.settle(node.readStale("throw", { maxAgeMs: 0 }))).rejects.toThrow("a bug in query");
    await world.close();
  });
});
