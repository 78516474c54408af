// Whoever means harm at the port for clients: each ends in a refusal that is counted and logged, with memory bounded and the cluster serving.
import { encodeFrame, encodeHello, encodeRequest, requestKinds } from "@synod/client/protocol";
import { afterEach, expect, test } from "vitest";
import { Counts, Lines, queryCodec, until, World } from "./support.js";
import { Wire } from "./wire.js";

/** Goes on when it is told to. */
class HandClock {
  #nowMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly run: () => void }>();

  get timers(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#nowMs;
  }

  timer(delayMs: number, run: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  advance(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (;;) {
      const [next] = [...this.#timers].sort((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers.delete(next);
      this.#nowMs = next.atMs;
      next.run();
    }
    this.#nowMs = untilMs;
  }
}

/** What has arrived at a socket of this process is read by then. */
const turn = async (): Promise<void> => {
  for (let left = 2; left > 0; left--) await new Promise((resolve) => setImmediate(resolve));
};

let world: World;
afterEach(() => world.close());

test("slow handshakes, half-open peers, oversized frames, floods, foreign clusters, replays: counted, logged, and served beside", {
  timeout: 120_000,
}, async () => {
  const [metrics, logger] = [new Counts(), new Lines()];
  const limits = { frameBytesMax: 10_000, inputBytesTotalMax: 100_000, handshakeTimeoutMs: 600_000 };
  world = await World.of(3, { serve: (id) => (id === 1 ? { limits, metrics, logger } : {}) });
  const address = world.addresses[0] ?? "";
  const { node, server } = world.member(1);
  const soon = { handshakeTimeoutMs: 300, idleTimeoutMs: 300 };
  const clock = new HandClock();
  const impatient = await world.serve(node, { limits: soon, metrics, logger, clock });
  const client = await world.connect();
  const refusals = (): Readonly<Record<string, number>> => metrics.of("synod_server_refusals_total");
  let [beforeLines, served] = [0, 0];
  const ends = async (code: string, line: string, attack: () => Promise<void>): Promise<void> => {
    const before = refusals()[code] ?? 0;
    await attack();
    await until(() => (refusals()[code] ?? 0) > before);
    expect(logger.warnings.slice(beforeLines), code).toContainEqual(expect.stringContaining(line));
    beforeLines = logger.warnings.length;
    // Everybody else is served meanwhile.
    expect(await client.propose({ op: "add", key: "served", by: 1 })).toBe(++served);
  };
  const hello = Buffer.concat(
    encodeFrame(
      requestKinds.hello,
      encodeHello({ cluster: "orders", token: null, name: null, frameBytesMax: 2 ** 20 }),
    ),
  );

  await ends("WrongCluster", "refused: WrongCluster", async () => {
    const wire = new Wire(address);
    wire.hello("another");
    await wire.goodbye();
  });
  await ends("Malformed", "refused: Malformed", async () => {
    // A byte now and then, and never a whole hello.
    const before = clock.timers;
    const wire = new Wire(impatient.address);
    await until(() => clock.timers > before);
    for (let at = 0; at * 20 < soon.handshakeTimeoutMs; at++) {
      expect([at < hello.length - 1, wire.closed]).toEqual([true, false]);
      await new Promise((resolve) => wire.socket.write(hello.subarray(at, at + 1), resolve));
      await turn();
      clock.advance(20);
    }
    expect(await wire.goodbye()).toMatchObject({ code: "Malformed" });
  });
  await ends("Closed", "refused: Closed", async () => {
    // It has shaken hands, and is never heard of again.
    const wire = await Wire.accepted(impatient.address);
    clock.advance(soon.idleTimeoutMs);
    await turn();
    expect(wire.closed).toBe(false);
    clock.advance(soon.idleTimeoutMs / 4);
    expect(await wire.goodbye()).toMatchObject({ code: "Closed" });
  });
  await ends("TooLarge", "refused: TooLarge", async () => {
    const wire = await Wire.accepted(address);
    wire.ask({ kind: "read", id: 1, deadlineMs: 1_000, via: "leader", query: new Uint8Array(20_000) });
    expect(await wire.goodbye()).toMatchObject({ code: "TooLarge" });
  });
  // The lines about one host are told once, until it was well again: an accepted client makes it so.
  await ends("Malformed", "refused: Malformed", async () => {
    // A handshake that was recorded, once more on the same connection.
    const wire = new Wire(address);
    wire.socket.write(Buffer.concat([hello, hello]));
    expect(await wire.goodbye()).toMatchObject({ code: "Malformed" });
  });
  await ends("Busy", "had begun a long frame", async () => {
    const query = queryCodec.encode({ op: "get", key: "k".repeat(9_000) });
    const part = Buffer.concat(encodeFrame(...encodeRequest({ kind: "watch", id: 1, query }))).subarray(0, 9_000);
    const wires = await Promise.all(Array.from({ length: 12 }, () => Wire.accepted(address)));
    for (const { socket } of wires) socket.write(part);
    await until(() => wires.some(({ closed }) => closed));
    for (const { socket } of wires) socket.destroy();
  });
  await ends("Flood", "made room for others", async () => {
    const idle = Array.from({ length: 300 }, () => new Wire(address));
    await until(() => (refusals()["Flood"] ?? 0) > 0);
    for (const { socket } of idle) socket.destroy();
  });
  await impatient.close({ drainTimeoutMs: 0 });
  await until(() => server.status().connections <= 1);
  expect(server.status()).toMatchObject({ state: "serving", requests: 0, watches: 0 });
  expect(Object.keys(refusals()).sort()).toEqual(["Busy", "Closed", "Flood", "Malformed", "TooLarge", "WrongCluster"]);
});
