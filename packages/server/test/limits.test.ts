import { getEventListeners } from "node:events";
import { afterEach, describe, expect, test } from "vitest";
import { Counts, type TestClient, until, World } from "./support.js";
import { hostClock } from "@synod/client/protocol";
import { Proxy } from "./proxy.js";
import { Wire } from "./wire.js";
import { queryCodec } from "./support.js";

let world: World;
afterEach(() => world.close());

const add = { op: "add", key: "a", by: 1 } as const;
const count = (client: TestClient): Promise<unknown> => client.read({ op: "get", key: "a" });

describe("the server", () => {
  test("takes only so many requests a second; the client waits as it is told, and all are answered", async () => {
    const counts = new Counts();
    world = await World.of(1, { serve: { limits: { requestsPerSecondMax: 40 }, metrics: counts } });
    const client = await world.connect();
    const results = await Promise.all(Array.from({ length: 60 }, () => client.propose(add)));
    expect(new Set(results).size).toBe(60);
    expect(counts.of("synod_server_busy_total")[""]).toBeGreaterThan(0);
  });

  test("Busy goes to the caller where the deadline comes before the time to try again", async () => {
    const counts = new Counts();
    let nowMs = 0;
    const clock = { ...hostClock, now: () => nowMs };
    world = await World.of(1, { serve: { limits: { requestsPerSecondMax: 1 }, metrics: counts, clock } });
    const client = await world.connect();
    // The session first, and then the command as soon as the server said.
    const proposing = client.propose(add);
    await until(() => counts.of("synod_server_busy_total")[""] === 1);
    nowMs = 1_000;
    await proposing;
    const busy = { code: "Busy", details: { retryAfterMs: expect.any(Number) as number } };
    await expect(client.propose(add, { timeoutMs: 200 })).rejects.toMatchObject(busy);
    await expect(client.read({ op: "get", key: "a" }, { timeoutMs: 200 })).rejects.toMatchObject(busy);
    // Each asked once: to ask again would have been of no use.
    expect(counts.of("synod_server_busy_total")[""]).toBe(3);
  });

  test("a client keeps within the limits of open requests by itself", async () => {
    const counts = new Counts();
    world = await World.of(1, { serve: { limits: { requestsMax: 2, requestBytesMax: 100 }, metrics: counts } });
    const client = await world.connect();
    const results = await Promise.all(Array.from({ length: 50 }, () => client.propose(add)));
    expect(new Set(results).size).toBe(50);
    expect(counts.of("synod_server_busy_total")).toEqual({});
  });

  test("refuses what goes beyond, request by request", async () => {
    world = await World.of(1, { serve: { limits: { requestsMax: 1, watchesMax: 1 } } });
    const wire = await Wire.accepted(world.addresses[0] ?? "");
    const query = queryCodec.encode({ op: "history", from: 5 });
    for (const id of [1, 2]) wire.ask({ kind: "watch", id, query });
    expect(await wire.reply(2)).toMatchObject({ kind: "failure", code: "Busy", retryAfterMs: 1_000 });
    wire.ask(...[3, 4].map((id) => ({ kind: "openSession", id, deadlineMs: 5_000 }) as const));
    expect(await wire.reply(4)).toMatchObject({ kind: "failure", code: "Busy" });
    expect(await wire.reply(3)).toMatchObject({ kind: "opened" });
    wire.ask({ kind: "cancel", id: 1 });
    expect(await wire.reply(1)).toMatchObject({ kind: "failure", code: "NotProposed" });
    wire.ask(...[7, 7].map((id) => ({ kind: "watch", id, query }) as const));
    expect(await wire.goodbye()).toMatchObject({ code: "Malformed" });
  });

  test("all connections together have limits, too: of watches, and of answers that nobody takes", async () => {
    const limits = { watchesTotalMax: 3, outputBytesTotalMax: 3_000_000 };
    world = await World.of(1, { serve: { limits } });
    const [address = ""] = world.addresses;
    const query = queryCodec.encode({ op: "history", from: 5 });
    const wires = await Promise.all([1, 2, 3, 4].map(() => Wire.accepted(address)));
    const [one, two, three, four] = wires as [Wire, Wire, Wire, Wire];
    for (const wire of [one, two, three]) wire.ask({ kind: "watch", id: 1, query });
    await until(() => world.members[0]?.server.status().watches === 3);
    four.ask({ kind: "watch", id: 1, query });
    expect(await four.reply(1)).toMatchObject({ kind: "failure", code: "Busy" });
    three.ask({ kind: "cancel", id: 1 });
    await three.reply(1);
    two.socket.destroy();
    await until(() => world.members[0]?.server.status().watches === 1);
    four.ask({ kind: "watch", id: 2, query }, { kind: "watch", id: 3, query });
    await until(() => world.members[0]?.server.status().watches === 3);

    const large = queryCodec.encode({ op: "large", bytes: 1_000_000 });
    const read = (id: number) => ({ kind: "read", id, deadlineMs: 5_000, via: "leader", query: large }) as const;
    one.socket.pause();
    let refused: unknown = null;
    // The system takes a lot of it itself.
    for (let id = 100; refused === null; id++) {
      one.ask(read(id));
      four.ask(read(id));
      const reply = await four.reply(id);
      if (reply.kind === "failure") refused = reply;
    }
    expect(refused).toMatchObject({ code: "Busy" });
    one.socket.destroy();
    for (let id = 10_000, ok = false; !ok; id++) {
      four.ask(read(id));
      ok = (await four.reply(id)).kind === "result";
    }
  });

  test("who opens connections and says nothing keeps nobody out", async () => {
    const counts = new Counts();
    world = await World.of(1, { serve: { limits: { handshakeTimeoutMs: 600_000 }, metrics: counts } });
    const idle = Array.from({ length: 300 }, () => new Wire(world.addresses[0] ?? ""));
    await until(() => idle.filter(({ closed }) => closed).length === 300 - 256);
    // The oldest ones.
    expect(idle.findIndex(({ closed }) => !closed)).toBe(300 - 256);
    const client = await world.connect();
    expect(await client.propose(add)).toBe(1);
    expect(counts.of("synod_server_refusals_total")["Flood"]).toBe(300 - 256 + 1);
    for (const { socket } of idle) socket.destroy();
  });

  test("a frame above the limit ends the connection; a client does not send it", async () => {
    world = await World.of(1, { serve: { limits: { frameBytesMax: 2_000 } } });
    const client = await world.connect();
    const large = { op: "add", key: "k".repeat(3_000), by: 1 } as const;
    await expect(client.propose(large)).rejects.toMatchObject({ code: "TooLarge", details: { limit: 2_000 } });
    const wire = await Wire.accepted(world.addresses[0] ?? "");
    wire.ask({ kind: "read", id: 1, deadlineMs: 1_000, via: "leader", query: new Uint8Array(3_000) });
    expect(await wire.goodbye()).toMatchObject({ code: "TooLarge" });
    expect(await client.propose(add)).toBe(1);
  });

  test("an answer that is too large for the client is TooLarge, and the connection goes on", async () => {
    world = await World.of(1);
    const client = await world.connect({ limits: { frameBytesMax: 10_000 } });
    await expect(client.read({ op: "large", bytes: 20_000 })).rejects.toMatchObject({ code: "TooLarge" });
    expect(await client.propose(add)).toBe(1);
  });

  test("a client that does not read what it asked for is disconnected, and what waits for it is bounded", async () => {
    const counts = new Counts();
    world = await World.of(1, {
      serve: { limits: { outputBytesMax: 2_000_000, outputStallMs: 100 }, metrics: counts },
    });
    const wire = await Wire.accepted(world.addresses[0] ?? "");
    wire.socket.pause();
    const query = queryCodec.encode({ op: "large", bytes: 500_000 });
    const server = world.member(1).server;
    let id = 0;
    // More than the system has room for.
    await until(() => {
      if (wire.socket.writableLength < 100_000)
        wire.ask({ kind: "read", id: ++id, deadlineMs: 10_000, via: "leader", query });
      return server.status().connections === 0;
    });
    expect(counts.of("synod_server_refusals_total")).toEqual({ Slow: 1 });
    expect(server.status()).toMatchObject({ requests: 0, watches: 0 });
    wire.socket.destroy();
  });

  test("a client that asks for more than may wait gets all of it, little by little", async () => {
    const counts = new Counts();
    world = await World.of(1, { serve: { limits: { outputBytesMax: 2_000_000 }, metrics: counts } });
    const client = await world.connect();
    const reads = Array.from({ length: 60 }, () => client.read({ op: "large", bytes: 400_000 }, { timeoutMs: 15_000 }));
    const answers = await Promise.all(reads);
    expect(answers.every((answer) => (answer as Uint8Array).length === 400_000)).toBe(true);
    expect(counts.of("synod_server_refusals_total")).toEqual({});
  });

  test("who says nothing, before or after the handshake, is not kept", async () => {
    world = await World.of(1, { serve: { limits: { idleTimeoutMs: 100 } } });
    const impatient = await world.serve(world.member(1).node, { limits: { handshakeTimeoutMs: 50 } });
    const { address } = impatient;
    expect(await new Wire(address).goodbye()).toMatchObject({ code: "Malformed" });
    const drop = new Wire(address);
    drop.socket.write(Uint8Array.of(0, 0));
    expect(await drop.goodbye()).toMatchObject({ code: "Malformed" });
    await impatient.close({ drainTimeoutMs: 0 });
    const wire = await Wire.accepted(world.addresses[0] ?? "");
    expect(await wire.goodbye()).toMatchObject({ code: "Closed" });
  });

  test("a query that throws is the caller's error, and a bug in the log", async () => {
    world = await World.of(1);
    const client = await world.connect();
    await expect(client.read({ op: "throw" })).rejects.toMatchObject({ code: "InvalidArgument" });
    await expect(client.watch({ op: "get", key: "a" }).next()).rejects.toMatchObject({ code: "InvalidArgument" });
    expect(await client.propose(add)).toBe(1);
  });

  test("a client that is gone leaves nothing running", async () => {
    world = await World.of(3, { limits: { proposeTimeoutMs: 600_000, readTimeoutMs: 600_000 } });
    const { node, server } = world.member(1);
    const proxy = new Proxy(server.address);
    await proxy.listen();
    const client = await world.connect({ servers: [proxy.address] });
    await client.propose(add);
    // Nothing can be decided from here on.
    await Promise.all([2, 3].map((id) => world.member(id).node.close({ transferTimeoutMs: 0 })));
    const calls = [
      client.propose(add, { timeoutMs: 600_000 }),
      client.read({ op: "get", key: "a" }, { timeoutMs: 600_000 }),
      client.watch({ op: "history", from: 9 }).next(),
    ].map((call) => call.catch((error: { code: string }) => error.code));
    const status = (): readonly number[] => {
      const { queues, readsWaiting } = node.status();
      return [queues.own.count, readsWaiting, server.status().watches];
    };
    await until(() => status().every((count) => count === 1));
    await proxy.kill();
    await until(() => status().every((count) => count === 0));
    await client.close();
    expect(await Promise.all(calls)).toEqual(["OutcomeUnknown", "Closed", "Closed"]);
  });

  test("closing lets open requests end, and sends clients elsewhere", async () => {
    world = await World.of(3);
    const client = await world.connect();
    await client.propose(add);
    const watch = client.watch({ op: "history", from: 1 });
    const next = watch.next();
    const calls = Array.from({ length: 20 }, () => client.propose(add));
    await Promise.all([world.member(1).server.close(), world.member(2).server.close()]);
    expect(new Set(await Promise.all(calls)).size).toBe(20);
    expect((await next).value).toMatchObject({ answer: expect.arrayContaining(["a=2"]) as string[] });
    expect(client.status().servers.filter(({ connected }) => connected)).toHaveLength(1);
    expect(await count(client)).toBe(21);
  });

  test("a node that stops sends its clients elsewhere", async () => {
    world = await World.of(3);
    const client = await world.connect();
    const leader = await world.leader();
    await leader.node.close();
    await until(() => leader.server.status().state === "closed");
    expect(await client.propose(add)).toBe(1);
  });
});

