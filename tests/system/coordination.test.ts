import { messageCodec } from "@synod/codec-msgpack";
import { coordination, coordinationCodecs, coordinationMachine, textValues } from "@synod/coordination";
import { createNode } from "@synod/node";
import { memoryStorage } from "@synod/storage-memory";
import { memoryNetwork } from "@synod/transport-memory";
import { expect, test } from "vitest";

test("locks, watches and keys go on when the leader goes away", { timeout: 60_000 }, async () => {
  const network = memoryNetwork();
  const members = [{ id: 1 }, { id: 2 }, { id: 3 }];
  const nodes = await Promise.all(
    members.map(({ id }) =>
      createNode({
        id,
        cluster: { id: "coordination", members },
        stateMachine: coordinationMachine(),
        ...coordinationCodecs(),
        transport: network.transport(),
        storage: memoryStorage(),
        codec: messageCodec(),
        bootstrap: true,
      }),
    ),
  );
  const [first] = nodes;
  if (first === undefined) throw new Error("no node");
  await coordination(first).kv.put("begun", new Uint8Array(0));
  const leader = nodes.find((node) => node.status().role === "leader") ?? first;
  const [a, b] = nodes.filter((node) => node !== leader).map((node) => coordination(node));
  if (a === undefined || b === undefined) throw new Error("no followers");

  const held = await a.locks.acquire("x", { ttlMs: 60_000 });
  const waiting = b.locks.acquire("x", { ttlMs: 60_000 });
  const watch = b.kv.as(textValues).watch({ prefix: "k" }, { from: 1 })[Symbol.asyncIterator]();
  const event = watch.next();

  await leader.close();

  await a.kv.as(textValues).put("k", "after");
  expect((await event).value?.events).toMatchObject([{ kind: "put", key: "k", value: "after" }]);
  expect(held.held).toBe(true);
  await held.release();
  const next = await waiting;
  expect(next.fencingToken).toBeGreaterThan(held.fencingToken);
  // What a client that closes has held is free at once.
  const closing = coordination(nodes.find((node) => node !== leader) ?? first);
  const lost = await closing.locks.tryAcquire("y", { ttlMs: 60_000 });
  expect(lost?.held).toBe(true);
  await Promise.all([watch.return?.(), a.close(), closing.close()]);
  expect(lost?.signal.aborted).toBe(true);
  expect(await b.locks.tryAcquire("y")).not.toBeNull();
  await b.close();
  for (const node of nodes) await node.close();
});

test("what a client writes after it began to watch is told, also where both are answered in one turn", async () => {
  const network = memoryNetwork();
  const members = [{ id: 1 }, { id: 2 }, { id: 3 }];
  const nodes = await Promise.all(
    members.map(({ id }) =>
      createNode({
        id,
        cluster: { id: "coordination", members },
        stateMachine: coordinationMachine(),
        ...coordinationCodecs(),
        transport: network.transport(),
        storage: memoryStorage(),
        codec: messageCodec(),
        bootstrap: true,
      }),
    ),
  );
  for (const node of nodes) {
    const { kv } = coordination(node);
    for (let i = 0; i < 10; i++) {
      const key = `${node.id}/${i}`;
      const watch = kv.watch({ key })[Symbol.asyncIterator]();
      const { revision } = await kv.put(key, new Uint8Array(0));
      expect((await watch.next()).value?.events).toMatchObject([{ kind: "put", key, revision }]);
      await watch.return?.();
    }
  }
  for (const node of nodes) await node.close({ transferTimeoutMs: 0 });
});

test("a lease that nobody keeps alive ends although nothing else is proposed", { timeout: 60_000 }, async () => {
  const node = await createNode({
    id: 1,
    cluster: { id: "coordination", members: [{ id: 1 }] },
    stateMachine: coordinationMachine(),
    ...coordinationCodecs(),
    transport: memoryNetwork().transport(),
    storage: memoryStorage(),
    codec: messageCodec(),
    bootstrap: true,
  });
  await node.propose({ kind: "grantLease", id: "l", ttlMs: 200 });
  await node.propose({ kind: "put", key: "k", value: new Uint8Array(0), lease: "l", expected: null });
  const kinds: string[] = [];
  for await (const { events } of coordination(node).kv.watch({ key: "k" }, { from: 1 })) {
    kinds.push(...events.map(({ kind }) => kind));
    if (kinds.length === 2) break;
  }
  expect(kinds).toEqual(["put", "delete"]);
  await node.close();
});

test("a codec of values reads memory that holds nothing else, now and of the past", { timeout: 60_000 }, async () => {
  const node = await createNode({
    id: 1,
    cluster: { id: "coordination", members: [{ id: 1 }] },
    stateMachine: coordinationMachine(),
    ...coordinationCodecs(),
    transport: memoryNetwork().transport(),
    storage: memoryStorage(),
    codec: messageCodec(),
    bootstrap: true,
  });
  const client = coordination(node);
  const decode = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes.buffer);
  const kv = client.kv.as({ encode: (bytes: Uint8Array) => bytes, decode });
  const value = (byte: number): Uint8Array => new Uint8Array(100).fill(byte);
  await kv.put("a", value(1));
  const { revision } = await kv.put("b", value(2));
  await kv.put("b", value(3));
  expect((await kv.get("b", { revision }))?.value).toEqual(value(2));
  expect((await kv.get("b"))?.value).toEqual(value(3));
  // Nor is it the state's own.
  (await kv.get("b"))?.value.fill(9);
  expect((await kv.get("b"))?.value).toEqual(value(3));
  await client.close();
  await node.close();
});
