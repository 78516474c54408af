import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { type MutualTlsMaterial, nodeUri, tlsFiles } from "../src/index.js";
import { frameKinds } from "../src/hello.js";
import { namesOf } from "../src/tls.js";
import { Authority } from "./certificates.js";
import { TcpNode, Wire } from "./support.js";

const cluster = "cluster-a";
let authority: Authority;
let other: Authority;
let nodes: TcpNode[] = [];

beforeAll(async () => {
  [authority, other] = await Promise.all([Authority.named("ours"), Authority.named("others")]);
});
afterEach(async () => {
  await Promise.all(nodes.map((node) => node.transport.close()));
  nodes = [];
});

type Given = MutualTlsMaterial | (() => MutualTlsMaterial) | undefined;

/** Two nodes that know each other. */
async function pair(first: Given, second: Given): Promise<readonly [TcpNode, TcpNode]> {
  const options = { reconnectMinMs: 5, reconnectMaxMs: 20 };
  const [a, b] = [first, second].map((tls, i) => new TcpNode(i + 1, tls === undefined ? options : { ...options, tls }));
  if (a === undefined || b === undefined) throw new Error("two nodes");
  nodes = [a, b];
  await Promise.all(nodes.map((node) => node.listen()));
  a.meet({ 2: b.address });
  b.meet({ 1: a.address });
  return [a, b];
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

const isUp = (node: TcpNode): boolean => node.counts.of("sent_frames") > 0;
const connected = async (a: TcpNode, b: TcpNode): Promise<void> => {
  await until(
    () => a.transport.send(b.id, Uint8Array.of(1), "bulk") && b.transport.send(a.id, Uint8Array.of(2), "bulk"),
  );
};

describe("TLS between replicas", () => {
  test("certificates that name the nodes", async () => {
    const [a, b] = await pair(await authority.node(cluster, 1), await authority.node(cluster, 2));
    await connected(a, b);
    await until(() => a.counts.of("received_frames") > 0 && b.counts.of("received_frames") > 0);
    expect(a.warnings).toEqual([]);
  });

  test.each([
    ["names another node", () => authority.node(cluster, 3)],
    ["names the node of another cluster", () => authority.node("cluster-b", 2)],
    ["names nobody", () => authority.sign([])],
    ["is of another authority", () => other.node(cluster, 2).then((made) => ({ ...made, ca: authority.pem }))],
    ["has expired", () => authority.sign([nodeUri(cluster, 2)], { notAfter: new Date(Date.now() - 60_000) })],
  ])("a certificate that %s is refused, whoever dials", async (_, make) => {
    const [a, b] = await pair(await authority.node(cluster, 1), await make());
    await until(() => a.counts.of("refusals certificate us") > 1 && b.counts.of("refusals certificate peer") > 1);
    expect(a.warnings).toContain("node 2 is refused: certificate");
    expect(b.warnings).toContain("node 1 refuses this node: certificate");
    expect([a, b].some(isUp)).toBe(false);
  });

  test("a member without TLS is not let in by one with it, nor the other way round", async () => {
    const [a, b] = await pair(await authority.node(cluster, 1), undefined);
    await until(() => a.counts.of("refusals certificate us") > 0 && b.counts.of("refusals certificate peer") > 0);
    expect([a, b].some(isUp)).toBe(false);
    const wire = Wire.to(a.address);
    wire.hello({ clusterId: cluster, nodeId: 2, storeId: "0".repeat(32), bootCount: 1, bootId: "0".repeat(32) }, 1);
    await wire.gone();
    expect(wire.frames.map(({ kind }) => kind)).toEqual([frameKinds.refusal]);
  });

  test("a new certificate is used from the next connection on", async () => {
    let material: MutualTlsMaterial = { ...(await other.node(cluster, 2)), ca: authority.pem };
    const [a, b] = await pair(await authority.node(cluster, 1), () => material);
    await until(() => a.counts.of("refusals certificate us") > 0);
    material = await authority.node(cluster, 2);
    await connected(a, b);
  });

  test("a key that cannot be read refuses to start, and later on only the connections that need it", async () => {
    const broken = { key: "no key", cert: "no certificate", ca: authority.pem };
    const bad = new TcpNode(9, { tls: broken });
    await expect(bad.listen()).rejects.toMatchObject({ code: "InvalidArgument" });
    await bad.transport.close();
    const good = await authority.node(cluster, 2);
    let material: MutualTlsMaterial = good;
    const [a, b] = await pair(await authority.node(cluster, 1), () => material);
    await connected(a, b);
    material = broken;
    b.transport.setMembers([{ id: 2, address: b.address }]);
    b.meet({ 1: a.address });
    await until(() => b.log.some(({ message }) => message === "connection attempt failed"));
    material = good;
    await connected(a, b);
  });

  test("a certificate that cannot be used is told of once, however many connections come meanwhile", async () => {
    const good = await authority.node(cluster, 1);
    let material: MutualTlsMaterial = good;
    const node = new TcpNode(1, { tls: () => material });
    nodes = [node];
    await node.listen();
    const told = (): number => node.log.filter(({ message }) => message.startsWith("the new certificate")).length;
    const dialed = async (): Promise<void> => {
      const wire = Wire.to(node.address);
      // No handshake, but as one begins.
      wire.socket.write(Uint8Array.of(0x16, 0, 0, 0, 0, 0));
      await wire.gone();
    };
    material = { ...good, key: (await authority.node(cluster, 1)).key };
    for (let i = 0; i < 5; i++) await dialed();
    expect(told()).toBe(1);
    material = { ...material };
    await dialed();
    expect(told()).toBe(2);
  });

  test.each([
    ["begins with TLS and goes no further", 0x16, Infinity],
    ["begins with TLS and goes on byte by byte", 0x16, 5],
    ["speaks no TLS, and goes on", 0, 5],
  ])("who %s is not kept", async (_, first, everyMs) => {
    // Long enough that a machine which stands still for a moment has read the first bytes: before them nothing is counted.
    const node = new TcpNode(1, { tls: await authority.node(cluster, 1), handshakeTimeoutMs: 500 });
    nodes = [node];
    await node.listen();
    const wire = Wire.to(node.address);
    // Who goes on does so also where the other side has ended, and learns only by that whether it is gone.
    wire.socket.allowHalfOpen = everyMs !== Infinity;
    // As the head of a record of 8 KiB, which never comes to its end.
    wire.socket.write(Uint8Array.of(first, 3, 1, 32, 0));
    const drip = everyMs === Infinity ? undefined : setInterval(() => wire.socket.write(Uint8Array.of(0)), everyMs);
    await wire.gone();
    clearInterval(drip);
    expect(node.counts.of("refusals certificate us")).toBe(1);
  });

  test("closing does not wait for connections in the middle of a handshake", async () => {
    const node = new TcpNode(1, { tls: await authority.node(cluster, 1) });
    await node.listen();
    const wire = Wire.to(node.address);
    await new Promise((resolve) => wire.socket.once("connect", resolve));
    await node.transport.close();
    await wire.gone();
  });
});

describe("names in certificates", () => {
  test.each([
    ["URI:synod://a/node/1, DNS:x", ["synod://a/node/1"]],
    ["DNS:x, URI:synod://a/node/1, URI:synod://a/node/2", ["synod://a/node/1", "synod://a/node/2"]],
    ["", []],
    // One name that holds another one: Node.js quotes it.
    ['URI:"x, URI:synod://a/node/1, y"', []],
    ['DNS:"x, URI:synod://a/node/1"', []],
    ['URI:synod://a/node/1 and more nonsense", DNS:x', []],
  ])("%s", (names, uris) => {
    const found = namesOf(names).filter(({ kind }) => kind === "URI");
    expect(found.map(({ value }) => value)).toEqual(uris);
  });

  test("a cluster id with any characters stays one name", () => {
    expect(nodeUri("a/node/1, URI:b", 2)).toBe("synod://a%2Fnode%2F1%2C%20URI%3Ab/node/2");
  });
});

describe("tlsFiles", () => {
  test("reads again what has changed, and keeps what it has while that fails", async () => {
    const folder = mkdtempSync(join(tmpdir(), "synod-tls-"));
    const files = { key: join(folder, "key.pem"), cert: join(folder, "cert.pem"), ca: join(folder, "ca.pem") };
    let seconds = 1_000;
    const write = (text: string): void => {
      for (const path of Object.values(files)) {
        writeFileSync(path, text);
        utimesSync(path, ++seconds, seconds);
      }
    };
    write("one");
    const material = tlsFiles(files);
    expect(String(material().key)).toBe("one");
    expect(material()).toBe(material());
    write("two");
    expect(String(material().cert)).toBe("two");
    rmSync(folder, { recursive: true });
    expect(String(material().ca)).toBe("two");
    expect(() => tlsFiles(files)).toThrow();
  });
});
