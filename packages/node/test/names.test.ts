import { memoryStorage } from "@synod/storage-memory";
import { memoryNetwork } from "@synod/transport-memory";
import { describe, expect, it } from "vitest";
import { createNode, createWitness } from "../src/index.js";
import { Counter, type CounterCommand, json, tableCodec } from "./world.js";

const ports = () => ({ transport: memoryNetwork().transport(), storage: memoryStorage(), codec: tableCodec() });
const given = () => ({
  ...ports(),
  id: 1,
  cluster: { id: "t", members: [{ id: 1 }] },
  stateMachine: new Counter(),
  commandCodec: json<CounterCommand>(),
  resultCodec: json<number>(),
  bootstrap: true,
});

it("limits.queueBytesMax has to have room for one call: below it every call would be refused", async () => {
  await expect(createNode({ ...given(), limits: { queueBytesMax: 1_023 } })).rejects.toMatchObject({
    code: "InvalidArgument",
    message: "limits.queueBytesMax must be at least 1024, not 1023: each call takes 1 KiB besides its command",
  });
  const node = await createNode({ ...given(), limits: { queueBytesMax: 2_048 } });
  await expect(node.propose({ add: 1 })).resolves.toBe(1);
  await node.close();
});

it("what cannot be is refused before a store is formatted for it", async () => {
  const options = given();
  const cluster = { ...options.cluster, alpha: null as unknown as number };
  await expect(createNode({ ...options, cluster })).rejects.toMatchObject({
    code: "InvalidConfiguration",
    message: expect.stringContaining("not null") as string,
  });
  await (await createNode({ ...options, cluster: { ...cluster, alpha: 7 } })).close();
});

it.each([
  [undefined, "createNode takes an object: { id, cluster, stateMachine, ... }"],
  [null, "createNode takes an object: { id, cluster, stateMachine, ... }"],
  [{ ...given(), cluster: null }, "cluster needs an id and a list of members"],
  // Each command would take effect, and end as if its result could not be written.
  [{ ...given(), resultCodec: json }, "resultCodec is a function: call it, as in resultCodec: json()"],
  [{ ...given(), resultCodec: {} }, "resultCodec has no method encode"],
  [{ ...given(), resultCodec: null }, "resultCodec is missing"],
  // No disk says so of itself: whoever comes under the id would be refused for good.
  [
    { ...given(), cluster: { id: "t", members: [{ id: 1 }, { id: 2, storeId: "A".repeat(32) }] } },
    expect.stringMatching(/^storeId of member 2 is 32 hexadecimal digits in lower case, /) as string,
  ],
  [
    { ...given(), cluster: { id: "t", members: [{ id: 1 }], contacts: [{ id: 4, storeId: "node-4" }] } },
    expect.stringMatching(/^storeId of member 4 is 32 hexadecimal digits in lower case, /) as string,
  ],
])("what createNode cannot take is refused with what is right (%#)", async (options, message) => {
  await expect(createNode(options as never)).rejects.toMatchObject({ code: "InvalidArgument", message });
});

it("a call refuses an option of an unknown name, and what is no object: its default would be in force", async () => {
  const node = await createNode(given());
  for (const [call, text] of [
    [() => node.propose({ add: 1 }, { timeout: 5 } as never), "propose has no option timeout: did you mean timeoutMs?"],
    [
      () => node.propose({ add: 1 }, 5_000 as never),
      "the options of propose are an object, as in { timeoutMs: ... }, not 5000",
    ],
    [
      () => node.propose({ add: 1 }, null as never),
      "the options of propose are an object, as in { timeoutMs: ... }, not null",
    ],
    [
      () => node.encoded.propose(new Uint8Array(0), { timeout: 5 } as never),
      "propose has no option timeout: did you mean timeoutMs?",
    ],
    [() => node.read("total", { vai: "quorum" } as never), "read has no option vai: did you mean via?"],
    [() => node.openSession({ Signal: 1 } as never), "openSession has no option Signal: did you mean signal?"],
    [
      () => node.closeSession({ slot: 1, index: 0 }, { ms: 1 } as never),
      "closeSession has no option ms: it takes timeoutMs, signal",
    ],
    [() => node.snapshot({ timeout: 5 } as never), "snapshot has no option timeout: did you mean timeoutMs?"],
    [() => node.transferLeadership({ too: 2 } as never), "transferLeadership has no option too: did you mean to?"],
    [
      () => node.changeMembership({ kind: "remove", id: 2 }, { epoch: 1 } as never),
      "changeMembership has no option epoch: it takes timeoutMs, signal, expectedEpoch",
    ],
  ] as const) {
    await expect(call()).rejects.toMatchObject({ code: "InvalidArgument", message: text });
  }
  expect(await node.propose({ add: 1 }, { timeoutMs: 5_000 })).toBe(1);
  await node.close();
});

