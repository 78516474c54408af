import { afterEach, describe, expect, test } from "vitest";
import { tcpTransport } from "../src/index.js";
import { TcpNode } from "./support.js";

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function nodeOf(id: number, address?: string): Promise<TcpNode> {
  const node = new TcpNode(id);
  cleanUps.push(() => node.transport.close());
  await node.listen(address);
  return node;
}

describe("listening", () => {
  test("on a port that is taken", async () => {
    const one = await nodeOf(1);
    const other = new TcpNode(2);
    const start = other.listen(one.address);
    await expect(start).rejects.toMatchObject({
      code: "AddressInUse",
      message: expect.stringContaining(one.address) as string,
    });
    await other.transport.close();
  });

  test.each([
    ["no address at all", undefined],
    ["text that is none", "7000"],
    ["a host of another machine", "192.0.2.1:0"],
    ["a name that is not known", "does-not-exist.invalid:0"],
  ])("on %s", async (_, address) => {
    const node = new TcpNode(1);
    const start = node.start([address === undefined ? { id: 1 } : { id: 1, address }]);
    await expect(start).rejects.toMatchObject({ code: "InvalidArgument" });
    await node.transport.close();
  });

  test("on an address of its own choice, and on IPv6", async () => {
    const one = new TcpNode(1, { listen: "127.0.0.1:0" });
    cleanUps.push(() => one.transport.close());
    expect(one.transport.address).toBe(null);
    await one.start([{ id: 1, address: "replica-1.example:7000" }]);
    expect(one.address).toMatch(/^127\.0\.0\.1:\d+$/);
    const two = await nodeOf(2, "[::1]:0").catch(() => null);
    // Machines without IPv6 exist.
    if (two) expect(two.address).toMatch(/^\[::1\]:\d+$/);
  });

  test("ends with close, even if close comes first", async () => {
    const other = await nodeOf(2, "localhost:0");
    const { address } = other;
    await other.transport.close();
    const node = new TcpNode(1);
    const started = expect(node.listen(address)).rejects.toMatchObject({ code: "Closed" });
    await node.transport.close();
    await started;
    expect(node.transport.address).toBe(null);
    // The port is free.
    await nodeOf(3, address);
  });

  test("what was sent just before close arrives", async () => {
    const [one, two] = [await nodeOf(1), await nodeOf(2)];
    one.meet({ 2: two.address });
    two.meet({ 1: one.address });
    await Promise.all([one, two].map((node) => node.until(() => node.ups.length === 1)));
    one.transport.send(2, new TextEncoder().encode("farewell"), "control");
    await one.transport.close();
    await two.until(() => two.frames.length === 1);
    expect(two.texts).toEqual(["farewell"]);
  });

  test("frees the port before close settles", async () => {
    const [one, two] = [await nodeOf(1), await nodeOf(2)];
    const { address } = one;
    one.meet({ 2: two.address });
    two.meet({ 1: address });
    await Promise.all([one, two].map((node) => node.until(() => node.ups.length === 1)));
    await one.transport.close();
    await nodeOf(3, address);
  });

  test.each([
    { frameBytesMax: 0 },
    { frameBytesMax: 2 ** 32 },
    { queueBytesMax: 1 },
    { controlQueueBytesMax: Number.NaN },
    { idleTimeoutMs: -1 },
    { handshakeTimeoutMs: Number.POSITIVE_INFINITY },
    { reconnectMinMs: 100, reconnectMaxMs: 99 },
  ])("with options %j is refused", (options) => {
    expect(() => tcpTransport(options)).toThrow(expect.objectContaining({ code: "InvalidArgument" }));
  });
});
