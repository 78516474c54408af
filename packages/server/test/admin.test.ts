import { type SnapshotInfo, SynodError } from "@synod/interface";
import { encodeAdminCall } from "@synod/client/protocol";
import { afterEach, describe, expect, test } from "vitest";
import type { ServedNode, Server } from "../src/index.js";
import { Proxy } from "./proxy.js";
import { type Answer, type Query, type TestNode, until, World } from "./support.js";
import { Wire } from "./wire.js";

let world: World;
const servers: Server[] = [];
const proxies: Proxy[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close({ drainTimeoutMs: 0 })));
  await Promise.all(proxies.splice(0).map((proxy) => proxy.kill()));
  await world.close();
});

/** The node with some of it replaced. */
function instead(node: TestNode, other: Partial<ServedNode<Query, Answer>>): ServedNode<Query, Answer> {
  return {
    id: node.id,
    encoded: node.encoded,
    direct: node.direct,
    openSession: (options) => node.openSession(options),
    closeSession: (session, options) => node.closeSession(session, options),
    status: () => node.status(),
    events: (options) => node.events(options),
    changeMembership: (change, options) => node.changeMembership(change, options),
    transferLeadership: (options) => node.transferLeadership(options),
    snapshot: () => node.snapshot(),
    ...other,
  };
}

const never = <T>(): Promise<T> => new Promise(() => {});

describe("an admin call ends with its caller", () => {
  const calls = {
    transferLeadership: { op: "transferLeadership", to: null },
    snapshot: { op: "snapshot" },
    readSnapshot: { op: "readSnapshot", at: null, bytesMax: 1_000 },
    changeMembership: { op: "changeMembership", change: { kind: "remove", id: 9 }, expectedEpoch: null },
  } as const;
  let asked = 0;
  let ended = 0;

  async function hanging(): Promise<Server> {
    world = await World.of(1);
    [asked, ended] = [0, 0];
    const hangs = <T>(): Promise<T> => {
      asked++;
      return never();
    };
    const node = instead(world.member(1).node, {
      openSession: async () => ({ id: { slot: 1, index: 0 }, limit: 9 }),
      closeSession: async () => {},
      transferLeadership: hangs,
      snapshot: hangs,
      changeMembership: (_, { signal } = {}) => {
        asked++;
        return new Promise((_resolve, reject) => {
          signal?.addEventListener("abort", () => {
            ended++;
            reject(signal.reason as Error);
          });
        });
      },
    });
    const server = await world.serve(node, { storage: world.member(1).storage });
    servers.push(server);
    return server;
  }

  test.each(Object.entries(calls))("%s", async (op, call) => {
    const server = await hanging();
    const request = (id: number, deadlineMs: number) =>
      ({ kind: "admin", id, deadlineMs, call: encodeAdminCall(call) }) as const;
    const wire = await Wire.accepted(server.address);
    // By its deadline.
    wire.ask(request(1, 50));
    const code = op === "transferLeadership" || op === "snapshot" ? "OutcomeUnknown" : "NotProposed";
    expect(await wire.reply(1)).toMatchObject({ kind: "failure", code });
    // Because the client says so.
    wire.ask(request(2, 600_000));
    await until(() => asked === 2);
    wire.ask({ kind: "cancel", id: 2 });
    expect(await wire.reply(2)).toMatchObject({ kind: "failure", code });
    // Because nobody is there any more.
    wire.ask(request(3, 600_000));
    await until(() => asked === 3 && server.status().requests === 1);
    wire.socket.destroy();
    await until(() => server.status().requests === 0 && server.status().connections === 0);
    expect(ended).toBe(op === "changeMembership" ? 3 : 0);
  });

  test("at the client: by its deadline and by its signal", async () => {
    const server = await hanging();
    const client = await world.connect({ servers: [server.address] });
    await expect(client.admin.transferLeadership({ timeoutMs: 50 })).rejects.toMatchObject({ code: "OutcomeUnknown" });
    await expect(client.admin.snapshot({ timeoutMs: 50 })).rejects.toMatchObject({ code: "OutcomeUnknown" });
    const aborter = new AbortController();
    const reading = client.admin.readSnapshot({ signal: aborter.signal });
    await until(() => server.status().requests === 1);
    aborter.abort(new Error("enough"));
    await expect(reading).rejects.toMatchObject({ code: "NoLeader", cause: { message: "enough" } });
    await until(() => server.status().requests === 0);
  });
});

test("a change of the members that takes too long ends before its caller does, who hears why", async () => {
  world = await World.of(1);
  const why = "nothing was heard of node 4, which is dialed at 127.0.0.1:9";
  const node = instead(world.member(1).node, {
    // As a node does: it looks at its deadlines at its next tick.
    changeMembership: (_, { timeoutMs = 0, signal } = {}) =>
      new Promise((_resolve, reject) => {
        setTimeout(() => reject(new SynodError("OutcomeUnknown", why)), timeoutMs + 20);
        signal?.addEventListener("abort", () => reject(new SynodError("OutcomeUnknown", "the signal was aborted")));
      }),
  });
  const server = await world.serve(node, { storage: world.member(1).storage });
  servers.push(server);
  const client = await world.connect({ servers: [server.address] });
  const change = { kind: "replace", id: 3, with: { id: 4, address: "127.0.0.1:9" } } as const;
  await expect(client.admin.changeMembership(change, { timeoutMs: 2_000 })).rejects.toMatchObject({
    code: "OutcomeUnknown",
    message: why,
  });
});

