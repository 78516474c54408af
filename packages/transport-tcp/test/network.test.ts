import { connect, type Socket } from "node:net";
import type { Lane } from "@synod/interface";
import { afterEach, describe, expect, test } from "vitest";
import { encodeFrame } from "../src/frames.js";
import { decodeHello, frameKinds } from "../src/hello.js";
import type { TcpTransportOptions } from "../src/index.js";
import { FakeClock, incarnationOf, portOf, RawServer, TcpNode, Wire } from "./support.js";

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function nodeOf(id: number, options: TcpTransportOptions = {}, address?: string): Promise<TcpNode> {
  const node = new TcpNode(id, { reconnectMinMs: 5, ...options });
  cleanUps.push(() => node.transport.close());
  await node.listen(address);
  return node;
}

async function connectedTo(ids: readonly number[], options: TcpTransportOptions = {}): Promise<TcpNode[]> {
  const nodes: TcpNode[] = [];
  for (const id of ids) nodes.push(await nodeOf(id, options));
  for (const node of nodes) {
    node.meet(Object.fromEntries(nodes.filter((other) => other !== node).map((other) => [other.id, other.address])));
  }
  for (const node of nodes) await node.until(() => node.ups.length === nodes.length - 1);
  return nodes;
}

async function serverOf(onSocket: (socket: Socket) => void): Promise<RawServer> {
  const server = new RawServer(onSocket);
  cleanUps.push(() => server.close());
  await server.listen();
  return server;
}

/** Shakes hands as node 2 and reads nothing more of the lanes named. */
function handshakeThenHang(hanging: readonly Lane[], wires: Partial<Record<Lane, Wire>> = {}, bootCount = () => 1) {
  return (socket: Socket): void => {
    const wire = new Wire(socket);
    void wire.heard(frameKinds.hello).then(({ payload }) => {
      const hello = decodeHello(payload);
      if ("version" in hello) return;
      wires[hello.lane] = wire;
      if (hanging.includes(hello.lane)) socket.pause();
      wire.hello(incarnationOf(2, bootCount()), hello.from.nodeId, hello.lane);
    });
  };
}

