import { createServer, type Server } from "node:net";
import { encodeHello, requestKinds } from "@synod/client/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { Counts, Lines, World } from "./support.js";
import { Wire } from "./wire.js";

let world: World;
afterEach(() => world.close());

/** What came of connecting; the code of the error. */
const codeOf = (connecting: Promise<unknown>): Promise<unknown> =>
  connecting.then(
    () => "connected",
    (error: { code?: unknown }) => error.code,
  );

describe("at connect", () => {
  test("each refusal has its code, is counted, and is logged once", async () => {
    const [counts, lines] = [new Counts(), new Lines()];
    world = await World.of(1, {
      serve: { tokens: [{ token: "right", role: "write" }], metrics: counts, logger: lines },
    });
    for (let i = 0; i < 3; i++) {
      expect(await codeOf(world.connect({ token: "wrong" }))).toBe("Unauthorized");
      expect(await codeOf(world.connect())).toBe("Unauthorized");
      expect(await codeOf(world.connect({ cluster: "other", token: "right" }))).toBe("WrongCluster");
    }
    expect(await codeOf(world.connect({ token: "right" }))).toBe("connected");
    expect(counts.of("synod_server_refusals_total")).toEqual({ Unauthorized: 6, WrongCluster: 3 });
    expect(lines.warnings.filter((text) => text.includes("refused"))).toEqual([
      "a client is refused: Unauthorized",
      "a client is refused: WrongCluster",
    ]);
  });

  test("a client is in the log under its name", async () => {
    const fields: unknown[] = [];
    const logger = new (class extends Lines {
      override warn(_: string, given?: unknown): void {
        fields.push(given);
      }
      override debug(_?: string, given?: unknown): void {
        fields.push(given);
      }
    })();
    world = await World.of(1, { serve: { tokens: [{ token: "right", role: "write" }], logger } });
    await codeOf(world.connect({ token: "wrong", name: "the \u0007 shop" }));
    await world.connect({ token: "right", name: "screen" });
    expect(fields).toMatchObject([{ client: "the   shop" }, { client: "screen", role: "write" }]);
  });

  test("a token that would go over a network in clear is told of", async () => {
    world = await World.of(1);
    const lines = new Lines();
    const far = { servers: ["192.0.2.1:1"], limits: { timeoutMs: 50 }, logger: lines };
    await codeOf(world.connect(far));
    await codeOf(world.connect({ ...far, tls: { ca: "x" }, token: "t" }));
    await codeOf(world.connect({ ...far, servers: ["127.0.0.1:1", "localhost:1", "[::1]:1"], token: "t" }));
    expect(lines.warnings.filter((text) => text.includes("encryption"))).toEqual([]);
    await codeOf(world.connect({ ...far, token: "t" }));
    expect(lines.warnings.filter((text) => text.includes("encryption"))).toHaveLength(1);
  });

  test("another version of the protocol is told so", async () => {
    world = await World.of(1);
    const wire = new Wire(world.addresses[0] ?? "");
    const hello = encodeHello({ cluster: "orders", token: null, name: null, frameBytesMax: 1 << 20 });
    hello[5] = 9;
    wire.write(requestKinds.hello, hello);
    expect(await wire.goodbye()).toMatchObject({ code: "VersionUnsupported" });
  });

  test("too many connections: Busy, with a time to come back", async () => {
    world = await World.of(1, { serve: { limits: { connectionsMax: 1 } } });
    await world.connect();
    await expect(world.connect()).rejects.toMatchObject({ code: "Busy", details: { retryAfterMs: 1_000 } });
  });

  test("nobody there: NoServer by the time limit, and it says who was tried", async () => {
    world = await World.of(1);
    const servers = ["127.0.0.1:1"];
    const connecting = world.connect({ servers, limits: { timeoutMs: 100 } });
    await expect(connecting).rejects.toMatchObject({
      code: "NoServer",
      message: expect.stringContaining("127.0.0.1:1") as string,
    });
    const gone = world.connect({ servers, signal: AbortSignal.abort("no more") });
    await expect(gone).rejects.toMatchObject({ code: "NoServer", cause: "no more" });
  });

  test("a call whose time is over says what a server said, and which servers are missing", async () => {
    world = await World.of(3);
    const client = await world.connect({ servers: [world.addresses[0] ?? "", "127.0.0.1:1"] });
    await client.propose({ op: "add", key: "a", by: 1 });
    const fresh = await world.connect({ servers: [world.addresses[0] ?? "", "127.0.0.1:1"] });
    for (const id of [2, 3]) await world.member(id).node.close({ transferTimeoutMs: 0 });
    const said =
      "last a server said: .*1 of 3 members heard, 2 are needed.*; not connected: 127.0.0.1:1: .*ECONNREFUSED";
    const withSaid = { message: expect.stringMatching(said) as string };
    const bound = { timeoutMs: 1_000 };
    await expect(client.read({ op: "get", key: "a" }, bound)).rejects.toMatchObject({ code: "NoLeader", ...withSaid });
    const put = client.propose({ op: "add", key: "a", by: 1 }, bound);
    await expect(put).rejects.toMatchObject({ code: expect.stringMatching("NotProposed|OutcomeUnknown"), ...withSaid });
    // The first command waits for a session, which is not opened either.
    const first = fresh.propose({ op: "add", key: "a", by: 1 }, bound);
    await expect(first).rejects.toMatchObject({ code: "NotProposed", ...withSaid });
  });

  test("one server is enough, whatever the others are", async () => {
    world = await World.of(1);
    const client = await world.connect({ servers: ["127.0.0.1:1", ...world.addresses] });
    expect(await client.propose({ op: "add", key: "a", by: 1 })).toBe(1);
  });

  test.each([
    ["something else that answers", "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n", "Malformed"],
    ["something that speaks TLS", "\u0015\u0003\u0001\u0000\u0002\u0002\u0046", "CertificateRefused"],
  ])("%s is no Synod server", async (_, answer, code) => {
    world = await World.of(1);
    const other: Server = createServer((socket) => {
      socket.on("error", () => {});
      socket.once("data", () => socket.end(Buffer.from(answer, "latin1")));
    });
    await new Promise<void>((resolve) => void other.listen(0, "127.0.0.1", () => resolve()));
    const { port } = other.address() as { port: number };
    expect(await codeOf(world.connect({ servers: [`127.0.0.1:${port}`] }))).toBe(code);
    await new Promise((resolve) => other.close(resolve));
  });

  test("bytes that are no client are refused, and nobody else notices", async () => {
    world = await World.of(1);
    const client = await world.connect();
    const wire = new Wire(world.addresses[0] ?? "");
    wire.socket.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    expect(await wire.goodbye()).toMatchObject({ code: "Malformed" });
    expect(await client.propose({ op: "add", key: "a", by: 1 })).toBe(1);
  });
});

describe("roles", () => {
  test("say what a token may do", async () => {
    const tokens = (["read", "write", "admin"] as const).map((role) => ({ token: role, role }));
    world = await World.of(1, { serve: { tokens } });
    const [reader, writer, admin] = await Promise.all(
      ["read", "write", "admin"].map((token) => world.connect({ token })),
    );
    const add = { op: "add", key: "a", by: 1 } as const;
    await expect(reader?.propose(add)).rejects.toMatchObject({ code: "Forbidden" });
    expect(await writer?.propose(add)).toBe(1);
    expect(await reader?.read({ op: "get", key: "a" })).toBe(1);
    await expect(writer?.admin.status()).rejects.toMatchObject({ code: "Forbidden" });
    expect(await admin?.admin.status()).toMatchObject({ id: 1 });
    expect(await admin?.propose(add)).toBe(2);
  });

  test("a client without a token has the role that is given to such", async () => {
    world = await World.of(1, { serve: { tokens: [{ token: "t", role: "admin" }], anonymousRole: "read" } });
    const client = await world.connect();
    expect(await client.read({ op: "get", key: "a" })).toBe(null);
    await expect(client.propose({ op: "add", key: "a", by: 1 })).rejects.toMatchObject({ code: "Forbidden" });
  });
});
