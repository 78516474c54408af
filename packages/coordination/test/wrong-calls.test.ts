import { SynodError } from "@synod/interface";
import { describe, expect, test } from "vitest";
import {
  type Coordination,
  coordination,
  coordinationMachine,
  fencedResource,
  jsonValues,
  textValues,
} from "../src/index.js";
import { World } from "./world.js";

/** As plain JavaScript has it: without types. */
// oxlint-disable-next-line typescript/no-explicit-any -- wrong calls are what this is about
type Untyped = any;

const bytes = Uint8Array.of(1);
const controller = new AbortController();

/** A call that is refused, and a part of what is said about it. */
type Wrong = readonly [call: string, says: string, run: (shop: Untyped) => unknown];

const put = { kind: "put", key: "a", value: bytes };
const isOne = { key: "a", field: "revision", is: "=", to: 1 };
const work = (): number => 1;

const values: readonly Wrong[] = [
  ["put a text", "kv.as(textValues)", ({ kv }) => kv.put("a", "hello")],
  ["put a list", "object of class Array", ({ kv }) => kv.put("a", [1, 2])],
  ["put null", "not null", ({ kv }) => kv.put("a", null)],
  ["put nothing", "not undefined", ({ kv }) => kv.put("a")],
  ["put an ArrayBuffer", "class ArrayBuffer", ({ kv }) => kv.put("a", new ArrayBuffer(2))],
  ["put wider numbers", "class Uint16Array", ({ kv }) => kv.put("a", new Uint16Array(2))],
  ["put a promise", "await it", ({ kv }) => kv.put("a", Promise.resolve(bytes))],
  ["compare and set a text", "kv.as(textValues)", ({ kv }) => kv.compareAndSet("a", 0, "hello")],
  ["update to a text", "kv.as(textValues)", ({ kv }) => kv.update("a", () => "hello")],
  ["update to nothing", "or null", ({ kv }) => kv.update("a", () => undefined)],
  ["a transaction that puts a text", "kv.as(", ({ kv }) => kv.transaction({ do: [{ ...put, value: "hello" }] })],
  ["else", "kv.as(", ({ kv }) => kv.transaction({ if: [isOne], else: [{ ...put, value: "hello" }] })],
  ["compare a text", "kv.as(", ({ kv }) => kv.transaction({ if: [{ ...isOne, field: "value", to: "x" }] })],
  ["text: a number", "is a text", ({ kv }) => kv.as(textValues).put("a", 5)],
  ["text: nothing", "not undefined", ({ kv }) => kv.as(textValues).put("a")],
  ["JSON: nothing", "undefined has no JSON text", ({ kv }) => kv.as(jsonValues()).put("a", undefined)],
  ["JSON: a promise", "await it", ({ kv }) => kv.as(jsonValues()).put("a", Promise.resolve(1))],
  ["JSON: BigInt", "no JSON text", ({ kv }) => kv.as(jsonValues()).put("a", { n: 1n })],
  ["JSON: an async update", "await it", ({ kv }) => kv.as(jsonValues()).update("a", async () => 1)],
  ["codec of texts", "bytes", ({ kv }) => kv.as({ encode: JSON.stringify, decode: JSON.parse }).put("a", 1)],
  ["a codec not called", "jsonValues()", ({ kv }) => kv.as(jsonValues)],
  ["no codec", "not undefined", ({ kv }) => kv.as()],
  ["half a codec", "not { encode }", ({ kv }) => kv.as({ encode: work })],
  ["campaign with a number", "value is a text", ({ elections }) => elections.campaign("x", { value: 8080 })],
];

