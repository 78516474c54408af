import { checkLinearizability, type Operation, register } from "@synod/linearizability";
import { SynodError } from "@synod/interface";
import { afterEach, describe, expect, test } from "vitest";
import { chanceOf, type Proxy, proxiesBefore } from "./proxy.js";
import { type TestClient, until, World } from "./support.js";

let world: World;
let proxies: Proxy[] = [];
afterEach(async () => {
  await Promise.all(proxies.map((proxy) => proxy.kill()));
  await world.close();
  proxies = [];
});

async function behindProxies(framesUntilCut?: () => number): Promise<string[]> {
  proxies = await proxiesBefore(world.addresses, framesUntilCut);
  return proxies.map(({ address }) => address);
}

/** Ends the machine of a node: its clients see nothing but closed connections, its peers nothing at all. */
async function crash(id: number): Promise<void> {
  await proxies[id - 1]?.kill();
  await world.member(id).server.close({ drainTimeoutMs: 0 });
  await world.member(id).node.close({ transferTimeoutMs: 0 });
}

type Input = { type: "read" } | { type: "write"; value: number };

/** Calls one after the other, and notes when each began and ended. */
async function work(
  client: TestClient,
  name: number,
  count: number,
  history: Operation<Input, number>[],
): Promise<void> {
  for (let i = 0; i < count; i++) {
    const value = name * 1_000_000 + i;
    const input: Input = i % 3 === 2 ? { type: "read" } : { type: "write", value };
    const call = performance.now();
    try {
      if (input.type === "write") {
        await client.propose({ op: "set", key: "register", value });
        history.push({ client: name, call, return: performance.now(), input });
      } else {
        const answer = await client.read({ op: "get", key: "register" });
        history.push({ client: name, call, return: performance.now(), input, output: answer as number });
      }
    } catch (error) {
      if (!(error instanceof SynodError)) throw error;
      if (error.code === "OutcomeUnknown") history.push({ client: name, call, return: null, input });
    }
  }
}

