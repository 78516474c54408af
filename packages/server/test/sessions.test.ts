// Sessions that users of a client ask for.
import { replyKinds } from "@synod/client/protocol";
import type { SynodError } from "@synod/interface";
import { afterEach, describe, expect, test } from "vitest";
import { type Proxy, proxiesBefore } from "./proxy.js";
import { type TestClient, until, World } from "./support.js";
import { Wire } from "./wire.js";

let world: World;
let proxies: Proxy[] = [];
afterEach(async () => {
  await Promise.all(proxies.map((proxy) => proxy.kill()));
  await world.close();
  proxies = [];
});

const add = { op: "add", key: "a", by: 1 } as const;
const count = (client: TestClient): Promise<unknown> => client.read({ op: "get", key: "a" });
const codeOf = ({ code }: SynodError): string => code;

async function behindProxies(): Promise<string[]> {
  proxies = await proxiesBefore(world.addresses);
  return proxies.map(({ address }) => address);
}

describe("a ticket", () => {
  test("executes once where the connection breaks between sending and the answer, and the client goes on", async () => {
    world = await World.of(1);
    const client = await world.connect({ servers: await behindProxies() });
    const session = await client.openSession();
    const [proxy] = proxies as [Proxy];
    proxy.cutBefore = replyKinds.result;
    expect(await client.propose(add, { session: session.ticket() })).toBe(1);
    expect(proxy.cuts).toBe(1);
    expect(await count(client)).toBe(1);
  });

  test("executes once where the answer is lost and its user tries again, here or elsewhere", async () => {
    world = await World.of(1);
    const servers = await behindProxies();
    const client = await world.connect({ servers });
    const session = await client.openSession();
    const ticket = session.ticket();
    const [proxy] = proxies as [Proxy];
    const controller = new AbortController();
    const events = client.events();
    proxy.cutBefore = replyKinds.result;
    const proposing = client.propose(add, { session: ticket, signal: controller.signal }).catch(codeOf);
    // Executed, and its answer did not come.
    for await (const { kind } of events) if (kind === "disconnected") break;
    controller.abort();
    expect(await proposing).toBe("OutcomeUnknown");
    expect(world.member(1).machine.values.get("a")).toBe(1);
    expect(await client.propose(add, { session: ticket })).toBe(1);
    const other = await world.connect();
    expect(await other.propose(add, { session: structuredClone(ticket) })).toBe(1);
    expect(await count(client)).toBe(1);
    session.done(ticket);
    expect(session.ticket()).toEqual({ session: session.id, sequence: 2, floor: 1 });
  });

  test("executes once where the leader goes", async () => {
    world = await World.of(3);
    const client = await world.connect({ servers: await behindProxies() });
    const session = await client.openSession();
    const first = session.ticket();
    expect(await client.propose(add, { session: first })).toBe(1);
    const leader = (await world.leader()).node.id;
    const tickets = Array.from({ length: 50 }, () => session.ticket());
    const calls = tickets.map((ticket) => client.propose(add, { session: ticket }));
    await proxies[leader - 1]?.kill();
    await world.member(leader).server.close({ drainTimeoutMs: 0 });
    await world.member(leader).node.close({ transferTimeoutMs: 0 });
    const results = await Promise.all(calls);
    expect(new Set(results).size).toBe(50);
    const again = await Promise.all(tickets.map((ticket) => client.propose(add, { session: ticket })));
    expect(again).toEqual(results);
    expect(await client.propose(add, { session: first })).toBe(1);
    expect(await count(client)).toBe(51);
    await session.close();
  });

  test("is of no use once the session is closed; closing may be said again, and at another client", async () => {
    world = await World.of(1);
    const client = await world.connect();
    const { node } = world.member(1);
    await client.propose(add);
    const { sessions } = node.status();
    const session = await client.openSession();
    expect(node.status().sessions).toBe(sessions + 1);
    await Promise.all([session.close(), session.close({ timeoutMs: 5_000 })]);
    expect(node.status().sessions).toBe(sessions);
    await session.close();
    await expect(client.propose(add, { session: session.ticket() })).rejects.toMatchObject({ code: "SessionUnknown" });
    expect(await count(client)).toBe(1);
    {
      await using disposed = await client.openSession();
      expect(await client.propose(add, { session: disposed.ticket() })).toBe(2);
    }
    expect(node.status().sessions).toBe(sessions);
  });

  test("is of no use once the cluster has forgotten the session", async () => {
    world = await World.of(1, { sessionTtlMs: 20 });
    const client = await world.connect();
    const { node } = world.member(1);
    const session = await client.openSession();
    const ticket = session.ticket();
    expect(await client.propose(add, { session: ticket })).toBe(1);
    // Each puts the time into the log.
    while (node.status().sessions > 0) await node.closeSession({ slot: 1_000_000, index: 0 });
    await expect(client.propose(add, { session: ticket })).rejects.toMatchObject({ code: "SessionUnknown" });
    expect(await count(client)).toBe(1);
    // Gone is gone.
    await session.close();
  });
});