const keys: readonly Wrong[] = [
  ["get without a key", "not undefined", ({ kv }) => kv.get()],
  ["get a number", "not 5", ({ kv }) => kv.get(5)],
  ["put under a list", "class Array", ({ kv }) => kv.put(["a"], bytes)],
  ["put under nothing", "not empty", ({ kv }) => kv.put("", bytes)],
  ["delete an object", "not { key }", ({ kv }) => kv.delete({ key: "a" })],
  ["update a number", "not 5", ({ kv }) => kv.update(5, () => bytes)],
  ["transaction: key", "not 5", ({ kv }) => kv.transaction({ do: [{ ...put, key: 5 }] })],
  ["transaction: delete", "not undefined", ({ kv }) => kv.transaction({ do: [{ kind: "delete" }] })],
  ["range by a text", '{ prefix, after? } or { from, to? }, not "f/"', ({ kv }) => kv.range("f/")],
  ["keys by a text", '{ prefix, after? } or { from, to? }, not "f/"', ({ kv }) => kv.keys("f/")],
  ["deleteAll by a text", 'not "f/"', ({ kv }) => kv.deleteAll("f/")],
  ["deleteAll of nothing", "not undefined", ({ kv }) => kv.deleteAll()],
  ["deleteAll of {}", "not {}", ({ kv }) => kv.deleteAll({})],
  ["count by a typo", "not { prefx }", ({ kv }) => kv.count({ prefx: "f/" })],
  ["watch by a text", 'not "f/"', ({ kv }) => kv.watch("f/")],
  ["entries by null", "not null", ({ kv }) => kv.entries(null)],
  ["prefix and from", "and not from", ({ kv }) => kv.range({ prefix: "a", from: "b" })],
  ["key and prefix", "and not prefix", ({ kv }) => kv.range({ key: "a", prefix: "b" })],
  ["a prefix that is none", "prefix is a text (a string), not 5", ({ kv }) => kv.range({ prefix: 5 })],
  ["to what is none", "to is a text (a string), not null", ({ kv }) => kv.range({ from: "a", to: null })],
  ["transaction: range", 'not "a"', ({ kv }) => kv.transaction({ do: [{ kind: "range", keys: "a" }] })],
];

const transactions: readonly Wrong[] = [
  ["nothing", "not undefined", ({ kv }) => kv.transaction()],
  ["a list", "class Array", ({ kv }) => kv.transaction([put])],
  ["success for do", "if, do, else, and not success", ({ kv }) => kv.transaction({ if: [], success: [put] })],
  ["do is no list", "do of a transaction is a list", ({ kv }) => kv.transaction({ do: put })],
  ["as the command line has it", 'kind: "put"', ({ kv }) => kv.transaction({ do: [{ put: "a", value: bytes }] })],
  ["an unknown kind", 'kind: "put"', ({ kv }) => kv.transaction({ do: [{ ...put, kind: "set" }] })],
  ["a hole", "not undefined", ({ kv }) => kv.transaction({ do: [undefined] })],
  ["a put with a time to live", "and not ttlMs", ({ kv }) => kv.transaction({ do: [{ ...put, ttlMs: 1 }] })],
  ["a put with the id of a lease", "{ id:", ({ kv }) => kv.transaction({ do: [{ ...put, lease: "abc" }] })],
  ["a limit", "limit is", ({ kv }) => kv.transaction({ do: [{ kind: "range", keys: { key: "a" }, limit: 0 }] })],
  ["an empty condition", "{ key, field, is, to }", ({ kv }) => kv.transaction({ if: [{}] })],
  ["a condition that is none", "not null", ({ kv }) => kv.transaction({ if: [null] })],
  ["an unknown field", 'not "modRevision"', ({ kv }) => kv.transaction({ if: [{ ...isOne, field: "modRevision" }] })],
  ["an unknown relation", 'not "=="', ({ kv }) => kv.transaction({ if: [{ ...isOne, is: "==" }] })],
  [
    "values in order",
    'not "<"',
    ({ kv }) => kv.transaction({ if: [{ ...isOne, field: "value", is: "<", to: bytes }] }),
  ],
  ["no number", "to is", ({ kv }) => kv.transaction({ if: [{ ...isOne, to: "1" }] })],
  ["no key", "A key", ({ kv }) => kv.transaction({ if: [{ ...isOne, key: undefined }] })],
  ["a lock itself", "lock.resource", ({ kv }) => kv.transaction({ if: [{ held: {}, fencingToken: 1 }] })],
  ["no token", "lock.fencingToken", ({ kv }) => kv.transaction({ if: [{ held: "lock/x" }] })],
];

