import { afterEach, describe, expect, test } from "vitest";
import fc from "fast-check";
import { requestKinds } from "@synod/client/protocol";
import { SynodError } from "@synod/interface";
import { Counts, World } from "./support.js";
import { Wire } from "./wire.js";

let world: World;
afterEach(() => world.close());

describe("a client of three nodes", () => {
  test("proposes, reads and watches", async () => {
    world = await World.of(3);
    const client = await world.connect();
    expect(await client.propose({ op: "add", key: "a", by: 2 })).toBe(2);
    expect(await client.propose({ op: "add", key: "a", by: 3 })).toBe(5);
    expect(await client.read({ op: "get", key: "a" })).toBe(5);
    const seen: unknown[] = [];
    for await (const { answer } of client.watch({ op: "history", from: 1 })) {
      seen.push(answer);
      break;
    }
    expect(seen).toEqual([["a=5"]]);
    expect(client.status()).toMatchObject({ state: "connected", calls: 0 });
  });

  test("a result or answer that the own codec refuses has a code: the command took effect", async () => {
    world = await World.of(1);
    const refusing = {
      encode: () => new Uint8Array(0),
      decode: () => {
        throw new TypeError("no such field");
      },
    };
    const client = await world.connect({ resultCodec: refusing, answerCodec: refusing });
    const cause = { message: "no such field" };
    await expect(client.propose({ op: "add", key: "a", by: 2 })).rejects.toMatchObject({
      code: "InvalidResult",
      cause,
    });
    await expect(client.read({ op: "get", key: "a" })).rejects.toMatchObject({ code: "Malformed", cause });
    const watching = client.watch({ op: "history", from: 0 }).next();
    await expect(watching).rejects.toMatchObject({ code: "Malformed", cause });
    expect(world.members[0]?.machine.values.get("a")).toBe(2);
  });

  test("administers", async () => {
    world = await World.of(3);
    const client = await world.connect();
    const leader = await world.leader();
    await client.propose({ op: "add", key: "a", by: 2 });
    const status = await client.admin.status({ server: world.addresses[0] ?? "" });
    expect(status).toMatchObject({ id: 1, state: "running", clusterId: "orders" });
    expect(status.storeId).toBe(world.member(1).node.status().storeId);
    expect(status.peers.map(({ id, lagSlots }) => [id, typeof lagSlots])).toEqual([
      [2, "number"],
      [3, "number"],
    ]);
    const to = (leader.node.id % 3) + 1;
    expect(await client.admin.transferLeadership({ to })).toBe(to);
    // A follower says whom to ask, and a client that knows all servers asks there.
    const { node } = await world.leader();
    const next = (node.id % 3) + 1;
    const narrow = await world.connect({ servers: [world.addresses[next - 1] ?? ""] });
    const ask = (): Promise<unknown> =>
      narrow.admin.transferLeadership({ to: next, timeoutMs: 1_000 }).catch((cause: unknown) => cause);
    let refused = await ask();
    // On a busy machine the last attempt may be under way when the time is up.
    while (refused instanceof SynodError && refused.code === "OutcomeUnknown") refused = await ask();
    expect(refused).toMatchObject({
      code: "NotProposed",
      message: expect.stringContaining(`node ${node.id} does, and has to be asked`) as string,
    });
    const wide = await world.connect({ servers: [...world.addresses].reverse() });
    const handed = await wide.admin.transferLeadership({ to: next }).catch(({ code }: { code: string }) => code);
    // Where nobody takes over in time it was the leader that said so.
    expect([next, "NotTransferred"]).toContain(handed);
    expect(await client.admin.snapshot()).toMatchObject({ index: expect.any(Number) });
    const changed = await client.admin.changeMembership({
      kind: "setQuorum",
      quorum: { kind: "sizes", phase1: 2, phase2: 2 },
    });
    expect(changed.quorum).toEqual({ kind: "sizes", phase1: 2, phase2: 2 });
  });

  test("writes and reads go to the server of the leader; many reads at a time, and those of a quorum, to all", async () => {
    const counts = [new Counts(), new Counts(), new Counts()];
    world = await World.of(3, { serve: (id) => ({ metrics: counts[id - 1] ?? new Counts() }) });
    const leader = await world.leader();
    const client = await world.connect();
    while (client.status().servers.some(({ connected }) => !connected)) await new Promise((next) => setImmediate(next));
    expect(client.status().leader).toBe(leader.node.id);
    for (let i = 0; i < 30; i++) {
      await client.propose({ op: "add", key: "a", by: 1 });
      await client.read({ op: "get", key: "a" });
    }
    const asked = counts.map((each) => each.of("synod_server_requests_total"));
    expect(asked.map((kinds) => kinds["propose"] ?? 0)).toEqual(
      [1, 2, 3].map((id) => (id === leader.node.id ? 30 : 0)),
    );
    const atLeader = (count: number): number[] => [1, 2, 3].map((id) => (id === leader.node.id ? count : 0));
    const reads = (): number[] => counts.map((each) => each.of("synod_server_requests_total")["read"] ?? 0);
    expect(reads()).toEqual(atLeader(30));
    const get = { op: "get", key: "a" } as const;
    await Promise.all(Array.from({ length: 256 + 30 }, () => client.read(get)));
    expect(reads()).toEqual(atLeader(30 + 256).map((count) => count + 10));
    await Promise.all(Array.from({ length: 30 }, () => client.read(get, { via: "quorum" })));
    expect(reads()).toEqual(atLeader(30 + 256).map((count) => count + 20));
  });

  test("a slow consumer of a watch gets what there is when it comes back, and nothing waits for it meanwhile", async () => {
    world = await World.of(1);
    const client = await world.connect();
    const watch = client.watch({ op: "history", from: 0 });
    await client.propose({ op: "add", key: "n", by: 1 });
    expect((await watch.next()).value).toMatchObject({ answer: ["n=1"] });
    for (let i = 0; i < 40; i++) await client.propose({ op: "add", key: "n", by: 1 });
    expect(world.member(1).server.status().watches).toBe(0);
    const { value } = await watch.next();
    expect(value).toMatchObject({ answer: Array.from({ length: 40 }, (_, i) => `n=${i + 2}`), next: { from: 41 } });
    const waiting = watch.next();
    await watch.return?.();
    expect(await waiting).toMatchObject({ done: true });
    expect(await watch.next()).toMatchObject({ done: true });
  });

  test("whatever frames come, the server answers or says why it ends, and goes on", async () => {
    world = await World.of(1);
    const client = await world.connect();
    const address = world.addresses[0] ?? "";
    const frame = fc.tuple(fc.constantFrom(...Object.values(requestKinds), 0, 0xff), fc.uint8Array({ maxLength: 60 }));
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 8 }), async (frames) => {
        const wire = await Wire.accepted(address);
        for (const [kind, payload] of frames) wire.write(kind, payload);
        wire.write(0xff, new Uint8Array(0));
        expect((await wire.goodbye())?.code).toMatch(/^(Malformed|WrongCluster|VersionUnsupported)$/);
      }),
      { numRuns: 60 },
    );
    expect(await client.propose({ op: "add", key: "a", by: 1 })).toBe(1);
    while (world.member(1).server.status().connections > 1) await new Promise((next) => setImmediate(next));
    expect(world.member(1).server.status()).toMatchObject({ requests: 0, watches: 0 });
  });
});
