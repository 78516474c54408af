import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageCodec, msgpackCodec } from "@synod/codec-msgpack";
import type { Member, Storage, Transport } from "@synod/interface";
import { fileStorage } from "@synod/storage-file";
import { memoryStorage } from "@synod/storage-memory";
import { memoryNetwork } from "@synod/transport-memory";
import { tcpTransport } from "@synod/transport-tcp";
import getPort from "get-port";
import { afterEach, expect, it, vi } from "vitest";
import { createNode } from "../src/index.js";
import { Counter, type CounterCommand, type CounterNode } from "./world.js";

const running: CounterNode[] = [];
const cleanUp: (() => Promise<void>)[] = [];

afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.close()));
  for (const task of cleanUp.splice(0)) await task();
});

async function start(
  id: number,
  members: readonly Member[],
  ports: { transport: Transport; storage: Storage },
  bootstrap: boolean,
  joinsAt?: string,
  contacts: readonly Member[] = [],
): Promise<CounterNode> {
  const node: CounterNode = await createNode({
    id,
    cluster: { id: "adapters", members, contacts },
    ...(joinsAt === undefined ? {} : { join: { address: joinsAt } }),
    stateMachine: new Counter(),
    ...ports,
    codec: messageCodec(),
    commandCodec: msgpackCodec<CounterCommand>(),
    resultCodec: msgpackCodec<number>(),
    bootstrap,
  });
  running.push(node);
  return node;
}

const freePorts = (count: number): Promise<number[]> =>
  Promise.all(Array.from({ length: count }, () => getPort({ host: "127.0.0.1" })));

it("runs on the memory adapters", async () => {
  const network = memoryNetwork();
  const members = [1, 2, 3].map((id) => ({ id }));
  const nodes = await Promise.all(
    members.map(({ id }) => start(id, members, { transport: network.transport(), storage: memoryStorage() }, true)),
  );
  const results = await Promise.all(nodes.map((node) => node.propose({ add: 1 })));
  expect(results.sort((a, b) => a - b)).toEqual([1, 2, 3]);
  expect(await Promise.all(nodes.map((node) => node.read("total")))).toEqual([3, 3, 3]);
});

it("runs on TCP and files, and everything is there after a restart of all", { timeout: 60_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), "synod-node-"));
  cleanUp.push(() => rm(directory, { recursive: true, force: true }));
  const ports = await freePorts(3);
  const members = ports.map((port, i) => ({ id: i + 1, address: `127.0.0.1:${port}` }));
  const startAll = (bootstrap: boolean): Promise<CounterNode[]> =>
    Promise.all(
      members.map(({ id }) =>
        start(
          id,
          members,
          { transport: tcpTransport(), storage: fileStorage({ directory: join(directory, String(id)) }) },
          bootstrap,
        ),
      ),
    );
  const nodes = await startAll(true);
  await Promise.all(nodes.flatMap((node) => Array.from({ length: 100 }, () => node.propose({ add: 1 }))));
  expect(await nodes[0]?.read("total")).toBe(300);
  await Promise.all(running.splice(0).map((node) => node.close()));
  const again = await startAll(false);
  expect(await again[1]?.read("total")).toBe(300);
  expect(await again[2]?.propose({ add: 1 })).toBe(301);
});

it("keeps its files where the state machine threw in the middle of a snapshot", { timeout: 60_000 }, async () => {
  const directory = await mkdtemp(join(tmpdir(), "synod-node-"));
  cleanUp.push(() => rm(directory, { recursive: true, force: true }));
  const ports = (): { transport: Transport; storage: Storage } => ({
    transport: memoryNetwork().transport(),
    storage: fileStorage({ directory }),
  });
  const broken = vi.spyOn(Counter.prototype, "snapshot").mockImplementation(function* () {
    yield new Uint8Array(100_000);
    throw new Error("a bug in snapshot");
  });
  const node = await start(1, [{ id: 1 }], ports(), true);
  await node.propose({ add: 1 });
  await expect(node.snapshot()).rejects.toMatchObject({ code: "SnapshotFailed" });
  await node.propose({ add: 1 });
  broken.mockRestore();
  expect((await node.snapshot()).index).toBe(node.status().applied);
  await node.close();
  const again = await start(1, [{ id: 1 }], ports(), false);
  expect(await again.read("total")).toBe(2);
});