const options: readonly Wrong[] = [
  ["put with a time to live", "leases.grant", ({ kv }) => kv.put("a", bytes, { ttlMs: 1_000 })],
  ["put with a token", "and not fencingToken", ({ kv }) => kv.put("a", bytes, { fencingToken: 1 })],
  ["put with the id of a lease", '{ id: "..." }', ({ kv }) => kv.put("a", bytes, { lease: "abc" })],
  ["put with a lease not awaited", "await it", ({ kv }) => kv.put("a", bytes, { lease: Promise.resolve({}) })],
  ["put with a lease of no id", "not {}", ({ kv }) => kv.put("a", bytes, { lease: {} })],
  ["put with a lease of a long id", "64 bytes", ({ kv }) => kv.put("a", bytes, { lease: { id: "x".repeat(65) } })],
  ["compare with null", "expectedRevision", ({ kv }) => kv.compareAndSet("a", null, bytes)],
  ["compare with nothing", "expectedRevision", ({ kv }) => kv.compareAndSet("a", undefined, bytes)],
  ["compare and set, swapped", "expectedRevision", ({ kv }) => kv.compareAndSet("a", bytes, 0)],
  ["delete if", "ifRevision", ({ kv }) => kv.delete("a", { ifRevision: "1" })],
  ["delete if, by another name", "and not revision", ({ kv }) => kv.delete("a", { revision: 1 })],
  ["get at", "revision is", ({ kv }) => kv.get("a", { revision: -1 })],
  ["a signal for options", "and not", ({ kv }) => kv.get("a", controller.signal)],
  ["a controller for a signal", "controller.signal", ({ kv }) => kv.get("a", { signal: controller })],
  ["null for options", "not null", ({ kv }) => kv.get("a", null)],
  ["update without a function", "is a function", ({ kv }) => kv.update("a", bytes)],
  ["range at most", "limit is", ({ kv }) => kv.range({ key: "a" }, { limit: "10" })],
  ["range in reverse", "reverse is", ({ kv }) => kv.range({ key: "a" }, { reverse: 1 })],
  ["entries, at most", "limit is", ({ kv }) => kv.entries({ key: "a" }, { limit: 0 })],
  ["watch from", "from is", ({ kv }) => kv.watch({ key: "a" }, { from: "1" })],
  ["watch since", "and not since", ({ kv }) => kv.watch({ key: "a" }, { since: 1 })],
  ["grant", "not 5000", ({ leases }) => leases.grant(5_000)],
  ["grant with ttl", "and not ttl", ({ leases }) => leases.grant({ ttl: 5 })],
  ["grant for too short", "ttlMs is a safe integer from 50", ({ leases }) => leases.grant({ ttlMs: 5 })],
  ["lease of", "not undefined", ({ leases }) => leases.get()],
  ["acquire without a name", "A name", ({ locks }) => locks.acquire()],
  ["acquire with ttl", "ttlMs, waitMs, and not ttl", ({ locks }) => locks.acquire("x", { ttl: 100 })],
  ["acquire with a text for ttl", 'not "10s"', ({ locks }) => locks.acquire("x", { ttlMs: "10s" })],
  ["acquire, waiting for", 'not "5"', ({ locks }) => locks.acquire("x", { waitMs: "5" })],
  ["acquire, waiting for NaN", "not NaN", ({ locks }) => locks.tryAcquire("x", { waitMs: Number.NaN })],
  ["a lock with a limit", "and not limit", ({ locks }) => locks.acquire("x", { limit: 3 })],
  ["half a surrogate pair", "surrogate", ({ locks }) => locks.acquire("\ud800")],
  ["no work", "work is a function", ({ locks }) => locks.runExclusive("x")],
  ["work behind the options", "work is a function", ({ locks }) => locks.runExclusive("x", {}, work)],
  ["work of a reader", "work is a function", ({ readWriteLocks }) => readWriteLocks.read.runExclusive("x")],
  ["a semaphore of none", "limit is", ({ semaphores }) => semaphores.acquire("x")],
  ["a barrier of none", "parties }, not undefined", ({ barriers }) => barriers.wait("x")],
  ["campaign with a text", 'not "me"', ({ elections }) => elections.campaign("x", "me")],
  ["lead without work", "work is a function", ({ elections }) => elections.lead("x", { value: "me" })],
  ["leader of", "A name", ({ elections }) => elections.leader()],
  ["observe", "A name", ({ elections }) => elections.observe("")],
  ["a Date for an occurrence", "differs from process to process", ({ jobs }) => jobs.runOnce("x", new Date(), work)],
  ["a number for an occurrence", "not 20261121", ({ jobs }) => jobs.runOnce("x", 20261121, work)],
  ["an empty occurrence", 'not ""', ({ jobs }) => jobs.runOnce("x", "", work)],
  ["no work for an occurrence", "work is a function", ({ jobs }) => jobs.runOnce("x", "today")],
  ["an occurrence for ever", "keepMs, and not keep", ({ jobs }) => jobs.runOnce("x", "today", work, { keep: 1 })],
  ["add a text", 'not "1"', ({ counters }) => counters.add("x", "1")],
  ["add with options at once", "by is", ({ counters }) => counters.add("x", {})],
  ["no block", "size is", ({ sequences }) => sequences.block("x")],
  ["an empty request", "request is", ({ sequences }) => sequences.next("x", { request: "" })],
  ["an allocator", "not 100", ({ sequences }) => sequences.allocator("x", 100)],
  ["an allocator of nothing", "blockSize is", ({ sequences }) => sequences.allocator("x", {})],
  ["status", "and not verbose", (shop) => shop.status({ verbose: true })],
];

