// The last resort: most of the disks are gone for good.
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageCodec, msgpackCodec } from "@synod/codec-msgpack";
import type { ApplyContext, ChosenValue, Logger, Member, Storage, Vote } from "@synod/interface";
import { ConfigurationHistory, encodeConfigurationValue } from "@synod/multipaxos";
import { fileStorage } from "@synod/storage-file";
import { memoryStorage } from "@synod/storage-memory";
import { tcpTransport } from "@synod/transport-tcp";
import { describe, expect, it } from "vitest";
import {
  type ClusterOptions,
  createNode,
  type LostQuorumOptions,
  type NodeLimits,
  unsafeRecoverLostQuorum,
} from "../src/index.js";
import { snapshotFront } from "../src/snapshot-layout.js";
import { Counter, type CounterCommand, type CounterNode, Disk, json, type VirtualClock, World } from "./world.js";

const NEW = "test, second life";
const SMALL: Partial<NodeLimits> = { snapshotLogBytes: 2_000, snapshotTailBytesMax: 1, snapshotChunkBytes: 512 };

function lines(): { readonly logger: Logger; readonly warned: { text: string; fields: unknown }[] } {
  const warned: { text: string; fields: unknown }[] = [];
  const nothing = (): void => undefined;
  const warn = (text: string, fields?: unknown): void => void warned.push({ text, fields });
  return { logger: { debug: nothing, info: nothing, error: nothing, warn }, warned };
}

/** A node of the new cluster, in the world of the old one. */
async function start(
  world: World,
  disk: Disk,
  options: { id: number; cluster: ClusterOptions; logger?: Logger; contacts?: number[] },
): Promise<{ node: CounterNode; machine: Counter }> {
  const { id, cluster, logger, contacts = [] } = options;
  const machine = new Counter();
  const joins = id !== cluster.members[0]?.id;
  const node: CounterNode = await createNode({
    id,
    cluster: { ...cluster, contacts: contacts.map((contact) => ({ id: contact })) },
    ...(joins ? { join: {}, bootstrap: true } : {}),
    stateMachine: machine,
    transport: world.net.transport(id),
    storage: disk.storage(),
    codec: world.codec,
    commandCodec: json<CounterCommand>(),
    resultCodec: json<number>(),
    clock: world.clock,
    random: { uint32: () => id * 1_000_003 },
    ...(logger === undefined ? {} : { logger }),
  });
  return { node, machine };
}

const leads = (clock: VirtualClock, node: CounterNode): Promise<void> =>
  clock.until(() => node.status().role === "leader" && node.status().content, 60_000);

async function propose(world: World, count: number, except: number[] = []): Promise<void> {
  for (let i = 0; i < count; i++) {
    const leader = await world.leader(except);
    await world.settle(world.node(leader).propose({ add: 1 }));
  }
}