describe("a peer that hangs", () => {
  test("takes no more memory than the limit, and others do not feel it", { timeout: 60_000 }, async () => {
    const server = await serverOf(handshakeThenHang(["control", "bulk"]));
    const limits = { queueBytesMax: 8 * 2 ** 20, controlQueueBytesMax: 2 ** 20 };
    const one = await nodeOf(1, { ...limits, clock: new FakeClock() });
    const three = await nodeOf(3);
    one.meet({ 2: server.address, 3: three.address });
    three.meet({ 1: one.address });
    await one.until(() => one.ups.length === 2);
    let sent = 0;
    const frame = new Uint8Array(50_000);
    // The system takes some megabytes of its own; then our queue fills, and after that nothing moves.
    for (let refused = 0; refused < 100; ) {
      for (let i = 0; i < 20; i++) {
        if (one.transport.send(2, frame, "bulk")) sent++;
        else refused++;
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sent * frame.length).toBeGreaterThan(limits.queueBytesMax * 0.9);
    expect(sent * frame.length).toBeLessThan(limits.queueBytesMax + 40 * 2 ** 20);
    expect(one.send(2, "still room in its control lane")).toBe(true);
    for (let i = 0; i < 100; i++) one.transport.send(3, frame, "bulk");
    await three.until(() => three.frames.length === 100);
    expect(one.downs).toEqual([]);
  });

  test("in the bulk lane alone holds back no control frame", async () => {
    const wires: Partial<Record<Lane, Wire>> = {};
    const server = await serverOf(handshakeThenHang(["bulk"], wires));
    const one = await nodeOf(1, { queueBytesMax: 2 ** 20, clock: new FakeClock() });
    one.meet({ 2: server.address });
    await one.until(() => one.ups.length === 1);
    while (one.transport.send(2, new Uint8Array(100_000), "bulk"))
      await new Promise((resolve) => setImmediate(resolve));
    expect(one.send(2, "beat", "control")).toBe(true);
    await wires.control?.heard(frameKinds.data);
    expect(one.transport.send(2, new Uint8Array(100_000), "bulk")).toBe(false);
  });

  test("is noticed after the idle timeout, and dialed again", async () => {
    const clock = new FakeClock();
    const server = await serverOf(handshakeThenHang(["control", "bulk"]));
    const one = await nodeOf(1, { clock, idleTimeoutMs: 4000 });
    one.meet({ 2: server.address });
    await one.until(() => one.ups.length === 1);
    expect(one.transport.send(2, new Uint8Array(100), "bulk")).toBe(true);
    // The hello was heard before the first beat, which is a second from now.
    clock.advance(2999);
    expect(one.downs).toEqual([]);
    clock.advance(1001);
    expect(one.downs).toEqual([2]);
    expect(one.transport.send(2, new Uint8Array(100), "bulk")).toBe(false);
    clock.advance(5);
    await server.signal.until(() => server.sockets.length === 4);
  });

  test("and comes back finds nothing of what waited for it, and no half frame", async () => {
    const clock = new FakeClock();
    const wires: Partial<Record<Lane, Wire>> = {};
    const hanging: Lane[] = ["control", "bulk"];
    const server = await serverOf(handshakeThenHang(hanging, wires));
    const one = await nodeOf(1, { clock, idleTimeoutMs: 4000 });
    one.meet({ 2: server.address });
    await one.until(() => one.ups.length === 1);
    while (one.transport.send(2, new Uint8Array(2 ** 20), "bulk"))
      await new Promise((resolve) => setImmediate(resolve));
    clock.advance(4000);
    await one.until(() => one.downs.length === 1);
    hanging.length = 0;
    clock.advance(5);
    await one.until(() => one.ups.length === 2);
    expect(one.send(2, "afresh", "bulk")).toBe(true);
    const { payload } = (await wires.bulk?.heard(frameKinds.data)) ?? { payload: new Uint8Array(0) };
    expect(new TextDecoder().decode(payload)).toBe("afresh");
  });

  test("for less than that is kept: any byte of it counts, and a stall of this process does not", async () => {
    const clock = new FakeClock();
    const wires: Partial<Record<Lane, Wire>> = {};
    const server = await serverOf(handshakeThenHang([], wires));
    const one = await nodeOf(1, { clock, idleTimeoutMs: 4000 });
    one.meet({ 2: server.address });
    await one.until(() => one.ups.length === 1);
    for (let round = 1; round <= 5; round++) {
      // Every beat pings, and the answer comes before the next one.
      for (const lane of ["control", "bulk"] as const) {
        const wire = wires[lane];
        const pings = (): number => wire?.frames.filter(({ kind }) => kind === frameKinds.ping).length ?? 0;
        await wire?.until(() => pings() >= round);
        wire?.write(frameKinds.ack, new Uint8Array(0));
      }
      // The acks are on their way; two beats may pass without them.
      clock.advance(1000);
    }
    expect(one.downs).toEqual([]);
  });
});

describe("a slow line", () => {
  test("that moves is not taken for a dead one", async () => {
    const two = await nodeOf(2);
    const proxy = await serverOf((socket) => {
      const onward = connect({ host: "127.0.0.1", port: portOf(two.address) });
      onward.on("error", () => {});
      onward.on("data", (chunk) => socket.write(chunk));
      socket.on("close", () => onward.destroy());
      socket.on("data", (chunk) => {
        onward.write(chunk);
        socket.pause();
        setTimeout(() => socket.resume(), 20);
      });
    });
    const one = await nodeOf(1, { idleTimeoutMs: 3_000 });
    two.meet({ 1: one.address });
    one.meet({ 2: proxy.address });
    await one.until(() => one.ups.length === 1);
    // At 64 KiB in 20 ms it takes more than an idle timeout.
    for (let i = 0; i < 4; i++) expect(one.transport.send(2, new Uint8Array(4 * 2 ** 20), "bulk")).toBe(true);
    await two.until(() => two.frames.length === 4);
    expect([one.downs, one.counts.of("lost_connections")]).toEqual([[], 0]);
  });
});

describe("damage on the way", () => {
  /** Passes bytes on to a node, flipping a bit now and then while it is switched on. */
  async function corruptingProxy(target: TcpNode): Promise<{ address: string; damage: (every: number) => void }> {
    let every = 0;
    let passed = 0;
    const server = await serverOf((socket) => {
      const onward = connect({ host: "127.0.0.1", port: portOf(target.address) });
      for (const [from, to] of [
        [socket, onward],
        [onward, socket],
      ] as const) {
        from.on("error", () => {});
        from.on("close", () => to.destroy());
        from.on("data", (chunk) => {
          const copy = Buffer.from(chunk);
          for (let i = 0; every > 0 && i < copy.length; i++) {
            if (++passed % every === 0) copy[i] = (copy[i] ?? 0) ^ (1 << (passed % 8));
          }
          to.write(copy);
        });
      }
    });
    return { address: server.address, damage: (bytes) => (every = bytes) };
  }

  test("only ever drops the connection", { timeout: 60_000 }, async () => {
    const one = await nodeOf(1, { reconnectMaxMs: 20, idleTimeoutMs: 3_000, handshakeTimeoutMs: 3_000 });
    const two = await nodeOf(2);
    const proxy = await corruptingProxy(two);
    two.meet({ 1: one.address });
    one.meet({ 2: proxy.address });
    await one.until(() => one.ups.length === 1);
    proxy.damage(3001);
    const endFrame = new TextEncoder().encode("end");
    let serial = 0;
    const broken = (): number => two.counts.of("broken_connections") + one.counts.of("broken_connections");
    while (broken() < 20) {
      for (const lane of ["control", "bulk"] as const) one.send(2, `${serial++}:${"x".repeat(serial % 300)}`, lane);
      await new Promise((resolve) => setImmediate(resolve));
    }
    proxy.damage(0);
    // Again and again, since what was damaged before may still end a connection that has taken one.
    let hasEnded = false;
    two.onEvent = () => (hasEnded ||= two.frames.at(-1)?.frame.at(0) === endFrame[0]);
    while (!hasEnded) {
      one.transport.send(2, endFrame, "control");
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(two.frames.length).toBeGreaterThan(10);
    for (const content of two.texts.filter((each) => each !== "end")) {
      const [number, filling] = content.split(":");
      expect(filling).toBe("x".repeat((Number(number) + 1) % 300));
    }
    // Nothing else: no handler was called with what is not true, and no error came out.
    expect(two.log.filter(({ level }) => level === "error")).toEqual([]);
    expect(one.ups.every(({ nodeId }) => nodeId === 2)).toBe(true);
  });

  test.each([
    ["a frame above the limit", Buffer.from(encodeFrame(frameKinds.data, new Uint8Array(4097))[0]), "TooLarge"],
    ["a frame with a wrong checksum", Buffer.concat([encodeFrame(3, Buffer.of(1))[0], Buffer.of(2)]), "Malformed"],
    ["a frame of an unknown kind", Buffer.concat(encodeFrame(77, new Uint8Array(1))), "Malformed"],
    ["a second hello", Buffer.concat(encodeFrame(frameKinds.hello, new Uint8Array(60))), "Malformed"],
    ["an ack to one who sent nothing", Buffer.concat(encodeFrame(frameKinds.ack, new Uint8Array(0))), "Malformed"],
  ])("%s ends the connection, and what came before it counts", async (_, bytes, code) => {
    const node = await nodeOf(1, { frameBytesMax: 4096 });
    node.meet({ 2: undefined });
    const wire = Wire.to(node.address);
    wire.hello(incarnationOf(2), 1);
    await wire.heard(frameKinds.hello);
    wire.socket.write(Buffer.concat([...encodeFrame(frameKinds.data, Buffer.from("good")), bytes]));
    await wire.gone();
    expect(node.texts).toEqual(["good"]);
    expect(node.counts.of(`broken_connections ${code}`)).toBe(1);
    expect(node.warnings).toHaveLength(1);
  });
});

describe("finding each other", () => {
  test("a peer that is not there yet is found when it comes, without waiting for the next try", async () => {
    const ghost = await nodeOf(2);
    const { address } = ghost;
    await ghost.transport.close();
    // Time stands still, so only the sign of life can make it dial again.
    const clock = new FakeClock();
    const one = await nodeOf(1, { clock });
    one.meet({ 2: address });
    await one.until(() => one.log.filter(({ message }) => message === "connection attempt failed").length === 2);
    expect(one.send(2, "nobody there")).toBe(false);
    const two = await nodeOf(2, {}, address);
    two.meet({ 1: one.address });
    await one.until(() => one.ups.length === 1);
    expect(clock.now()).toBe(0);
    expect(one.send(2, "there you are")).toBe(true);
    await two.until(() => two.frames.length === 1);
  });

  test("waiting times double up to the maximum, with jitter", async () => {
    const ghost = await nodeOf(2);
    const { address } = ghost;
    await ghost.transport.close();
    for (const [uint32, factor] of [
      [0, 0.5],
      [2 ** 31, 0.75],
    ] as const) {
      const clock = new FakeClock();
      const options = { clock, random: { uint32: () => uint32 }, reconnectMinMs: 100, reconnectMaxMs: 1000 };
      const one = await nodeOf(1, options);
      one.meet({ 2: address });
      for (let round = 1; round <= 6; round++) {
        await one.until(() => one.log.filter(({ message }) => message.includes("failed")).length === 2 * round);
        clock.advance(1000);
      }
      const delays = [...new Set(clock.delays)].filter((delayMs) => delayMs !== 5000);
      expect(delays).toEqual([100, 200, 400, 800, 1000].map((delayMs) => delayMs * factor));
      await one.transport.close();
    }
  });

  test("a name that cannot be looked up is tried again like any other", async () => {
    const clock = new FakeClock();
    const one = await nodeOf(1, { clock });
    one.meet({ 2: "does-not-exist.invalid:7000" });
    await one.until(() => one.log.filter(({ message }) => message.includes("failed")).length >= 2);
    clock.advance(5);
    await one.until(() => one.log.filter(({ message }) => message.includes("failed")).length >= 4);
  });

  test("a member with a new address is dialed there", async () => {
    const [one, two] = await connectedTo([1, 2]);
    if (!one || !two) throw new Error("two nodes were asked for");
    await two.transport.close();
    const moved = new TcpNode(2, { reconnectMinMs: 5 }, { bootCount: 2 });
    cleanUps.push(() => moved.transport.close());
    await moved.listen();
    moved.meet({ 1: undefined });
    one.meet({ 2: moved.address });
    await one.until(() => one.ups.length === 2);
    expect(one.send(2, "at your new place")).toBe(true);
    await moved.until(() => moved.frames.length === 1);
  });

  test("a member that is to move is spoken to where it is until it goes", async () => {
    const [one, two] = await connectedTo([1, 2]);
    if (!one || !two) throw new Error("two nodes were asked for");
    const moved = new TcpNode(2, { reconnectMinMs: 5 }, { bootCount: 2 });
    cleanUps.push(() => moved.transport.close());
    await moved.listen();
    one.meet({ 2: moved.address });
    expect(one.send(2, "at your old place")).toBe(true);
    await two.until(() => two.frames.length === 1);
    expect(one.downs).toEqual([]);
    await two.transport.close();
    moved.meet({ 1: undefined });
    await one.until(() => one.ups.length === 2);
    expect(one.send(2, "at your new place")).toBe(true);
    await moved.until(() => moved.frames.length === 1);
  });

  test("a connection ends where the address book names another store than that of whoever is connected", async () => {
    const [one, two] = await connectedTo([1, 2]);
    if (!one || !two) throw new Error("two nodes were asked for");
    one.transport.setMembers([
      { id: 1, address: one.address },
      { id: 2, address: two.address, storeId: "0".repeat(32) },
    ]);
    await one.until(() => one.downs.length === 1);
    await two.until(() => two.downs.length === 1);
    expect(one.send(2, "to another disk")).toBe(false);
    expect(two.send(1, "from another disk")).toBe(false);
    await expect.poll(() => one.warnings).toContain("node 2 is refused: store");
  });

  test("a new own address is logged and changes nothing", async () => {
    const [one, two] = await connectedTo([1, 2]);
    if (!one || !two) throw new Error("two nodes were asked for");
    const { address } = one;
    one.transport.setMembers([
      { id: 1, address: "127.0.0.1:1" },
      { id: 2, address: two.address },
    ]);
    expect(one.log.at(-1)).toMatchObject({ level: "warn" });
    expect(one.address).toBe(address);
    expect(one.send(2, "still here")).toBe(true);
  });

  test("the own address, written in another way, is no new one", async () => {
    const one = await nodeOf(1, {}, "localhost:0");
    one.transport.setMembers([{ id: 1, address: one.address.replace("localhost", "LocalHost") }]);
    expect(one.log.filter(({ level }) => level === "warn")).toEqual([]);
    one.transport.setMembers([{ id: 1, address: "localhost:1" }]);
    expect(one.log.filter(({ level }) => level === "warn")).toHaveLength(1);
  });

  test("a member without an address, or with a bad one, is not dialed, but may dial", async () => {
    const one = await nodeOf(1);
    one.meet({ 2: "no address", 3: undefined });
    expect(one.log.filter(({ level }) => level === "error").map(({ message }) => message)).toEqual([
      "node 2 cannot be dialed",
    ]);
    const two = await nodeOf(2);
    two.meet({ 1: one.address });
    await two.until(() => two.ups.length === 1);
    two.send(1, "one way");
    await one.until(() => one.frames.length === 1);
    expect(one.send(2, "no way")).toBe(false);
  });
});

describe("a peer that restarted unnoticed, its old connections still open", () => {
  async function connectedToServer() {
    let bootCount = 1;
    const wires: Partial<Record<Lane, Wire>> = {};
    const server = await serverOf(handshakeThenHang([], wires, () => bootCount));
    const clock = new FakeClock();
    const one = await nodeOf(1, { clock });
    one.meet({ 2: server.address });
    await one.until(() => one.ups.length === 1);
    return { one, clock, wires, restart: () => (bootCount = 2) };
  }
  const boots = (node: TcpNode): number[] => node.ups.map(({ bootCount }) => bootCount);

  test("is down and dialed anew as soon as it dials in", async () => {
    const { one, wires, restart } = await connectedToServer();
    const old = [wires.control, wires.bulk];
    restart();
    const dialer = Wire.to(one.address);
    dialer.hello(incarnationOf(2, 2), 1);
    await one.until(() => one.downs.length === 1);
    await one.until(() => one.ups.length === 2);
    expect([boots(one), one.downs]).toEqual([[1, 2], [2]]);
    for (const wire of old) await wire?.gone();
    dialer.socket.destroy();
  });

  test("is down and dialed anew as soon as one lane meets the new process", async () => {
    const { one, clock, wires, restart } = await connectedToServer();
    const { bulk } = wires;
    restart();
    wires.control?.socket.destroy();
    await one.until(() => one.log.some(({ message }) => message === "connection lost"));
    clock.advance(10);
    await one.until(() => one.ups.length === 2);
    expect([boots(one), one.downs]).toEqual([[1, 2], [2]]);
    await bulk?.gone();
  });
});

test("a frame that came holds no more than twice its size in memory, however it came", async () => {
  const [one, two] = (await connectedTo([1, 2])) as [TcpNode, TcpNode];
  // Many in one piece, one that is most of its piece, one that comes in many.
  const sizes = [10, 200, 3, 60_000, 12, 900_000, 7];
  for (const size of sizes) expect(one.transport.send(2, new Uint8Array(size).fill(size), "bulk")).toBe(true);
  await two.until(() => two.frames.length === sizes.length);
  const payloads = two.frames.map(({ frame }) => frame);
  expect(payloads.map(({ length }) => length)).toEqual(sizes);
  for (const payload of payloads) {
    expect(payload.every((byte) => byte === (payload.length & 255))).toBe(true);
    expect(payload.buffer.byteLength).toBeLessThanOrEqual(2 * payload.length);
    expect(payload.constructor).toBe(Uint8Array);
  }
});