describe("every call ends by its deadline", () => {
  test("with no server left", async () => {
    world = await World.of(1);
    const client = await world.connect();
    await client.propose(add);
    await world.member(1).server.close();
    await until(() => client.status().state === "connecting");
    await expect(client.propose(add, { timeoutMs: 50 })).rejects.toMatchObject({
      code: "NotProposed",
      cause: expect.objectContaining({ code: "NoServer" }) as Error,
    });
    await expect(client.read({ op: "get", key: "a" }, { timeoutMs: 50 })).rejects.toMatchObject({ code: "NoServer" });
    await expect(client.admin.status({ timeoutMs: 50 })).rejects.toMatchObject({ code: "NoServer" });
    const watch = client.watch({ op: "history", from: 5 }, { signal: AbortSignal.timeout(50) });
    expect(await watch.next()).toMatchObject({ done: true });
  });

  test("with servers whose cluster has no quorum", async () => {
    world = await World.of(3);
    const client = await world.connect();
    await client.propose(add);
    await Promise.all([2, 3].map((id) => world.member(id).node.close({ transferTimeoutMs: 0 })));
    const proposing = client.propose(add, { timeoutMs: 300 });
    await expect(proposing).rejects.toMatchObject({
      code: expect.stringMatching(/^(NotProposed|OutcomeUnknown)$/) as string,
    });
    await expect(client.read({ op: "get", key: "a" }, { timeoutMs: 300 })).rejects.toMatchObject({ code: "NoLeader" });
    await until(() => world.member(1).server.status().requests === 0);
  });

  test("or by its signal", async () => {
    world = await World.of(1);
    const client = await world.connect();
    await expect(client.propose(add, { signal: AbortSignal.abort("x") })).rejects.toMatchObject({
      code: "NotProposed",
      cause: "x",
    });
    await client.propose(add);
    await world.member(1).node.close();
    const aborter = new AbortController();
    const reading = client.read({ op: "get", key: "a" }, { signal: aborter.signal });
    aborter.abort("enough");
    await expect(reading).rejects.toMatchObject({ cause: "enough" });
  });

  test("or by closing the client", async () => {
    world = await World.of(3);
    const client = await world.connect();
    await client.propose(add);
    await Promise.all([2, 3].map((id) => world.member(id).node.close({ transferTimeoutMs: 0 })));
    const calls = [client.propose(add), client.read({ op: "get", key: "a" })].map((call) =>
      call.then(
        () => "settled",
        (error: { code: string }) => error.code,
      ),
    );
    await client.close();
    const [proposed, read] = await Promise.all(calls);
    expect(proposed).toMatch(/^(NotProposed|OutcomeUnknown)$/);
    expect(read).toBe("Closed");
    await expect(client.propose(add)).rejects.toMatchObject({ code: "Closed" });
    expect(client.status().state).toBe("closed");
  });
});