describe("a cluster that lost its quorum", () => {
  it("logs the time on as a new one, although its log has higher ballots than its own first one", async () => {
    const world = await World.of(3);
    for (let i = 0; i < 4; i++) {
      await propose(world, 1);
      const leader = await world.leader();
      await world.settle(world.node(leader).transferLeadership());
    }
    await propose(world, 1);
    const [one = 0] = world.ids;
    const { round = 0 } = world.node(one).status().ballot ?? {};
    expect(round).toBeGreaterThan(4);
    await world.clock.until(() => world.machine(one).total === 5);
    for (const id of world.ids) await world.crash(id);
    tick(world.clock);

    const into = new Disk(world.clock);
    const { promise, report } = recover(world, [one], into, one);
    await promise;
    const { node, machine } = await world.settle(start(world, into, { id: one, cluster: report().cluster }));
    const times: number[] = [];
    const apply = machine.apply.bind(machine);
    machine.apply = (command, context) => {
      times.push((context as ApplyContext).timeMs);
      return apply(command, context);
    };
    await leads(world.clock, node);
    await world.settle(node.propose({ add: 1 }));
    await world.clock.run(5_000);
    await leads(world.clock, node);
    expect(node.status().ballot?.round).toBeGreaterThan(round);
    await world.settle(node.propose({ add: 1 }));
    const [before = 0, after = 0] = times.slice(-2);
    expect(after - before).toBeGreaterThan(4_000);
  });

  it("goes on as a new one with what a survivor had executed, and the old ones that come back are refused", async () => {
    const world = await World.of(5, 1, SMALL, { alpha: 8 });
    await propose(world, 20);
    const leader = await world.leader();
    const [behind, ahead] = world.ids.filter((id) => id !== leader) as [number, number];
    await world.clock.run(500);
    world.net.isolate(behind);
    await propose(world, 30, [behind]);
    await world.clock.until(() => world.machine(ahead).total === 50);
    for (const id of world.ids) await world.crash(id);
    tick(world.clock);
    world.net.heal();

    const into = new Disk(world.clock);
    const { promise, report } = recover(world, [behind, ahead], into, ahead);
    await promise;
    expect(report()).toMatchObject({
      from: { clusterId: "test", nodeId: ahead },
      to: { clusterId: NEW, nodeId: ahead },
      empty: [],
      damaged: [],
    });
    const missing = world.ids.filter((id) => id !== behind && id !== ahead);
    expect(report().missing).toEqual(missing);
    expect(report().text).toContain(`only the voters ${missing.join(", ")} held is lost`);
    expect(report().upTo).toBeGreaterThanOrEqual(report().chosenUpTo);

    // Under its old id and at its old place, where the others will look for it.
    const { logger, warned } = lines();
    const { node, machine } = await world.settle(start(world, into, { id: ahead, cluster: report().cluster, logger }));
    await leads(world.clock, node);
    expect(await world.settle(node.read("total"))).toBe(50);
    expect(node.status()).toMatchObject({ clusterId: NEW, membership: { epoch: 1 } });
    expect(node.status().configuration).toMatchObject({ members: [{ id: ahead }], alpha: 8 });
    const joiner = await start(world, new Disk(world.clock), { id: 12, cluster: report().cluster, contacts: [ahead] });
    await world.settle(node.changeMembership({ kind: "add", member: { id: 12 } }), 60_000);
    expect(await world.settle(joiner.node.propose({ add: 5 }))).toBe(55);

    // The disks were not lost after all. The old cluster goes its own way.
    for (const id of [...missing, behind]) await world.settle(world.boot(id));
    await propose(world, 3);
    await world.clock.run(3_000);
    expect(warned.map(({ fields }) => (fields as { reason?: string }).reason)).toContain("it belongs to cluster test");
    expect(await world.settle(node.read("total"))).toBe(55);
    expect([machine.total, joiner.machine.total]).toEqual([55, 55]);
    expect(node.status().state).toBe("running");
    for (const each of [node, joiner.node]) await each.close({ transferTimeoutMs: 0 });
    await world.close();
  });

  it("never starts on a store that is not complete", async () => {
    const world = await World.of(3, 2, SMALL);
    await propose(world, 40);
    await world.clock.run(500);
    for (const id of world.ids) await world.crash(id);
    tick(world.clock);
    expect(world.disk(1).snapshot).not.toBeNull();
    const into = new Disk(world.clock);
    const failing = { ...into.storage(), saveSnapshot: () => Promise.reject(new Error("pulled out")) };
    const half = unsafeRecoverLostQuorum({ ...options(world, [1], into, 1), into: failing });
    await expect(world.settle(half)).rejects.toThrow("pulled out");
    await expect(start(world, into, { id: 1, cluster: { id: NEW, members: [{ id: 1 }] } })).rejects.toMatchObject({
      code: "InvariantViolated",
    });
    await expect(recover(world, [1], into, 1).promise).rejects.toMatchObject({
      code: "AlreadyFormatted",
    });
    await world.close();
  });

  it("is told to start the survivors where they are a quorum", async () => {
    const world = await World.of(3);
    await propose(world, 3);
    for (const id of world.ids) await world.crash(id);
    tick(world.clock);
    const { promise } = recover(world, [1, 2], new Disk(world.clock), 9);
    await expect(promise).rejects.toThrow("nodes 1, 2 are a quorum: start them as they are");
    await world.close();
  });
});