describe("a session", () => {
  test("gives out as many tickets as may be open", async () => {
    world = await World.of(1, { limits: { inFlightCommandsMax: 2 } });
    const client = await world.connect();
    const session = await client.openSession();
    expect(session.limit).toBe(2);
    const [first, second] = [session.ticket(), session.ticket()];
    expect(() => session.ticket()).toThrow(expect.objectContaining({ code: "Busy" }) as Error);
    session.done(second);
    session.done(second);
    expect(() => session.ticket()).toThrow(expect.objectContaining({ code: "Busy" }) as Error);
    session.done({ ...first, sequence: 99 });
    session.done({ ...first, sequence: 1.5 });
    const other = await client.openSession();
    expect(() => session.done(other.ticket())).toThrow(expect.objectContaining({ code: "InvalidArgument" }) as Error);
    session.done(first);
    session.done(first);
    expect(session.ticket()).toEqual({ session: session.id, sequence: 3, floor: 2 });
    expect(session.ticket()).toEqual({ session: session.id, sequence: 4, floor: 2 });
    expect(() => session.ticket()).toThrow(expect.objectContaining({ code: "Busy" }) as Error);
  });

  test("an attempt with its ticket speaks of itself alone", async () => {
    world = await World.of(1);
    const client = await world.connect();
    const ticket = (await client.openSession()).ticket();
    const attempt = client.propose(add, { session: ticket, signal: AbortSignal.abort() });
    await expect(attempt).rejects.toMatchObject({
      code: "NotProposed",
      message: expect.stringContaining("this attempt was not proposed: try again with the same ticket") as string,
    });
  });

  test("counts among the calls of its client, and ends with signal, time limit and client", async () => {
    world = await World.of(1);
    const client = await world.connect({ limits: { callsMax: 1 } });
    const opening = client.openSession();
    await expect(client.openSession()).rejects.toMatchObject({ code: "Busy" });
    const session = await opening;
    expect(client.status()).toMatchObject({ calls: 0, callBytes: 0 });
    const signal = AbortSignal.abort("no");
    await expect(client.openSession({ signal })).rejects.toMatchObject({ code: "NotProposed", cause: "no" });
    await expect(session.close({ signal })).rejects.toMatchObject({ code: "NotProposed", cause: "no" });
    await expect(client.openSession({ timeoutMs: 0 })).rejects.toMatchObject({ code: "InvalidArgument" });
    expect(client.status()).toMatchObject({ calls: 0, callBytes: 0 });
    await client.close();
    await expect(client.openSession()).rejects.toMatchObject({ code: "Closed" });
    await expect(session.close()).rejects.toMatchObject({ code: "Closed" });
  });

  test("ends in time where no server answers, and says what is known", async () => {
    world = await World.of(1);
    const client = await world.connect({ servers: await behindProxies() });
    const session = await client.openSession();
    const [proxy] = proxies as [Proxy];
    proxy.silent = true;
    // It was sent: a session may be there that nobody has.
    await expect(client.openSession({ timeoutMs: 50 })).rejects.toMatchObject({ code: "OutcomeUnknown" });
    await expect(session.close({ timeoutMs: 50 })).rejects.toMatchObject({ code: "OutcomeUnknown" });
    proxy.silent = false;
    // What failed may be tried again.
    await session.close();
    await until(() => world.member(1).node.status().sessions === 0);
  });

  test("takes the role write: who may only read gets none and closes none", async () => {
    const tokens = [
      { token: "w", role: "write" },
      { token: "r", role: "read" },
    ] as const;
    world = await World.of(1, { serve: { tokens } });
    const [writer, reader] = await Promise.all(["w", "r"].map((token) => world.connect({ token })));
    await expect(reader?.openSession()).rejects.toMatchObject({ code: "Forbidden" });
    const session = await writer?.openSession();
    if (session === undefined) throw new Error("no session");
    const ticket = session.ticket();
    await expect(reader?.propose(add, { session: ticket })).rejects.toMatchObject({ code: "Forbidden" });
    const wire = new Wire(world.addresses[0] ?? "");
    wire.hello("orders", "r");
    wire.ask({ kind: "closeSession", id: 7, deadlineMs: 5_000, session: session.id });
    expect(await wire.reply(7)).toMatchObject({ code: "Forbidden" });
    wire.socket.destroy();
    expect(await writer?.propose(add, { session: ticket })).toBe(1);
  });
});
