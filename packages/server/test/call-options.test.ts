// Calls of one meaning have one shape.
import type { AdminOptions } from "@synod/client";
import { afterEach, expect, test } from "vitest";
import { World } from "./support.js";

let world: World;
afterEach(() => world.close());

test("a server is the same one in whatever way its address is written", async () => {
  world = await World.of(1, { serve: { listen: "LocalHost:0" } });
  const { address } = world.member(1).server;
  const other = address.replace("localhost", "LOCALHOST");
  expect(other).not.toBe(address);
  const client = await world.connect({ servers: [other, address] });
  expect(client.status().servers.map((server) => server.address)).toEqual([address]);
  expect(await client.admin.status({ server: other })).toMatchObject({ id: 1 });
});

test("calls of an operator take one object, which names the server, and end by signal and time limit", async () => {
  world = await World.of(2);
  const client = await world.connect();
  for (const { node, server } of world.members) {
    expect(await client.admin.status({ server: server.address, timeoutMs: 5_000 })).toMatchObject({ id: node.id });
  }
  await client.propose({ op: "add", key: "a", by: 1 });
  const { address } = world.member(2).server;
  expect(await client.admin.snapshot({ server: address })).toMatchObject({ index: expect.any(Number) as number });
  expect(await client.admin.readSnapshot({ server: address })).toMatchObject({ node: 2 });
  const { admin } = client;
  const calls: ((options: AdminOptions) => Promise<unknown>)[] = [
    (options) => admin.status(options),
    (options) => admin.snapshot(options),
    (options) => admin.readSnapshot(options),
  ];
  const signal = AbortSignal.abort("no");
  for (const call of calls) {
    await expect(call({ server: address, signal })).rejects.toMatchObject({ cause: "no" });
    for (const timeoutMs of [0, Number.NaN, "5s" as unknown as number]) {
      const text = `timeoutMs must be a positive number, not ${String(timeoutMs)}`;
      await expect(call({ timeoutMs })).rejects.toMatchObject({ code: "InvalidArgument", message: text });
    }
    // As it was written before there was one object: any server would answer.
    await expect(call(address as never)).rejects.toMatchObject({ code: "InvalidArgument" });
    await expect(call({ server: "10.9.9.9:1" })).rejects.toMatchObject({ code: "InvalidArgument" });
  }
});

test("a call refuses an option of an unknown name, whose default would be in force", async () => {
  world = await World.of(1);
  const client = await world.connect();
  const { admin } = client;
  const remove = { kind: "remove", id: 2 } as const;
  for (const [call, text] of [
    [
      () => client.propose({ op: "add", key: "a", by: 1 }, { timeout: 5 } as never),
      "propose has no option timeout: did",
    ],
    [() => client.propose({ op: "add", key: "a", by: 1 }, 5 as never), "the options of propose are an object, as in {"],
    [
      () => client.read({ op: "get", key: "a" }, { Via: "quorum" } as never),
      "read has no option Via: did you mean via?",
    ],
    [() => client.openSession({ timeout: 5 } as never), "openSession has no option timeout: did you mean timeoutMs?"],
    [() => admin.status({ sever: "a:1" } as never), "admin.status has no option sever: did you mean server?"],
    [() => admin.snapshot({ timeout: 5 } as never), "admin.snapshot has no option timeout: did you mean timeoutMs?"],
    [() => admin.readSnapshot({ timeout: 5 } as never), "admin.readSnapshot has no option timeout: did"],
    [() => admin.changeMembership(remove, { epoch: 1 } as never), "admin.changeMembership has no option epoch: it"],
    [
      () => admin.transferLeadership({ too: 2 } as never),
      "admin.transferLeadership has no option too: did you mean to?",
    ],
    [() => admin.changeMembership(remove, 5 as never), "the options of admin.changeMembership are an object, as in {"],
    [() => admin.changeMembership(remove, null as never), "the options of admin.changeMembership are an object"],
    [() => admin.transferLeadership("2" as never), "the options of admin.transferLeadership are an object, as in {"],
  ] as const) {
    const error = { code: "InvalidArgument", message: expect.stringContaining(text) as string };
    await expect(call()).rejects.toMatchObject(error);
  }
});