describe("an option of an unknown name", () => {
  it.each([
    [{ bootStrap: true }, "createNode has no option bootStrap: did you mean bootstrap?"],
    [{ resultCodek: json<number>() }, "createNode has no option resultCodek: did you mean resultCodec?"],
    [{ electionTimeoutMs: 100 }, "createNode has no option electionTimeoutMs: did you mean limits.electionTimeoutMs?"],
    [{ quorum: { kind: "majority" } }, "createNode has no option quorum: did you mean cluster.quorum?"],
    [{ limits: { queueByteMax: 1e6 } }, "limits.queueByteMax is not a known limit: did you mean limits.queueBytesMax?"],
    [{ limits: { ELECTIONTIMEOUTMS: 1 } }, /did you mean limits.electionTimeoutMs\?$/],
    [{ limits: { electionTimeoutMs: 19 } }, "limits.electionTimeoutMs must be at least 20, not 19"],
    [{ id: 0 }, "id must be a positive integer, not 0"],
    [{ cluster: { id: "t", members: [{ id: 1 }], lease: null } }, "cluster.lease must be an object"],
    [
      { cluster: { id: "t", members: [{ id: 1 }], leases: { durationMs: 1, driftPercent: 1 } } },
      "cluster has no option leases: did you mean cluster.lease?",
    ],
    [{ join: { addres: "a:1" } }, "join has no option addres: did you mean join.address?"],
    [{ zzz: 1 }, /^createNode has no option zzz: it takes id, cluster, stateMachine, /],
  ])("is refused: %j", async (more, message) => {
    const text: unknown = typeof message === "string" ? message : expect.stringMatching(message);
    await expect(createNode({ ...given(), ...(more as object) })).rejects.toMatchObject({
      code: "InvalidArgument",
      message: text,
    });
  });

  const ofNodes = (name: string): RegExp =>
    new RegExp(`^createWitness has no option ${name}, which only createNode takes: it takes id, cluster, transport, `);
  it.each([
    [{ bootStrap: true }, "createWitness has no option bootStrap: did you mean bootstrap?"],
    [{ queueBytesMax: 1e6 }, "createWitness has no option queueBytesMax: did you mean limits.queueBytesMax?"],
    [{ limits: { queueByteMax: 1e6 } }, "limits.queueByteMax is not a known limit: did you mean limits.queueBytesMax?"],
    [{ cluster: { id: "t", member: [] } }, "cluster has no option member: did you mean cluster.members?"],
    [{ join: { nam: "a" } }, "join has no option nam: did you mean join.name?"],
    // A witness would do as if they were not there.
    [{ priority: 1 }, ofNodes("priority")],
    [{ thrifty: true }, ofNodes("thrifty")],
    [{ upgrade: "manual" }, ofNodes("upgrade")],
    [{ stateMachine: new Counter() }, ofNodes("stateMachine")],
    [{ commandCodec: json<CounterCommand>() }, ofNodes("commandCodec")],
    [{ resultCodec: json<number>() }, ofNodes("resultCodec")],
    [{ answerCodec: json<number>() }, /^createWitness has no option answerCodec: it takes id, cluster, transport, /],
  ])("is refused by a witness, too: %j", async (more, message) => {
    const text: unknown = typeof message === "string" ? message : expect.stringMatching(message);
    const witness = { ...ports(), id: 1, cluster: { id: "t", members: [{ id: 1 }] } };
    await expect(createWitness({ ...witness, ...(more as object) })).rejects.toMatchObject({
      code: "InvalidArgument",
      message: text,
    });
  });

  it("is one: all that are known are taken, and the codecs of clients", async () => {
    const unused = { queryCodec: json<string>(), answerCodec: json<number>() };
    const node = await createNode({
      ...given(),
      ...unused,
      limits: { queueBytesMax: 1e6 },
      priority: 1,
      upgrade: "manual",
    });
    await expect(node.readStale("total", { maxSlot: 1 } as never)).rejects.toMatchObject({
      message: "readStale has no option maxSlot: did you mean maxSlots?",
    });
    await node.close();
  });
});