/** Time goes on although no node runs. */
function tick(clock: VirtualClock): void {
  clock.timer(1, () => tick(clock));
}

function options(world: World, survivors: readonly number[], into: Disk, nodeId: number): LostQuorumOptions {
  const stores = survivors.map((id) => world.disk(id).storage());
  return { survivors: stores, into: into.storage(), clusterId: NEW, nodeId };
}

function recover(world: World, survivors: readonly number[], into: Disk, nodeId: number) {
  let report: Awaited<ReturnType<typeof unsafeRecoverLostQuorum>> | null = null;
  const call = unsafeRecoverLostQuorum(options(world, survivors, into, nodeId));
  const promise = world.settle(call.then((made) => (report = made)));
  promise.catch(() => undefined);
  return {
    promise,
    report: () => {
      if (report === null) throw new Error("no report");
      return report;
    },
  };
}

describe("what is taken from which store", () => {
  const founders = (ids: readonly number[]) => ({
    epoch: 1,
    members: ids.map((id) => ({ id })),
    alpha: 16,
    quorum: { kind: "majority" } as const,
  });
  const value = (text: string): Uint8Array => Uint8Array.of(3, ...new TextEncoder().encode(text));
  const vote = (slot: number, round: number, text: string): Vote => ({
    slot,
    ballot: { round, node: 1 },
    value: value(text),
  });

  async function store(
    nodeId: number,
    votes: readonly Vote[],
    chosenUpTo = 0,
    ids = [1, 2, 3, 4, 5],
    chosen: readonly ChosenValue[] = [],
  ): Promise<Storage> {
    const storage = memoryStorage();
    await storage.open({ create: { clusterId: "old", nodeId, founders: founders(ids) } });
    await storage.write({ votes, chosen, chosenUpTo });
    await storage.close();
    return storage;
  }

  it("the values known as chosen, then the highest votes of all survivors, then no-ops", async () => {
    const first = await store(1, [vote(1, 1, "a"), vote(2, 1, "b"), vote(3, 1, "old"), vote(6, 1, "f")], 2);
    const second = await store(2, [vote(1, 1, "a"), vote(3, 2, "new"), vote(4, 1, "d")], 1);
    const into = memoryStorage();
    const report = await unsafeRecoverLostQuorum({ survivors: [second, first], into, clusterId: "new", nodeId: 1 });
    expect(report).toMatchObject({ chosenUpTo: 2, upTo: 6, unproven: [3, 4, 6], empty: [5], missing: [3, 4, 5] });
    expect(report.from).toMatchObject({ clusterId: "old", nodeId: 1 });
    const { chosen, chosenUpTo, votes, promised, identity } = await into.open();
    expect(chosen.map((each) => new TextDecoder().decode(each.value.subarray(1)))).toEqual([
      "a",
      "b",
      "new",
      "d",
      "",
      "f",
    ]);
    expect([chosenUpTo, votes.length, promised]).toEqual([6, 0, null]);
    expect(identity).toMatchObject({ clusterId: "new", nodeId: 1, founders: { epoch: 1, members: [{ id: 1 }] } });
  });

  const witnessed = { ...founders([1, 2, 3]), members: [{ id: 1 }, { id: 2 }, { id: 3, role: "witness" as const }] };
  const bytesOf = async (storage: Storage): Promise<string[]> =>
    (await storage.open()).chosen.map((each) => new TextDecoder().decode(each.value.subarray(1)));

  /** A witness that has forgotten everything up to a slot, and votes on. */
  async function witness(votes: readonly Vote[], forgotUpTo: number, chosenUpTo: number): Promise<Storage> {
    const storage = memoryStorage();
    await storage.open({ create: { clusterId: "old", nodeId: 3, founders: witnessed } });
    await storage.write({ votes, chosen: [], chosenUpTo });
    const head = new ConfigurationHistory(witnessed).encode(forgotUpTo);
    if (forgotUpTo > 0) await storage.saveSnapshot(forgotUpTo, [snapshotFront(head), new Uint8Array(8)]);
    await storage.drop(forgotUpTo);
    await storage.close();
    return storage;
  }

  it("the state of a full member, though a witness knows of more: what that has forgotten is lost", async () => {
    const full = await store(1, [vote(1, 1, "a"), vote(2, 1, "b"), vote(4, 1, "older")], 2, [1, 2, 3]);
    const other = await witness([vote(5, 1, "e"), vote(6, 1, "f")], 4, 5);
    const into = memoryStorage();
    const report = await unsafeRecoverLostQuorum({ survivors: [other, full], into, clusterId: "new", nodeId: 1 });
    expect(report.from).toMatchObject({ nodeId: 1 });
    expect(report).toMatchObject({ chosenUpTo: 2, upTo: 6, unproven: [4, 6], empty: [3], forgotten: [3] });
    expect(report.text).toContain("a witness has forgotten");
    expect(await bytesOf(into)).toEqual(["a", "b", "", "older", "e", "f"]);
  });

  it("of a witness what it has not forgotten", async () => {
    const full = await store(1, [vote(1, 1, "a")], 1, [1, 2, 3]);
    const other = await witness([vote(2, 1, "b"), vote(3, 1, "c")], 1, 2);
    const report = recoverInto([full, other]);
    await expect(report).rejects.toThrow("nodes 1, 3 are a quorum");
    const alone = recoverInto([await witness([vote(1, 1, "a"), vote(2, 1, "b")], 0, 1)]);
    await expect(alone).resolves.toMatchObject({ chosenUpTo: 1, unproven: [2], missing: [1, 2] });
    const empty = recoverInto([await witness([vote(4, 1, "d")], 3, 4)]);
    await expect(empty).rejects.toThrow("all survivors are witnesses");
  });

  const recoverInto = async (survivors: Storage[]) =>
    unsafeRecoverLostQuorum({ survivors, into: memoryStorage(), clusterId: "new", nodeId: 1 });

  it("the vote of the one that knows its slot as chosen, before a higher one of another", async () => {
    const knows = await store(1, [vote(1, 1, "a"), vote(2, 1, "b"), vote(3, 1, "c")], 2);
    const further = await store(2, [vote(1, 1, "a"), vote(2, 2, "x"), vote(3, 2, "y")], 1);
    const into = memoryStorage();
    const report = await unsafeRecoverLostQuorum({ survivors: [knows, further], into, clusterId: "new", nodeId: 1 });
    expect(report).toMatchObject({ chosenUpTo: 2, unproven: [3], contradicted: [2] });
    expect(report.text).toContain("contradict each other on 1 slot");
    expect(await bytesOf(into)).toEqual(["a", "b", "y"]);
    // A vote in a lower ballot may be for anything.
    const behind = await store(2, [vote(1, 1, "a"), vote(2, 0, "x")], 1);
    const fine = await recoverInto([behind, await store(1, [vote(1, 1, "a"), vote(2, 1, "b")], 2)]);
    expect(fine).toMatchObject({ chosenUpTo: 2, contradicted: [] });
    // Its vote is of an older ballot, and it learned the value that was chosen later: no store is damaged.
    const learned = await store(1, [vote(1, 1, "x")], 1, [1, 2, 3, 4, 5], [{ slot: 1, value: value("x") }]);
    const voted = await store(2, [vote(1, 2, "z")], 0);
    expect(await recoverInto([learned, voted])).toMatchObject({ chosenUpTo: 1, contradicted: [] });
  });

  it("changes of the old members decide who is missing, and mean nothing in the new cluster", async () => {
    const configuration = { ...founders([1, 2, 3]), epoch: 2, alpha: 32 };
    const change = encodeConfigurationValue({ stamp: 1, changeId: "x", configuration });
    const only = await store(1, [{ ...vote(1, 1, ""), value: change }, vote(2, 1, "b")], 2);
    const into = memoryStorage();
    const report = await unsafeRecoverLostQuorum({ survivors: [only], into, clusterId: "new", nodeId: 1 });
    expect(report).toMatchObject({ missing: [2, 3], configuration: { epoch: 2 } });
    const { chosen, identity } = await into.open();
    expect(chosen[0]?.value).toEqual(Uint8Array.of(0));
    expect(identity.founders.alpha).toBe(32);
  });

  it.each([
    ["no survivor", async () => [], "new", "survivors is empty"],
    ["the old id", async () => [await store(1, [vote(1, 1, "a")])], "old", "that of the old cluster"],
    ["two of a node", async () => [await store(1, [vote(1, 1, "a")]), await store(1, [])], "new", "the same node"],
    ["nothing in it", async () => [await store(1, [])], "new", "hold nothing"],
    ["no id", async () => [await store(1, [])], "", "clusterId must be"],
  ] as const)("is refused: %s", async (_, survivors, clusterId, text) => {
    const into = memoryStorage();
    const call = unsafeRecoverLostQuorum({ survivors: await survivors(), into, clusterId, nodeId: 1 });
    await expect(call).rejects.toMatchObject({ code: "InvalidArgument", message: expect.stringContaining(text) });
    // Nothing was made.
    await expect(into.open()).rejects.toMatchObject({ code: "NotFormatted" });
  });
});

