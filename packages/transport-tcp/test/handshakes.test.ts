import { afterEach, describe, expect, test } from "vitest";
import { encodeFrame } from "../src/frames.js";
import { decodeHello, decodeRefusal, encodeHello, encodeRefusal, frameKinds } from "../src/hello.js";
import type { TcpTransportOptions } from "../src/index.js";
import { bootIdOf, FakeClock, incarnationOf, RawServer, TcpNode, Wire } from "./support.js";

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function nodeWith(
  others: Record<number, string | undefined>,
  options: TcpTransportOptions = {},
): Promise<TcpNode> {
  const node = new TcpNode(1, options);
  cleanUps.push(() => node.transport.close());
  await node.listen();
  node.meet(others);
  return node;
}

function wireTo(node: TcpNode): Wire {
  const wire = Wire.to(node.address);
  cleanUps.push(() => wire.socket.destroy());
  return wire;
}

async function refusalOf(wire: Wire): Promise<ReturnType<typeof decodeRefusal>> {
  return decodeRefusal((await wire.heard(frameKinds.refusal)).payload);
}

describe("who dials in", () => {
  test("is greeted in turn, and its frames arrive", async () => {
    const node = await nodeWith({ 2: undefined });
    const wire = wireTo(node);
    wire.hello(incarnationOf(2), 1, "bulk");
    const answer = decodeHello((await wire.heard(frameKinds.hello)).payload);
    expect(answer).toEqual({ lane: "bulk", from: node.self, to: 2 });
    wire.write(frameKinds.data, new TextEncoder().encode("hi"));
    await node.until(() => node.frames.length === 1);
    expect([node.texts, node.frames[0]?.from]).toEqual([["hi"], 2]);
  });

  test.each([
    ["cluster", { ...incarnationOf(2), clusterId: "cluster-b" }, 1],
    ["self", incarnationOf(1), 1],
    ["misdirected", incarnationOf(2), 3],
    ["unknown", incarnationOf(9), 1],
    ["stale", incarnationOf(3, 4), 1],
    ["stale", { ...incarnationOf(3, 5), bootId: bootIdOf(77) }, 1],
  ])("is refused: %s", async (reason, from, to) => {
    const node = await nodeWith({ 2: undefined, 3: undefined });
    const known = wireTo(node);
    known.hello(incarnationOf(3, 5), 1);
    await known.heard(frameKinds.hello);
    for (let tries = 1; tries <= 3; tries++) {
      const wire = wireTo(node);
      wire.hello(from, to);
      expect((await refusalOf(wire)).reason).toBe(reason);
      await wire.gone();
      expect(node.counts.of(`refusals ${reason} us`)).toBe(tries);
    }
    expect(node.warnings).toEqual([`node ${from.nodeId} is refused: ${reason}`]);
    expect([node.calls, known.closed]).toEqual([0, false]);
  });

  test("with another store under a known id is told to the node, with the reason", async () => {
    const node = await nodeWith({ 2: undefined, 3: undefined });
    const known = wireTo(node);
    known.hello(incarnationOf(3, 5), 1);
    await known.heard(frameKinds.hello);
    const wire = wireTo(node);
    wire.hello({ ...incarnationOf(3, 6), storeId: "e".repeat(32) }, 1);
    const { reason, text } = await refusalOf(wire);
    expect(reason).toBe("store");
    await wire.gone();
    expect(node.refusals).toEqual([{ peer: 3, reason: text }]);
    // Whoever claims to be of another cluster, or looks for somebody else, is no member that is refused.
    for (const [stranger, to] of [
      [{ ...incarnationOf(2), clusterId: "cluster-b" }, 1],
      [incarnationOf(2), 3],
      [incarnationOf(9), 1],
    ] as const) {
      const other = wireTo(node);
      other.hello(stranger, to);
      await refusalOf(other);
      await other.gone();
    }
    expect(node.refusals).toHaveLength(1);
  });

  test("is refused: version", async () => {
    const node = await nodeWith({ 2: undefined });
    const wire = wireTo(node);
    const hello = encodeHello({ lane: "control", from: incarnationOf(2), to: 1 });
    hello[5] = 99;
    wire.write(frameKinds.hello, hello);
    expect(await refusalOf(wire)).toMatchObject({ reason: "version", text: expect.stringContaining("99") as string });
    await wire.gone();
  });

  test.each([
    ["speaks another protocol", Buffer.from("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "Malformed"],
    ["sends frames before its hello", Buffer.concat(encodeFrame(frameKinds.data, new Uint8Array(3))), "Malformed"],
    ["says hello with garbage", Buffer.concat(encodeFrame(frameKinds.hello, new Uint8Array(60))), "Malformed"],
    ["announces a long hello", Buffer.from(encodeFrame(1, new Uint8Array(1025))[0]), "TooLarge"],
  ])("is dropped without a word if it %s", async (_, bytes, code) => {
    const node = await nodeWith({ 2: undefined });
    for (let tries = 1; tries <= 2; tries++) {
      const wire = wireTo(node);
      wire.socket.write(bytes);
      await wire.gone();
      expect(wire.frames).toEqual([]);
      expect(node.counts.of(`broken_connections ${code}`)).toBe(tries);
    }
    expect(node.warnings).toHaveLength(1);
  });

  test("and is refused is not listened to any more", async () => {
    const node = await nodeWith({ 2: undefined });
    const wire = wireTo(node);
    const hello = encodeHello({ lane: "control", from: incarnationOf(9), to: 1 });
    const frames = [encodeFrame(frameKinds.hello, hello), encodeFrame(frameKinds.data, new Uint8Array(3))];
    wire.socket.write(Buffer.concat(frames.flat()));
    await wire.gone();
    expect([node.calls, node.counts.of("refusals"), node.counts.of("broken_connections")]).toEqual([0, 1, 0]);
  });

  test("is dropped if its hello does not end in time", async () => {
    const clock = new FakeClock();
    const node = await nodeWith({ 2: undefined }, { clock, handshakeTimeoutMs: 700 });
    const wire = wireTo(node);
    const hello = Buffer.concat(encodeFrame(1, encodeHello({ lane: "control", from: incarnationOf(2), to: 1 })));
    wire.socket.write(hello.subarray(0, 30));
    // A second connection, served after the first one, shows that the bytes of the first have been read.
    const other = wireTo(node);
    other.hello(incarnationOf(2), 1);
    await other.heard(frameKinds.hello);
    clock.advance(699);
    expect(node.counts.of("broken_connections")).toBe(0);
    clock.advance(1);
    await wire.gone();
    expect(node.counts.of("broken_connections")).toBe(1);
    clock.advance(10_000);
    expect(other.closed).toBe(false);
  });

  test("finds no more than so many strangers at a time, of which the oldest has to go", async () => {
    // Nobody goes because of time.
    const node = await nodeWith({ 2: undefined, 3: undefined }, { clock: new FakeClock() });
    const early = wireTo(node);
    early.hello(incarnationOf(3), 1);
    await early.heard(frameKinds.hello);
    const flood = Array.from({ length: 300 }, () => wireTo(node));
    const peer = wireTo(node);
    peer.hello(incarnationOf(2), 1);
    await Promise.race([peer.heard(frameKinds.hello), peer.gone()]);
    expect(peer.closed).toBe(false);
    let gone = 0;
    await new Promise<void>((resolve) => {
      for (const wire of flood) void wire.gone().then(() => ++gone === 45 && resolve());
    });
    // Who has said who it is takes no place of a stranger any more.
    const next = wireTo(node);
    next.hello(incarnationOf(3), 1, "bulk");
    await next.heard(frameKinds.hello);
    expect([gone, node.counts.of("refusals flood"), flood[0]?.closed, flood[299]?.closed]).toEqual([
      45,
      45,
      true,
      false,
    ]);
    expect([early.closed, peer.closed]).toEqual([false, false]);
    expect(node.warnings.filter((text) => text.includes("who they are"))).toHaveLength(1);
    for (const wire of flood) wire.socket.destroy();
  });

  test("again replaces its earlier connection of that lane only", async () => {
    const node = await nodeWith({ 2: undefined });
    const [first, bulk, second] = [wireTo(node), wireTo(node), wireTo(node)];
    first.hello(incarnationOf(2), 1, "control");
    bulk.hello(incarnationOf(2), 1, "bulk");
    await Promise.all([first.heard(frameKinds.hello), bulk.heard(frameKinds.hello)]);
    second.hello(incarnationOf(2), 1, "control");
    await Promise.all([second.heard(frameKinds.hello), first.gone()]);
    second.write(frameKinds.ping, new Uint8Array(0));
    bulk.write(frameKinds.ping, new Uint8Array(0));
    await Promise.all([second.heard(frameKinds.ack), bulk.heard(frameKinds.ack)]);
  });

  test("as a new incarnation ends all connections of the earlier one", async () => {
    const node = await nodeWith({ 2: undefined });
    const [control, bulk, next] = [wireTo(node), wireTo(node), wireTo(node)];
    control.hello(incarnationOf(2, 1), 1, "control");
    bulk.hello(incarnationOf(2, 1), 1, "bulk");
    await Promise.all([control.heard(frameKinds.hello), bulk.heard(frameKinds.hello)]);
    next.hello(incarnationOf(2, 2), 1, "control");
    await Promise.all([next.heard(frameKinds.hello), control.gone(), bulk.gone()]);
  });
});

describe("who is dialed", () => {
  async function serverThat(answers: (wire: Wire) => void): Promise<RawServer> {
    const server = new RawServer((socket) => answers(new Wire(socket)));
    cleanUps.push(() => server.close());
    await server.listen();
    return server;
  }

  test.each([
    ["cluster", { ...incarnationOf(2), clusterId: "cluster-b" }, 1],
    ["self", incarnationOf(1), 1],
    ["misdirected", incarnationOf(3), 1],
    ["misdirected", incarnationOf(2), 7],
  ])("is refused with a reason: %s", async (reason, from, to) => {
    const told: string[] = [];
    const server = await serverThat((wire) => {
      wire.hello(from, to);
      void refusalOf(wire).then((refusal) => {
        told.push(refusal.reason);
        server.signal.notify();
      });
    });
    const node = await nodeWith({ 2: server.address, 3: undefined }, { reconnectMinMs: 1, reconnectMaxMs: 5 });
    await server.signal.until(() => told.length >= 4);
    expect(new Set(told)).toEqual(new Set([reason]));
    expect(node.warnings).toEqual([`node 2 is refused: ${reason}`]);
    expect([node.calls, node.send(2, "x")]).toEqual([0, false]);
    expect(node.refusals[0]?.peer).toBe(2);
    expect(node.refusals[0]?.reason).toMatch(/cluster|Both sides|was wanted/);
  });

  test("may refuse: that is logged once, counted each time, and tried again later and later", async () => {
    const server = await serverThat((wire) => {
      wire.write(frameKinds.refusal, encodeRefusal({ reason: "unknown", text: "never heard of you" }));
      wire.socket.end();
    });
    const clock = new FakeClock();
    const random = { uint32: () => 2 ** 32 - 1 };
    const node = await nodeWith({ 2: server.address }, { clock, random, reconnectMinMs: 100, reconnectMaxMs: 1000 });
    for (let round = 1; round <= 6; round++) {
      await node.until(() => node.counts.of("refusals unknown peer") === 2 * round);
      clock.advance(1000);
    }
    expect(node.warnings).toEqual(["node 2 refuses this node: unknown"]);
    expect(node.refusals[0]).toEqual({ peer: 2, reason: "it refuses this node: never heard of you" });
    const delays = [...new Set(clock.delays.map((delayMs) => Math.round(delayMs)))].filter(
      (delayMs) => delayMs !== 5000,
    );
    expect(delays).toEqual([100, 200, 400, 800, 1000]);
  });

  test("but does not answer in time is given up and dialed again", async () => {
    const server = await serverThat(() => {});
    const clock = new FakeClock();
    await nodeWith({ 2: server.address }, { clock, handshakeTimeoutMs: 300, reconnectMinMs: 10 });
    await server.signal.until(() => server.sockets.length === 2);
    const closed = Promise.all(server.sockets.map((socket) => new Promise((done) => socket.once("close", done))));
    clock.advance(300);
    await closed;
    clock.advance(10);
    await server.signal.until(() => server.sockets.length === 4);
  });

  test("and answers with garbage is dropped", async () => {
    const server = await serverThat((wire) => void wire.socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const node = await nodeWith({ 2: server.address }, { reconnectMinMs: 1 });
    await server.signal.until(() => server.sockets.length >= 6);
    expect(node.counts.of("broken_connections Malformed")).toBeGreaterThan(0);
    expect(node.warnings).toHaveLength(1);
    expect(node.calls).toBe(0);
  });
});