describe("failover", () => {
  test("three clients go on over the loss of the leader, and what they saw is linearizable", async () => {
    world = await World.of(3);
    const servers = await behindProxies();
    const clients = await Promise.all([1, 2, 3].map(() => world.connect({ servers })));
    const first = clients[0] as TestClient;
    await first.propose({ op: "set", key: "register", value: 0 });
    const leader = await world.leader();
    const history: Operation<Input, number>[] = [
      { client: 0, call: -2, return: -1, input: { type: "write", value: 0 } },
    ];
    const working = clients.map((client, i) => work(client, i + 1, 120, history));
    // Somewhere in the middle of it.
    while (history.length < 100) await first.read({ op: "get", key: "register" });
    await crash(leader.node.id);
    await Promise.all(working);
    const unknown = history.filter((operation) => operation.return === null);
    expect(history.length - unknown.length).toBe(361);
    expect(checkLinearizability(register<number>(), history)).toMatchObject({ ok: true });
    expect(first.status().leader).not.toBe(leader.node.id);
  });

  test("a call whose server is killed under it is answered by another one, once", async () => {
    world = await World.of(3);
    const servers = await behindProxies();
    const client = await world.connect({ servers });
    await client.propose({ op: "add", key: "a", by: 1 });
    const leader = await world.leader();
    const calls = Array.from({ length: 50 }, () => client.propose({ op: "add", key: "a", by: 1 }));
    await crash(leader.node.id);
    const results = await Promise.all(calls);
    expect(new Set(results).size).toBe(50);
    expect(await client.read({ op: "get", key: "a" })).toBe(51);
  });

  test.each([1, 2, 3, 4])(
    "every addition counts once over connections that are cut between frames (seed %i)",
    async (seed) => {
      world = await World.of(3);
      const chance = chanceOf(seed);
      // The handshake is two frames; then a few more.
      const servers = await behindProxies(() => 2 + Math.floor(chance() * 40));
      const client = await world.connect({
        servers,
        limits: { reconnectMinMs: 1, reconnectMaxMs: 5 },
        random: { uint32: () => Math.floor(chance() * 2 ** 32) },
      });
      const results: number[] = [];
      for (let round = 0; round < 20; round++) {
        const calls = Array.from({ length: 10 }, () => client.propose({ op: "add", key: "sum", by: 1 }));
        results.push(...(await Promise.all(calls)));
      }
      // Each result is the sum after that addition: twice the same, or a gap, would be an addition lost or doubled.
      expect(results.sort((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
      expect(proxies.reduce((sum, { cuts }) => sum + cuts, 0)).toBeGreaterThan(10);
    },
  );

  test.each([1, 2, 3])("what is said of calls that end early is true (seed %i)", async (seed) => {
    world = await World.of(3);
    const chance = chanceOf(seed);
    const servers = await behindProxies(() => 2 + Math.floor(chance() * 30));
    const client = await world.connect({ servers, limits: { reconnectMinMs: 1, reconnectMaxMs: 5 } });
    await client.propose({ op: "add", key: "first", by: 1 });
    const outcomes = new Map<string, string>();
    const one = async (key: string): Promise<void> => {
      const aborter = new AbortController();
      const timeoutMs = 1 + Math.floor(chance() * 25);
      const calling = client.propose({ op: "add", key, by: 1 }, { timeoutMs, signal: aborter.signal });
      if (chance() < 0.2) setImmediate(() => aborter.abort());
      try {
        await calling;
        outcomes.set(key, "done");
      } catch (error) {
        outcomes.set(key, (error as SynodError).code);
      }
    };
    for (let round = 0; round < 25; round++) {
      await Promise.all(Array.from({ length: 12 }, (_, i) => one(`k${round}-${i}`)));
    }
    // Behind these everything that is still on its way has arrived, or is refused for its ticket.
    for (let i = 0; i < 20; i++) await client.propose({ op: "add", key: "last", by: 1 });
    const history = (await client.read({ op: "history", from: 0 })) as string[];
    const times = (key: string): number => history.filter((line) => line.startsWith(`${key}=`)).length;
    const wrong = [...outcomes].filter(([key, outcome]) => {
      if (outcome === "done") return times(key) !== 1;
      return outcome === "NotProposed" ? times(key) !== 0 : times(key) > 1;
    });
    expect(wrong).toEqual([]);
    // One in five is aborted before its answer can be there.
    expect([...outcomes.values()].filter((outcome) => outcome === "OutcomeUnknown").length).toBeGreaterThan(0);
  });

  test("a server that falls silent is given up, and its calls are answered elsewhere, once", async () => {
    world = await World.of(3);
    const servers = await behindProxies();
    const client = await world.connect({ servers, limits: { idleTimeoutMs: 2_000, handshakeTimeoutMs: 2_000 } });
    await client.propose({ op: "add", key: "a", by: 1 });
    const leader = await world.leader();
    const proxy = proxies[leader.node.id - 1];
    if (proxy === undefined) throw new Error("no proxy");
    proxy.silent = true;
    const calls = Array.from({ length: 20 }, () => client.propose({ op: "add", key: "a", by: 1 }));
    const reads = Array.from({ length: 20 }, () => client.read({ op: "get", key: "a" }));
    expect(new Set(await Promise.all(calls)).size).toBe(20);
    await Promise.all(reads);
    expect(await client.read({ op: "get", key: "a" })).toBe(21);
    proxy.silent = false;
    await until(() => client.status().servers.every(({ connected }) => connected));
  });

  test("a watch goes on at another server without gap or repetition", async () => {
    world = await World.of(3);
    const servers = await behindProxies();
    const client = await world.connect({ servers, limits: { reconnectMinMs: 1, reconnectMaxMs: 20 } });
    const writer = await world.connect();
    const seen: string[] = [];
    const watching = (async () => {
      for await (const { answer } of client.watch({ op: "history", from: 0 })) {
        seen.push(...(answer as string[]));
        if (seen.length >= 60) return;
      }
    })();
    for (let i = 1; i <= 60; i++) {
      if (i % 6 === 0) proxies[i % 3]?.cutAll();
      await writer.propose({ op: "add", key: "n", by: 1 });
    }
    await watching;
    expect(seen).toEqual(Array.from({ length: 60 }, (_, i) => `n=${i + 1}`));
  });
});