async function errorOf(run: () => unknown): Promise<unknown> {
  try {
    const given = run() as Promise<unknown>;
    await given;
    return "it was taken";
  } catch (error) {
    return error;
  }
}

describe.each([
  ["values", values],
  ["keys", keys],
  ["transactions", transactions],
  ["options", options],
])("wrong %s are refused, with what is right, before anything is sent", (_, table) => {
  test.each(table)("%s", async (_call, says, run) => {
    const world = new World();
    const asked: unknown[] = [];
    const { client, service } = world.process();
    const read = service.read.bind(service);
    Object.assign(service, { read: (...given: Parameters<typeof read>) => asked.push(given[0]) && read(...given) });
    const error = await errorOf(() => run(client));
    expect(error).toBeInstanceOf(SynodError);
    expect((error as SynodError).message).toContain(says);
    expect((error as SynodError).code).toBe("InvalidArgument");
    expect(world.commands).toEqual([]);
    // What is written is computed from what is read: nothing else asks.
    if (!_call.includes("update to") && !_call.includes("async update")) expect(asked).toEqual([]);
  });
});

test("more than a transaction may have is refused before it is sent", async () => {
  const world = new World();
  const { client } = world.process();
  const many = Array.from({ length: 1025 }, () => ({ kind: "delete", key: "a" }) as const);
  expect(await errorOf(() => client.kv.transaction({ do: many }))).toMatchObject({ code: "TooLarge" });
  expect(world.commands).toEqual([]);
});

test("a candidate proclaims texts", async () => {
  const world = new World();
  const { client } = world.process();
  const leadership: Untyped = await client.elections.campaign("x");
  const sent = world.commands.length;
  expect(await errorOf(() => leadership.proclaim(8080))).toMatchObject({ code: "InvalidArgument" });
  expect(await errorOf(() => leadership.proclaim())).toMatchObject({ code: "InvalidArgument" });
  expect(world.commands).toHaveLength(sent);
  await leadership.resign();
});

const made = coordination as Untyped;
test.each<readonly [string, string, () => unknown]>([
  ["nothing", "await createNode", () => made()],
  ["options of connect", "not { servers }", () => made({ servers: [] })],
  ["a promise", "await it", () => made(Promise.resolve())],
  [
    "a clock by another name",
    "are clock, random, and not clok: did you mean clock?",
    () => made(new World().process().service, { clok: 1 }),
  ],
  ["a limit by another name", "and not valueBytes.", () => (coordinationMachine as Untyped)({ valueBytes: 1 })],
  ["no store of tokens", "read and compareAndSet", () => (fencedResource as Untyped)(null)],
])("made of %s: refused", async (_, says, run) => {
  const error = (await errorOf(run)) as SynodError;
  expect(error.message).toContain(says);
  expect(error).toMatchObject({ code: "InvalidArgument" });
});

test("bytes are taken from wherever they come, and as they are", async () => {
  const { client }: { client: Coordination } = new World().process();
  await client.kv.put("buffer", Buffer.from("hello"));
  expect(textValues.decode((await client.kv.get("buffer"))?.value ?? bytes)).toBe("hello");
  const { runInNewContext } = await import("node:vm");
  const foreign = runInNewContext("Uint8Array.of(1, 2, 3)") as Uint8Array;
  expect(foreign).not.toBeInstanceOf(Uint8Array);
  await client.kv.put("foreign", foreign);
  expect([...((await client.kv.get("foreign"))?.value ?? [])]).toEqual([1, 2, 3]);
});

test("what was left out may be undefined, and a lease null", async () => {
  const { client }: { client: Untyped } = new World().process();
  await client.kv.put("a", bytes, { lease: undefined, signal: undefined });
  await client.kv.put("a", bytes, { lease: null });
  await client.kv.transaction({ if: undefined, do: [{ ...put, lease: undefined }], else: undefined });
  const { entries } = await client.kv.range({ from: "a", to: undefined }, { limit: undefined, revision: undefined });
  expect(entries).toHaveLength(1);
});
