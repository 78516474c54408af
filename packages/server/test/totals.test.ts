// What all connections together may make a server hold.
import { encodeAdminCall, encodeFrame, encodeRequest, snapshotPartBytesMax } from "@synod/client/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { Counts, Lines, queryCodec, until, World } from "./support.js";
import { Wire } from "./wire.js";

let world: World;
afterEach(() => world.close());

const large = (bytes: number): Uint8Array => queryCodec.encode({ op: "get", key: "k".repeat(bytes) });
const slowOf = (metrics: Counts): number => metrics.of("synod_server_refusals_total")["Slow"] ?? 0;
const later = queryCodec.encode({ op: "history", from: 1_000_000 });

describe("together, connections hold a bounded number of bytes", () => {
  test("of watches: those of one connection, and of all", async () => {
    const limits = { requestBytesMax: 300_000, inputBytesTotalMax: 500_000 };
    world = await World.of(1, { serve: { limits } });
    const [address = ""] = world.addresses;
    const padded = queryCodec.encode({ op: "history", from: 1_000_000, pad: "x".repeat(100_000) } as never);
    const [one, two] = [await Wire.accepted(address), await Wire.accepted(address)];
    for (let id = 1; id <= 3; id++) one.ask({ kind: "watch", id, query: padded });
    expect(await one.reply(3)).toMatchObject({ kind: "failure", code: "Busy" });
    for (let id = 1; id <= 2; id++) two.ask({ kind: "watch", id, query: padded });
    const three = await Wire.accepted(address);
    three.ask({ kind: "watch", id: 1, query: padded });
    expect(await three.reply(1)).toMatchObject({ kind: "failure", code: "Busy" });
    // What is small has its place, and what is given up makes room.
    three.ask({ kind: "watch", id: 2, query: later });
    one.socket.destroy();
    await until(() => world.member(1).server.status().watches === 3);
    three.ask({ kind: "watch", id: 3, query: padded });
    await until(() => world.member(1).server.status().watches === 4);
  });

  test("of frames that are never whole: the longest has to go, counted and logged", async () => {
    const [metrics, logger] = [new Counts(), new Lines()];
    world = await World.of(1, { serve: { limits: { inputBytesTotalMax: 1_000_000 }, metrics, logger } });
    const [address = ""] = world.addresses;
    const client = await world.connect();
    const part = (bytes: number): Buffer =>
      Buffer.concat(encodeFrame(...encodeRequest({ kind: "watch", id: 1, query: large(bytes) }))).subarray(0, bytes);
    const wires = await Promise.all([1, 2, 3].map(() => Wire.accepted(address)));
    const sizes = [300_000, 400_000, 350_000];
    for (const [i, wire] of wires.entries()) wire.socket.write(part(sizes[i] ?? 0));
    await until(() => wires.some(({ closed }) => closed));
    expect(wires.map(({ closed }) => closed)).toEqual([false, true, false]);
    expect(metrics.of("synod_server_refusals_total")).toEqual({ Busy: 1 });
    expect(logger.warnings).toEqual([expect.stringContaining("had begun a long frame")]);
    expect(await client.propose({ op: "add", key: "a", by: 1 })).toBe(1);
    for (const { socket } of wires) socket.destroy();
  });

  test("of what nobody takes: first no new requests, then the one that holds most has to go", async () => {
    const metrics = new Counts();
    const limits = { outputBytesMax: 8_000_000, outputBytesTotalMax: 1_000_000, outputStallMs: 600_000 };
    world = await World.of(1, { serve: { limits, metrics } });
    const [address = ""] = world.addresses;
    const client = await world.connect();
    await Promise.all(
      Array.from({ length: 30 }, (_, i) => client.propose({ op: "set", key: `${i}${"k".repeat(10_000)}`, value: i })),
    );
    const { node, index, bytes } = await client.admin.readSnapshot();
    // What is neither a read nor a watch is answered whatever waits.
    const at = { node, index, bytes, offset: 0 };
    const call = encodeAdminCall({ op: "readSnapshot", at, bytesMax: snapshotPartBytesMax });
    const counted = { busy: () => metrics.of("synod_server_busy_total")[""] ?? 0, slow: () => slowOf(metrics) };
    const { server } = world.member(1);
    // One after the other, each a quarter of the limit: the next one is refused. Many at once: they have begun, and pass twice the limit.
    for (const [until1, wires, atOnce] of [
      ["busy", 1, 1],
      ["slow", 3, 30],
    ] as const) {
      const slow = await Promise.all(Array.from({ length: wires }, () => Wire.accepted(address)));
      for (const { socket } of slow) socket.pause();
      let id = 0;
      const taken = (): number => metrics.of("synod_server_requests_total")["admin"] ?? 0;
      const before = taken();
      await until(() => {
        if (counted[until1]() > 0) return true;
        // What is still on its way would come together with the next.
        if (server.status().requests > 0 || taken() - before < id) return false;
        // The system takes a lot of it itself.
        for (const wire of slow) {
          const asked = Array.from({ length: atOnce }, () => ++id);
          if (wire.socket.writableLength > 0 || id > 20_000) continue;
          wire.ask(...asked.map((one) => ({ kind: "admin", id: one, deadlineMs: 60_000, call }) as const));
        }
        return false;
      });
      if (until1 === "busy") expect(counted.slow()).toBe(0);
      for (const { socket } of slow) socket.destroy();
      await until(() => server.status().connections === 1);
    }
    expect(await client.propose({ op: "add", key: "a", by: 1 })).toBe(1);
  });
});

test("a logger and metrics that throw end neither a connection nor the node", async () => {
  const broken = (): never => {
    throw new Error("the disk is full");
  };
  const logger = { debug: broken, info: broken, warn: broken, error: broken };
  const metrics = { count: broken, gauge: broken, observe: broken };
  world = await World.of(1, { serve: { logger, metrics, limits: { outputBytesMax: 200_000 } } });
  const [address = ""] = world.addresses;
  const wire = await Wire.accepted(address);
  wire.socket.pause();
  const query = queryCodec.encode({ op: "large", bytes: 99_000 });
  let id = 0;
  await until(() => {
    if (wire.socket.writableLength < 100_000)
      for (let i = 0; i < 20; i++) wire.ask({ kind: "read", id: ++id, deadlineMs: 60_000, via: "leader", query });
    return world.member(1).server.status().requests > 0 || wire.closed || id > 400;
  });
  wire.socket.destroy();
  const client = await world.connect({ logger, metrics });
  expect(await client.propose({ op: "add", key: "a", by: 1 })).toBe(1);
  expect(world.member(1).node.status().state).toBe("running");
});