describe("the client", () => {
  test("has limits of its own", async () => {
    world = await World.of(1);
    const client = await world.connect({ limits: { callsMax: 2 } });
    const calls = [client.propose(add), client.propose(add)];
    await expect(client.propose(add)).rejects.toMatchObject({ code: "Busy" });
    await Promise.all(calls);
    expect(await client.propose(add)).toBe(3);
    for (const limits of [{ timeoutMs: 0 }, { frobs: 1 }, { reconnectMinMs: 9_000 }]) {
      await expect(world.connect({ limits })).rejects.toMatchObject({ code: "InvalidArgument" });
    }
  });

  test("says of a call that it never has room for that it is too large: busy would be tried again for ever", async () => {
    world = await World.of(1);
    const client = await world.connect({ limits: { callBytesMax: 2_048 } });
    const large = { op: "add", key: "k".repeat(2_000), by: 1 } as const;
    const refused = { code: "TooLarge", details: { limit: 1_024 }, message: expect.stringContaining("callBytesMax") };
    await expect(client.propose(large)).rejects.toMatchObject(refused);
    await expect(client.read({ op: "get", key: large.key })).rejects.toMatchObject(refused);
    expect(await client.propose(add)).toBe(1);
  });

  test("leaves no listener, timer or socket behind after 1,000 calls", async () => {
    world = await World.of(1);
    const timers = new Set<object>();
    const clock = {
      now: () => performance.now(),
      timer: (delayMs: number, callback: () => void) => {
        const timer = {};
        const cancel = (): void => {
          timers.delete(timer);
          clearTimeout(handle);
        };
        const handle = setTimeout(() => {
          timers.delete(timer);
          callback();
        }, delayMs);
        timers.add(timer);
        return cancel;
      },
    };
    const client = await world.connect({ clock });
    await client.propose(add);
    const idle = timers.size;
    const { signal } = new AbortController();
    for (let i = 0; i < 10; i++) {
      const reads = Array.from({ length: 50 }, () => client.read({ op: "get", key: "a" }, { signal }));
      const writes = Array.from({ length: 50 }, () => client.propose(add, { signal }));
      await Promise.all([...reads, ...writes]);
    }
    expect(getEventListeners(signal, "abort")).toEqual([]);
    expect(client.status()).toMatchObject({ calls: 0, callBytes: 0 });
    expect(timers.size).toBe(idle);
    await client.close();
    expect(timers.size).toBe(0);
    await world.close();
    await until(() =>
      process.getActiveResourcesInfo().every((kind) => kind !== "TCPSocketWrap" && kind !== "TCPServerWrap"),
    );
  });

  test("a session that the cluster forgot ends its calls as unknown, and the next one has a new session", async () => {
    world = await World.of(1);
    const client = await world.connect();
    const events = client.events();
    await client.propose(add);
    const { session } = client.status();
    if (session === null) throw new Error("no session");
    await world.member(1).node.closeSession(session);
    await expect(client.propose(add)).rejects.toMatchObject({
      code: "OutcomeUnknown",
      cause: expect.objectContaining({ code: "SessionUnknown" }) as Error,
    });
    expect(await client.propose(add)).toBe(2);
    expect(client.status().session).not.toEqual(session);
    for await (const event of events) {
      if (event.kind !== "sessionLost") continue;
      expect(event.session).toEqual(session);
      break;
    }
  });

  test("keeps an idle session alive, and so learns that it is gone", async () => {
    world = await World.of(1);
    const client = await world.connect({ limits: { keepAliveMs: 40 } });
    const events = client.events();
    await client.propose(add);
    const { session } = client.status();
    const applied = world.member(1).node.applied;
    await until(() => world.member(1).node.applied > applied + 1);
    expect(client.status().session).toEqual(session);
    if (session === null) throw new Error("no session");
    await world.member(1).node.closeSession(session);
    for await (const { kind } of events) if (kind === "sessionLost") break;
    expect(await count(client)).toBe(1);
    expect(await client.propose(add)).toBe(2);
  });

  test("gives its session back when it closes", async () => {
    world = await World.of(1);
    const client = await world.connect();
    await client.propose(add);
    const { node } = world.member(1);
    const sessions = node.status().sessions;
    await client.close();
    expect(node.status().sessions).toBe(sessions - 1);
  });

  test("takes tickets of a session that somebody else keeps", async () => {
    world = await World.of(1);
    const client = await world.connect();
    const session = await world.member(1).node.openSession();
    const ticket = session.ticket();
    expect(await client.propose(add, { session: ticket })).toBe(1);
    expect(await client.propose(add, { session: ticket })).toBe(1);
    await session.close();
    await expect(client.propose(add, { session: ticket })).rejects.toMatchObject({ code: "SessionUnknown" });
  });
});
