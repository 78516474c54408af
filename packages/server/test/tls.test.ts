import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { Authority } from "../../transport-tcp/test/certificates.js";
import { Counts, until, World } from "./support.js";
import { Wire } from "./wire.js";

const cluster = "orders";
const add = { op: "add", key: "a", by: 1 } as const;
let authority: Authority;
let other: Authority;
let world: World;

beforeAll(async () => {
  [authority, other] = await Promise.all([Authority.named("ours"), Authority.named("others")]);
});
afterEach(() => world.close());

const refused = { code: "CertificateRefused" };

describe("TLS between clients and servers", () => {
  test("mutual", async () => {
    world = await World.of(1, { serve: { tls: await authority.node(cluster, 1), anonymousRole: "admin" } });
    const client = await world.connect({ tls: await authority.sign(["synod://orders/client/shop"]) });
    expect(await client.propose(add)).toBe(1);
  });

  test("with certificates of servers only", async () => {
    const { key, cert } = await authority.node(cluster, 1);
    world = await World.of(1, { serve: { tls: { key, cert } } });
    const client = await world.connect({ tls: { ca: authority.pem } });
    expect(await client.propose(add)).toBe(1);
  });

  test("the server wants a certificate that its authority signed", async () => {
    const counts = new Counts();
    world = await World.of(1, {
      serve: { tls: await authority.node(cluster, 1), anonymousRole: "write", metrics: counts },
    });
    await expect(world.connect({ tls: { ca: authority.pem } })).rejects.toMatchObject(refused);
    const foreign = { ...(await other.sign([])), ca: authority.pem };
    await expect(world.connect({ tls: foreign })).rejects.toMatchObject(refused);
    expect(counts.of("synod_server_refusals_total")).toEqual({ CertificateRefused: 2 });
  });

  test.each([
    ["another authority", () => other.node(cluster, 1)],
    ["another cluster", () => authority.node("other", 1)],
    ["another node", () => authority.node(cluster, 2)],
    ["no node at all", () => authority.sign(["https://example.com"])],
    ["yesterday", () => authority.sign([`synod://${cluster}/node/1`], { notAfter: new Date(Date.now() - 60_000) })],
  ])("a server with a certificate of %s is not trusted, and not told the token", async (name, make) => {
    const counts = new Counts();
    const { key, cert } = await make();
    world = await World.of(1, {
      serve: { tls: { key, cert }, tokens: [{ token: "t", role: "write" }], metrics: counts },
    });
    await expect(world.connect({ tls: { ca: authority.pem }, token: "wrong" })).rejects.toMatchObject(
      name === "another node" ? { code: "Unauthorized" } : refused,
    );
    // A server that had been told the token would have refused it. One of this cluster is told: it is a member.
    expect(counts.of("synod_server_refusals_total")["Unauthorized"] ?? 0).toBe(name === "another node" ? 1 : 0);
  });

  test("who begins with TLS and goes no further is not kept", async () => {
    const counts = new Counts();
    world = await World.of(1, {
      serve: {
        tls: await authority.node(cluster, 1),
        anonymousRole: "admin",
        // The first bytes have to be read by then, also on a machine that stands still for a moment: before them nothing is counted.
        limits: { handshakeTimeoutMs: 500 },
        metrics: counts,
      },
    });
    const wire = new Wire(world.addresses[0] ?? "");
    wire.socket.write(Uint8Array.of(0x16, 3, 1, 32, 0));
    await until(() => wire.closed);
    expect(counts.of("synod_server_refusals_total")).toEqual({ CertificateRefused: 1 });
  });

  test("what a certificate allows is said, by its name or for all of its authority", async () => {
    world = await World.of(1);
    const { node } = world.member(1);
    const tls = await authority.node(cluster, 1);
    await expect(world.serve(node, { tls })).rejects.toMatchObject({ code: "InvalidArgument" });
    const certificateRoles = [
      { name: "synod://orders/client/shop", role: "write" },
      { name: "synod://orders/client/shop", role: "read" },
      { name: "synod://orders/client/screen", role: "read" },
    ] as const;
    await expect(world.serve(node, { certificateRoles })).rejects.toMatchObject({ code: "InvalidArgument" });
    const server = await world.serve(node, { tls, certificateRoles, tokens: [{ token: "t", role: "admin" }] });
    const roleOf = async (names: string[], token?: string): Promise<unknown> => {
      const options = { servers: [server.address], tls: await authority.sign(names) };
      const client = await world.connect(token === undefined ? options : { ...options, token });
      return client.status().servers[0]?.role;
    };
    expect(await roleOf(["synod://orders/client/shop"])).toBe("write");
    expect(await roleOf(["synod://orders/client/screen"])).toBe("read");
    expect(await roleOf(["synod://orders/client/screen"], "t")).toBe("admin");
    await expect(roleOf(["synod://orders/client/other"])).rejects.toMatchObject({ code: "Unauthorized" });
    await server.close();
  });

  test("only one side with TLS: a clear error", async () => {
    world = await World.of(1, { serve: { tls: await authority.node(cluster, 1), anonymousRole: "admin" } });
    await expect(world.connect()).rejects.toMatchObject(refused);
  });

  test("the other way round", async () => {
    world = await World.of(1);
    const message = expect.stringMatching(/: the other side does not speak TLS[^\n]*$/);
    await expect(world.connect({ tls: { ca: authority.pem } })).rejects.toMatchObject({ ...refused, message });
  });

  test("certificates are replaced without a restart", async () => {
    let material = await other.node(cluster, 1);
    world = await World.of(1, { serve: { tls: () => material, anonymousRole: "write" } });
    const tls = { ...(await authority.sign([])), ca: authority.pem };
    await expect(world.connect({ tls })).rejects.toMatchObject(refused);
    material = await authority.node(cluster, 1);
    const client = await world.connect({ tls });
    expect(await client.propose(add)).toBe(1);
  });

  test("failover works as without", async () => {
    world = await World.of(3);
    const servers = await Promise.all(
      world.members.map(async ({ node }) =>
        world.serve(node, { tls: await authority.node(cluster, node.id), anonymousRole: "write" }),
      ),
    );
    const client = await world.connect({
      servers: servers.map(({ address }) => address),
      tls: await authority.sign([]),
    });
    await client.propose(add);
    const calls = Array.from({ length: 30 }, () => client.propose(add));
    await servers[0]?.close({ drainTimeoutMs: 0 });
    await servers[1]?.close({ drainTimeoutMs: 0 });
    expect(new Set(await Promise.all(calls)).size).toBe(30);
    await client.close();
    await servers[2]?.close();
  });
});