describe("a snapshot", () => {
  /** Several parts of it. */
  async function filled(): Promise<void> {
    const client = await world.connect();
    const pad = "x".repeat(10_000);
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => client.propose({ op: "set", key: `${i}${pad}`, value: i })),
    );
  }

  async function all(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    return Buffer.concat(parts);
  }

  test("is fetched as it is stored, part by part, and nothing stays open", async () => {
    world = await World.of(3);
    await filled();
    const client = await world.connect();
    const { node, index, bytes, chunks } = await client.admin.readSnapshot({ server: world.addresses[1] ?? "" });
    expect(node).toBe(2);
    const { storage, server } = world.member(2);
    const fetched = await all(chunks);
    expect(fetched.length).toBe(bytes);
    expect(bytes).toBeGreaterThan(1_000_000);
    expect(fetched.equals(await all(storage.readSnapshot({ index, offset: 0 })))).toBe(true);
    expect(server.status().requests).toBe(0);
    const small = await world.connect({ limits: { frameBytesMax: 20_000 } });
    expect(
      (await all((await small.admin.readSnapshot({ server: world.addresses[1] ?? "" })).chunks)).length,
    ).toBeGreaterThan(1_000_000);
  });

  test("has everything that was acknowledged before the call, also where an older one was being taken", async () => {
    world = await World.of(1);
    const { node, storage } = world.member(1);
    const client = await world.connect();
    await client.propose({ op: "set", key: "a", value: 1 });
    let older: SnapshotInfo | null = await node.snapshot();
    const served = instead(node, {
      snapshot: async () => {
        const info = older ?? (await node.snapshot());
        older = null;
        return info;
      },
    });
    const server = await world.serve(served, { storage });
    servers.push(server);
    await client.propose({ op: "set", key: "b", value: 2 });
    const { applied } = node.status();
    const admin = await world.connect({ servers: [server.address] });
    expect((await admin.admin.readSnapshot()).index).toBeGreaterThan(applied);
  });

  test("comes whole over connections that break, from where it was", async () => {
    world = await World.of(1);
    await filled();
    let frames = 5;
    const proxy = new Proxy(world.addresses[0] ?? "", () => frames);
    proxies.push(proxy);
    await proxy.listen();
    const client = await world.connect({ servers: [proxy.address], limits: { reconnectMinMs: 1, reconnectMaxMs: 5 } });
    const { index, chunks } = await client.admin.readSnapshot();
    const fetched = await all(chunks);
    expect(proxy.cuts).toBeGreaterThan(1);
    expect(fetched.equals(await all(world.member(1).storage.readSnapshot({ index, offset: 0 })))).toBe(true);
    frames = Infinity;
  });

  test("that broke for good says how far it came; one that was replaced meanwhile says so", async () => {
    world = await World.of(1);
    await filled();
    const proxy = new Proxy(world.addresses[0] ?? "");
    proxies.push(proxy);
    await proxy.listen();
    const limits = { timeoutMs: 1_000, reconnectMinMs: 1, reconnectMaxMs: 5 };
    const client = await world.connect({ servers: [proxy.address], limits });
    const replaced = (await client.admin.readSnapshot()).chunks;
    await replaced.next();
    const lost = (await client.admin.readSnapshot()).chunks;
    await lost.next();
    await client.propose({ op: "set", key: "a", value: 1 });
    await world.member(1).node.snapshot();
    // With the connection goes the reader that had the older one open.
    proxy.cutAll();
    await expect(replaced.next()).rejects.toMatchObject({ code: "Compacted" });
    await proxy.kill();
    await expect(lost.next()).rejects.toMatchObject({
      code: "NoServer",
      message: expect.stringMatching(/262144 of \d+ bytes had come/) as string,
    });
  });

  test("a reader that nobody goes on with is closed", async () => {
    world = await World.of(1);
    await filled();
    const { node, storage } = world.member(1);
    let open = 0;
    const counted = {
      readSnapshot: (...part: Parameters<typeof storage.readSnapshot>) =>
        (async function* () {
          open++;
          try {
            yield* storage.readSnapshot(...part);
          } finally {
            open--;
          }
        })(),
    };
    const server = await world.serve(node, { storage: counted });
    servers.push(server);
    const client = await world.connect({ servers: [server.address] });
    await (await client.admin.readSnapshot()).chunks.next();
    const { chunks } = await client.admin.readSnapshot();
    await chunks.next();
    // Of the two the older one was given up.
    expect(open).toBe(1);
    await client.close();
    await until(() => open === 0);
    const other = await world.connect({ servers: [server.address] });
    await all((await other.admin.readSnapshot()).chunks);
    await until(() => open === 0);
  });

  test("is for admins, and where the server has the storage", async () => {
    const tokens = (["write", "admin"] as const).map((role) => ({ token: role, role }));
    world = await World.of(1, { serve: { tokens } });
    const [writer, admin] = await Promise.all(["write", "admin"].map((token) => world.connect({ token })));
    await expect(writer?.admin.readSnapshot()).rejects.toMatchObject({ code: "Forbidden" });
    const server = await world.serve(world.member(1).node, { tokens });
    servers.push(server);
    const other = await world.connect({ servers: [server.address], token: "admin" });
    await expect(other.admin.readSnapshot()).rejects.toMatchObject({
      code: "InvalidArgument",
      message: expect.stringContaining("storage") as string,
    });
    expect(await admin?.admin.readSnapshot()).toMatchObject({ node: 1 });
  });
});

test("the rest of a snapshot is not waited for once the client is closed", async () => {
  world = await World.of(1);
  const client = await world.connect();
  for (let i = 0; i < 10; i++) await client.propose({ op: "set", key: "k".repeat(60_000) + i, value: i });
  const { bytes, chunks } = await client.admin.readSnapshot();
  const first = await chunks.next();
  expect((first.value as Uint8Array).length).toBeLessThan(bytes);
  await client.close();
  await expect(chunks.next()).rejects.toMatchObject({ code: "Closed" });
});