it("on TCP and files: the old members are refused at the door, and the stores by name", {
  timeout: 60_000,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), "synod-lost-"));
  const members: Member[] = [];
  for (const id of [1, 2, 3]) {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    members.push({ id, address: `127.0.0.1:${(server.address() as AddressInfo).port}` });
    await new Promise((resolve) => server.close(resolve));
  }
  const storage = (name: string): Storage => fileStorage({ directory: join(directory, name), segmentBytes: 2 ** 16 });
  const run = (
    id: number,
    name: string,
    cluster: { id: string; members: Member[] },
    more: object,
  ): Promise<CounterNode> =>
    createNode({
      id,
      cluster,
      stateMachine: new Counter(),
      transport: tcpTransport(),
      storage: storage(name),
      codec: messageCodec(),
      commandCodec: msgpackCodec<CounterCommand>(),
      resultCodec: msgpackCodec<number>(),
      ...more,
    });
  const running: CounterNode[] = [];
  try {
    const old = { id: "old", members };
    const first = await Promise.all([1, 2, 3].map((id) => run(id, String(id), old, { bootstrap: true })));
    for (let i = 0; i < 10; i++) await first[0]?.propose({ add: 1 });
    await first[0]?.snapshot();
    for (let i = 0; i < 5; i++) await first[0]?.propose({ add: 1 });
    // The others may have chosen the last one without the disk of this node: it has it when the mark of the one before has come there.
    const behind = (): number => (first[0]?.applied ?? 0) - (first[0]?.status().durableUpTo ?? 0);
    await expect.poll(behind, { timeout: 20_000 }).toBeLessThanOrEqual(1);
    await Promise.all(first.map((node) => node.close({ transferTimeoutMs: 0 })));

    const survivors = [storage("1")];
    const into = storage("1 new");
    const { cluster } = await unsafeRecoverLostQuorum({ survivors, into, clusterId: "new", nodeId: 1 });
    const [own] = members as [Member];
    const { logger, warned } = lines();
    const node = await run(1, "1 new", { ...cluster, members: [own] }, {});
    running.push(node);
    expect(await node.read("total")).toBe(15);

    const refused = new Promise<void>((resolve) => {
      const warn = (text: string, fields?: unknown): void => {
        warned.push({ text, fields });
        if (/cluster/i.test(`${text} ${JSON.stringify(fields)}`)) resolve();
      };
      Object.assign(logger, { warn });
    });
    running.push(await run(2, "2", old, { logger }));
    await refused;
    expect(await node.propose({ add: 1 })).toBe(16);
    await node.close();
    await expect(run(1, "1 new", old, {})).rejects.toMatchObject({ code: "StoreForeign" });
  } finally {
    await Promise.all(running.map((each) => each.close({ transferTimeoutMs: 0 })));
    await rm(directory, { recursive: true, force: true });
  }
});