it("changes its members over TCP and files, and a member that joined comes back after a restart", {
  timeout: 60_000,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), "synod-node-"));
  cleanUp.push(() => rm(directory, { recursive: true, force: true }));
  const addresses = (await freePorts(4)).map((port) => `127.0.0.1:${port}`);
  const [first = "", second = "", third = "", fourth = ""] = addresses;
  const founders = [{ id: 1, address: first }];
  const portsOf = (id: number): { transport: Transport; storage: Storage } => ({
    transport: tcpTransport(),
    storage: fileStorage({ directory: join(directory, String(id)) }),
  });
  const one = await start(1, founders, portsOf(1), true);
  await one.propose({ add: 1 });
  const two = await start(2, founders, portsOf(2), true, second);
  await one.changeMembership({ kind: "add", member: { id: 2, address: second } });
  const three = await start(3, founders, portsOf(3), true, third);
  const made = await two.changeMembership({ kind: "add", member: { id: 3, address: third } });
  expect(made.members.map(({ id }) => id)).toEqual([1, 2, 3]);
  expect(await three.propose({ add: 1 })).toBe(2);

  await three.close();
  running.splice(running.indexOf(three), 1);
  const again = await start(3, founders, portsOf(3), false, third);
  expect(await again.read("total")).toBe(2);

  // The founder leaves: those who joined go on without it, and the next one finds them through its contacts.
  await two.changeMembership({ kind: "remove", id: 1 });
  await expect.poll(() => one.status().state, { timeout: 10_000 }).toBe("removed");
  const four = await start(4, founders, portsOf(4), true, fourth, [{ id: 2, address: second }]);
  await two.changeMembership({ kind: "add", member: { id: 4, address: fourth } });
  expect(await four.propose({ add: 1 })).toBe(3);
  expect(two.status().membership).toMatchObject({ change: null, tolerates: { now: 1, expected: 1 } });
});

it("says in its status that a peer was formatted with other founders", async () => {
  const network = memoryNetwork();
  const members = [1, 2].map((id) => ({ id }));
  const [node] = await Promise.all([
    start(1, members, { transport: network.transport(), storage: memoryStorage() }, true),
    start(2, [...members, { id: 3 }], { transport: network.transport(), storage: memoryStorage() }, true),
  ]);
  await expect
    .poll(() => node.status().peers, { timeout: 10_000 })
    .toMatchObject([
      { id: 2, connected: true, heard: false, supports: null, refused: expect.stringContaining("other founders") },
    ]);
});

it("takes no blank disk for that of a member that was added with its store, though its peers were all restarted", async () => {
  const network = memoryNetwork();
  const founders = [{ id: 1 }];
  const disks = new Map<number, Storage>();
  const boot = (id: number, bootstrap: boolean): Promise<CounterNode> => {
    const storage = disks.get(id) ?? memoryStorage();
    disks.set(id, storage);
    return start(
      id,
      founders,
      { transport: network.transport(), storage },
      bootstrap,
      id === 1 ? undefined : `node${id}`,
    );
  };
  const first = await boot(1, true);
  for (const id of [2, 3]) {
    const { storeId } = (await boot(id, true)).status();
    await first.changeMembership({ kind: "add", member: { id, storeId } });
  }
  // The two that are left have it on their disks.
  await first.close();
  const second = running.find(({ id }) => id === 2);
  expect(await second?.propose({ add: 7 })).toBe(7);
  await Promise.all(running.splice(0).map((node) => node.close()));

  disks.delete(3);
  const again = await boot(1, false);
  await boot(3, true);
  // With the votes that the third has forgotten these two would be a quorum, and what was acknowledged gone.
  await expect(again.read("total", { timeoutMs: 2_000 })).rejects.toMatchObject({ code: "NoLeader" });
  expect(again.status().peers.find(({ id }) => id === 3)?.refused).toContain("its store is another one than it was");
  await boot(2, false);
  expect(await again.read("total")).toBe(7);
});
