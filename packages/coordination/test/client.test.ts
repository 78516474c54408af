import { Readable } from "node:stream";
import { SynodError } from "@synod/interface";
import { expect, test } from "vitest";
import { type Changes, coordination, fencedResource, jsonValues, type Leader, textValues } from "../src/index.js";
import { outcomeOf, quiet, World } from "./world.js";

const code = (error: unknown): unknown => (error instanceof SynodError ? error.code : error);
const caught = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

/** What an iteration gives, taken one by one. */
function taken<T>(source: AsyncIterable<T>): { next(): Promise<T>; end(): Promise<unknown> } {
  const iterator = source[Symbol.asyncIterator]();
  return {
    async next() {
      const { done, value } = await iterator.next();
      if (done === true) throw new Error("it ended");
      return value;
    },
    end: async () => iterator.return?.(),
  };
}

test("keys: get, put, compare and set, delete, update", async () => {
  const { client } = new World().process();
  const kv = client.kv.as(textValues);
  expect(await kv.get("k")).toBeNull();
  const { revision } = await kv.put("k", "one");
  expect(await kv.get("k")).toEqual({ key: "k", value: "one", revision, createRevision: 1, version: 1, lease: null });
  expect(await kv.compareAndSet("k", 0, "two")).toEqual({ done: false, keyRevision: revision });
  expect(await kv.compareAndSet("k", revision, "two")).toEqual({ done: true, keyRevision: revision + 1 });
  expect((await kv.get("k", { revision }))?.value).toBe("one");
  expect(await kv.update("k", (value) => `${value}!`)).toMatchObject({ value: "two!", version: 3 });
  expect((await kv.get("k"))?.value).toBe("two!");
  expect(await kv.delete("k", { ifRevision: 1 })).toMatchObject({ done: false });
  expect(await kv.delete("k")).toMatchObject({ done: true, keyRevision: 0 });
  expect(await kv.update("k", () => null)).toBeNull();
  expect(code(await caught(kv.get("k", { revision: 1_000 })))).toBe("InvalidArgument");
  expect(code(await caught(kv.put("", "x")))).toBe("InvalidArgument");
  expect(code(await caught(kv.put("\ud800", "x")))).toBe("InvalidArgument");
  expect(code(await caught(kv.put("x".repeat(2000), "x")))).toBe("TooLarge");
});

test("an update that others are always faster than gives up with a code of its own", async () => {
  const { client } = new World().process();
  const kv = client.kv.as(jsonValues<number>());
  let others = 0;
  const changed = kv.update("k", (value) => {
    others++;
    void kv.put("k", others);
    return (value ?? 0) + 1;
  });
  expect(code(await caught(changed))).toBe("ConditionFailed");
});

test("ranges by pages, all as of one revision, up and down", async () => {
  const { client } = new World().process();
  const kv = client.kv.as(jsonValues<number>());
  for (let i = 0; i < 25; i++) await kv.put(`n/${String(i).padStart(2, "0")}`, i);
  const page = await kv.range({ prefix: "n/" }, { limit: 10 });
  expect([page.entries.length, page.more]).toEqual([10, true]);
  await kv.put("n/05", -1);
  await kv.delete("n/20");
  const { revision } = page;
  const collect = async (options: Parameters<typeof kv.entries>[1]): Promise<number[]> => {
    const values: number[] = [];
    for await (const { value } of kv.entries({ prefix: "n/" }, options)) values.push(value);
    return values;
  };
  const all = Array.from({ length: 25 }, (_, i) => i);
  expect(await collect({ revision })).toEqual(all);
  expect(await collect({ revision, reverse: true })).toEqual([...all].reverse());
  expect(await collect({ limit: 3 })).toEqual([0, 1, 2]);
  expect(await kv.count({ prefix: "n/" })).toBe(24);
  expect(await kv.deleteAll({ prefix: "n/" })).toEqual({ count: 24 });
});

test("pages that are cut by their size go on where they ended, whatever the keys", async () => {
  const { client } = new World().process();
  const big = new Uint8Array(300_000);
  const keys = ["p", "p\0", "p/a", "p\uffff", "q"];
  for (const key of keys) await client.kv.put(key, big);
  for (const reverse of [false, true]) {
    const seen: string[] = [];
    for await (const { key } of client.kv.entries({ prefix: "p" }, { reverse })) seen.push(key);
    expect(seen).toEqual(reverse ? keys.slice(0, 4).reverse() : keys.slice(0, 4));
  }
  const seen: string[] = [];
  for await (const { key } of client.kv.entries({ from: "p\0", to: "q" })) seen.push(key);
  expect(seen).toEqual(keys.slice(1, 4));
});

test("pages from the last key down end where the keys do that were asked for", async () => {
  const { client } = new World().process();
  const big = new Uint8Array(300_000);
  for (const key of ["p/a", "p/b", "p/c", "p/d", "p/e", "p/f"]) await client.kv.put(key, big);
  const seen: string[] = [];
  for await (const { key } of client.kv.entries({ prefix: "p/", after: "p/b" }, { reverse: true })) seen.push(key);
  expect(seen).toEqual(["p/f", "p/e", "p/d", "p/c"]);
});

test("a watch begins with what comes after the call, tells all of it once, and can be gone on with", async () => {
  const { client } = new World().process();
  const kv = client.kv.as(jsonValues<number>());
  await kv.put("a", 0);
  const ending = new AbortController();
  const watch = taken(kv.watch({ prefix: "a" }, { signal: ending.signal }));
  const first = watch.next();
  await quiet();
  const { revision } = await kv.put("a", 1);
  await kv.put("b", 1);
  expect(await first).toEqual({
    events: [{ kind: "put", key: "a", value: 1, revision, createRevision: 1, version: 2, lease: null }],
    revision,
  });
  await kv.put("a", 2);
  await kv.delete("a");
  const second = await watch.next();
  expect(second.events.map((event) => event.kind)).toEqual(["put", "delete"]);
  const last = watch.next();
  await quiet();
  ending.abort();
  expect(await caught(last)).toMatchObject({ message: "it ended" });
  await kv.put("a", 3);
  const again = taken(kv.watch({ prefix: "a" }, { from: second.revision + 1 }));
  expect((await again.next()).events).toMatchObject([{ kind: "put", value: 3 }]);
  await again.end();
});

test("a watch without a revision begins at the call, whenever it is iterated", async () => {
  const { client } = new World().process();
  const kv = client.kv.as(jsonValues<number>());
  const watch = kv.watch({ prefix: "a" });
  await quiet();
  await kv.put("a", 1);
  expect((await taken(watch).next()).events).toMatchObject([{ kind: "put", value: 1 }]);
});

test("what this client changes after it began to watch belongs to the watch, however late its beginning is answered", async () => {
  const world = new World();
  const { service, clock } = world.process();
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => (open = resolve));
  const read: typeof service.read = async (query, options) => {
    await opened;
    return service.read(query, options);
  };
  const client = coordination({ ...service, read }, { clock });
  const kv = client.kv.as(jsonValues<number>());
  const watch = taken(kv.watch({ prefix: "a" }));
  const put = kv.put("a", 1);
  await quiet();
  open();
  await put;
  const told: unknown = await outcomeOf(watch.next());
  expect(told).toMatchObject({ events: [{ kind: "put", value: 1 }] });
  expect(clock.timers).toBe(0);
});

test("a beginning that is not answered holds back what changes keys until the client is closed, and nothing else", async () => {
  const world = new World();
  const { service, clock } = world.process();
  const client = coordination({ ...service, read: () => new Promise(() => {}) }, { clock });
  const lease = await client.leases.grant({ ttlMs: 3_000 });
  taken(client.kv.watch({ prefix: "a" }));
  const put = client.kv.put("a", new Uint8Array(1));
  const lock = await client.locks.acquire("l");
  await world.run(10_000);
  expect([lease.held, lock.held, await outcomeOf(put)]).toEqual([true, true, "pending"]);
  const ending = new AbortController();
  const another = client.kv.deleteAll({ prefix: "b" }, { signal: ending.signal });
  expect(await outcomeOf(another)).toBe("pending");
  ending.abort("enough");
  expect(await caught(another)).toMatchObject({ code: "NotProposed", cause: "enough" });
  await client.close();
  expect(await caught(put)).toMatchObject({ code: "Closed" });
  expect(world.machine.query({ kind: "status" })).toMatchObject({ leases: 0, keys: 0 });
});

test("a watch that nobody iterates leaves nothing behind, and one whose beginning fails says so", async () => {
  const world = new World();
  const { client } = world.process();
  client.kv.watch({ prefix: "a" });
  await quiet();
  expect(world.watching).toBe(0);
  await client.close();
  const late = client.kv.watch({ prefix: "a" });
  await quiet();
  expect(code(await caught(taken(late).next()))).toBe("Closed");
});

test("a watch without news lives on, however much is written elsewhere", async () => {
  const { client } = new World({ historyBytesMax: 100_000 }).process();
  const watch = taken(client.kv.watch({ prefix: "quiet" }, { from: 1 }));
  const next = watch.next();
  // Few revisions, many bytes.
  for (let i = 0; i < 40; i++) {
    await client.kv.put("loud", new Uint8Array(10_000));
    await quiet();
  }
  await client.kv.put("quiet", Uint8Array.of(1));
  expect((await next).events).toMatchObject([{ key: "quiet" }]);
  await watch.end();
});

test("a watch of a reader that was too slow says so", async () => {
  const world = new World({ historyBytesMax: 500 });
  const { client } = world.process();
  const watch = taken<Changes<Uint8Array>>(client.kv.watch({ prefix: "a" }, { from: 1 }));
  await client.kv.put("a", new Uint8Array(10));
  await watch.next();
  for (let i = 0; i < 20; i++) await client.kv.put("a", new Uint8Array(100));
  const error = (await caught(watch.next())) as SynodError;
  expect(error.code).toBe("Compacted");
  expect(error.details["compacted"]).toBeGreaterThan(1);
  expect(code(await caught(client.kv.get("a", { revision: 1 })))).toBe("Compacted");
  expect(world.watching).toBe(0);
});

test("a watch from the very beginning tells all, as long as nothing is forgotten", async () => {
  const { client } = new World().process();
  const kv = client.kv.as(jsonValues<number>());
  await kv.put("a", 1);
  expect((await taken(kv.watch({ prefix: "" }, { from: 0 })).next()).events).toMatchObject([{ key: "a", revision: 1 }]);
});

test("who leaves a watch, or an election, while nothing happens has left it", async () => {
  const world = new World();
  const { client, service, clock } = world.process();
  for (const iterable of [client.kv.watch({ prefix: "a" }), client.elections.observe("e")]) {
    const iterator = (iterable as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    const told = Promise.all([iterator.next(), iterator.next()]).then((all) => all.at(-1));
    await quiet();
    expect(world.watching).toBe(1);
    const left = iterator.return?.();
    expect(await outcomeOf(Promise.all([told, left]))).toMatchObject([{ done: true }, { done: true }]);
    expect(world.watching).toBe(0);
    expect(await iterator.next()).toMatchObject({ done: true });
  }
  // As a response does whose reader has gone.
  const stream = Readable.from(client.kv.watch({ prefix: "a" }));
  stream.resume();
  await quiet();
  stream.destroy();
  await quiet();
  expect([stream.closed, world.watching]).toEqual([true, 0]);
  // Before its beginning is known.
  const deaf = coordination({ ...service, read: () => new Promise(() => {}) }, { clock });
  const iterator = deaf.kv.watch({ prefix: "a" })[Symbol.asyncIterator]();
  const told = iterator.next();
  await quiet();
  const left = iterator.return?.();
  expect(await outcomeOf(Promise.all([told, left]))).toMatchObject([{ done: true }, { done: true }]);
});

test("progress tells how far a watch without news has come", async () => {
  const { client } = new World().process();
  const watch = taken(client.kv.watch({ prefix: "quiet" }, { from: 1, progress: true }));
  const next = watch.next();
  for (let i = 0; i < 300; i++) await client.kv.put("loud", new Uint8Array(0));
  expect(await next).toMatchObject({ events: [] });
  await watch.end();
});

test("transactions: conditions, both branches, fenced by a lock", async () => {
  const { client } = new World().process();
  const kv = client.kv.as(textValues);
  const lock = await client.locks.acquire("x");
  const write = (value: string) =>
    kv.transaction({
      if: [{ held: lock.resource, fencingToken: lock.fencingToken }],
      do: [
        { kind: "put", key: "k", value },
        { kind: "range", keys: { key: "k" } },
      ],
      else: [{ kind: "delete", key: "gone" }],
    });
  const done = await write("one");
  expect(done.succeeded).toBe(true);
  expect(done.results[1]).toMatchObject({ entries: [{ key: "k", value: "one" }] });
  await lock.release();
  expect(await write("two")).toMatchObject({ succeeded: false, results: [{ kind: "delete", deleted: false }] });
  const byValue = await kv.transaction({ if: [{ key: "k", field: "value", is: "=", to: "one" }] });
  expect(byValue.succeeded).toBe(true);
});

test("keys end with their lease", async () => {
  const world = new World();
  const { client, clock } = world.process();
  const lease = await client.leases.grant({ ttlMs: 1000 });
  await client.kv.put("service/1", new Uint8Array(1), { lease });
  await world.run(5000);
  expect(await client.kv.count({ prefix: "service/" })).toBe(1);
  expect(await client.leases.get(lease.id)).toMatchObject({ ttlMs: 1000, keys: 1 });
  await world.run(2000, clock);
  expect(world.machine.query({ kind: "count", keys: { prefix: "service/" } })).toMatchObject({ count: 0 });
  clock.nowMs = world.nowMs;
  expect(lease.held).toBe(false);
  expect(code(lease.signal.reason)).toBe("LeaseLost");
  expect(await client.leases.get(lease.id)).toBeNull();
  expect(code(await caught(client.kv.put("service/1", new Uint8Array(1), { lease })))).toBe("LeaseLost");
  const second = await client.leases.grant();
  await client.kv.put("k", new Uint8Array(0), { lease: second });
  await second.end();
  expect(await client.kv.get("k")).toBeNull();
});

test("a lease whose grant is answered after the client was closed is given back", async () => {
  for (const way of ["closed", "aborted"] as const) {
    const world = new World();
    const { client } = world.process();
    const ending = new AbortController();
    world.fate = ({ kind }) => (kind === "grantLease" ? "answeredLater" : "answered");
    const granting = caught(client.leases.grant({ ttlMs: 1000, signal: ending.signal }));
    await quiet();
    expect(world.machine.query({ kind: "status" })).toMatchObject({ leases: 1 });
    const closing = way === "closed" ? client.close() : ending.abort("enough");
    world.answer();
    expect(await granting).toMatchObject(way === "closed" ? { code: "Closed" } : {});
    await closing;
    await world.run(500);
    // Only what is remembered of it, lest a late copy makes it again.
    expect(world.machine.query({ kind: "lease", id: "?" })).toMatchObject({ kind: "none" });
    await world.run(600_000);
    expect(world.machine.query({ kind: "status" })).toMatchObject({ leases: 0 });
  }
});

test("a lease that was ended does not come back, even if a copy of its grant comes late", async () => {
  const world = new World();
  const { client } = world.process();
  let grants = 0;
  world.fate = ({ kind }) => (kind === "grantLease" && grants++ === 0 ? "late" : "answered");
  const granting = client.leases.grant({ ttlMs: 3_600_000 });
  await world.run(100);
  const lease = await granting;
  await client.kv.put("k", new Uint8Array(1), { lease });
  await lease.end();
  world.deliver();
  expect(await client.leases.get(lease.id)).toBeNull();
  expect((await client.status()).keys).toBe(0);
});

test("a grant that was surely not made leaves nothing to be remembered, and asks for nothing", async () => {
  const world = new World({ leasesMax: 2 });
  const { client } = world.process();
  const refused = client.leases.grant({ signal: AbortSignal.abort("no") });
  expect(await caught(refused)).toMatchObject({ code: "NotProposed" });
  world.fate = ({ kind }) => (kind === "grantLease" ? "notProposed" : "answered");
  const ending = new AbortController();
  const given = caught(client.leases.grant({ signal: ending.signal }));
  await world.run(1_000);
  ending.abort();
  await world.run(1_000);
  expect(await given).toMatchObject({ code: "NotProposed" });
  expect((await client.status()).leases).toBe(0);
  world.fate = () => "answered";
  for (let i = 0; i < 2; i++) await client.leases.grant();
  expect(await caught(client.leases.grant())).toMatchObject({ code: "Busy" });
  await world.run(1_000);
  expect(world.commands.filter(({ kind }) => kind === "endLeases")).toEqual([]);
});

test("elections: one leads, others see who, and take over", async () => {
  const world = new World();
  const [a, b, c] = [world.process().client, world.process().client, world.process().client];
  expect(await c.elections.leader("e")).toBeNull();
  const watch = taken<Leader | null>(c.elections.observe("e"));
  expect(await watch.next()).toBeNull();
  const first = await a.elections.campaign("e", { value: "a" });
  expect(await watch.next()).toEqual({ value: "a", fencingToken: first.fencingToken });
  const candidate = b.elections.campaign("e", { value: "b" });
  await first.proclaim("a, and well");
  expect((await watch.next())?.value).toBe("a, and well");
  expect(await outcomeOf(candidate)).toBe("pending");
  await first.resign();
  const second = await candidate;
  expect(second.fencingToken).toBeGreaterThan(first.fencingToken);
  expect(await watch.next()).toEqual({ value: "b", fencingToken: second.fencingToken });
  expect(code(await caught(first.proclaim("still me")))).toBe("LeaseLost");
  expect(await c.elections.leader("e")).toMatchObject({ value: "b" });
  await watch.end();
  expect(await b.elections.lead("other", ({ leadership }) => leadership.fencingToken)).toBeGreaterThan(0);
});

test("a job runs once for each occurrence; after a failure another process runs it", async () => {
  const world = new World();
  const processes = [world.process(), world.process(), world.process()];
  let runs = 0;
  const all = processes.map(({ client }) => client.jobs.runOnce("backup", "1970-01-01", () => ++runs));
  expect((await Promise.all(all)).filter(({ ran }) => ran)).toEqual([{ ran: true, value: 1 }]);
  const [a, b] = processes.map(({ client }) => client);
  expect(await a?.jobs.runOnce("x/y", "z", () => 1)).toMatchObject({ ran: true });
  expect(await a?.jobs.runOnce("x", "y/z", () => 2)).toMatchObject({ ran: true });
  const failing = a?.jobs.runOnce("backup", "2", () => {
    throw new Error("disk full");
  });
  await expect(failing).rejects.toThrow("disk full");
  expect(await b?.jobs.runOnce("backup", "2", () => "saved")).toEqual({ ran: true, value: "saved" });
  // Remembered for as long as was asked for.
  await b?.jobs.runOnce("backup", "3", () => "saved", { keepMs: 60_000 });
  await world.run(58_000);
  expect(await a?.jobs.runOnce("backup", "3", () => "again")).toEqual({ ran: false });
  await world.run(60_000 / 4 + 2_000);
  expect(await a?.jobs.runOnce("backup", "3", () => "again")).toMatchObject({ ran: true });
});

test("occurrences share leases: they never fill the limit, whoever runs them and for however long they are kept", async () => {
  const world = new World({ leasesMax: 12 });
  const dayMs = 24 * 3_600_000;
  for (let i = 0; i < 40; i++) {
    const { client } = world.process();
    const keepMs = i === 1 ? 3_600_000 : [undefined, 8 * dayMs, 9 * dayMs][i % 3];
    const ran = client.jobs.runOnce("mail", String(i), () => i, keepMs === undefined ? {} : { keepMs });
    await world.run(600_000);
    expect(await ran).toEqual({ ran: true, value: i });
    await client.close();
  }
  const { client } = world.process();
  expect(await client.jobs.runOnce("mail", "0", () => "again")).toEqual({ ran: false });
  // Kept for an hour, five hours ago.
  expect(await client.jobs.runOnce("mail", "1", () => "again")).toMatchObject({ ran: true });
  for (let i = 0; i < 30; i++) {
    const own = world.process().client;
    const asked = [own, client].map(({ jobs }) => jobs.cronCoordinator().shouldRun(`minute ${i}`, 1_000));
    await world.run(500);
    expect((await Promise.all(asked)).filter(Boolean).length).toBe(1);
    await own.close();
  }
});

test("an occurrence is remembered for three eighths longer than was asked for at most, whoever shares its lease", async () => {
  const world = new World();
  const sliceMs = 2 ** 20;
  const keepMs = 8 * sliceMs + 1;
  const [one, other] = [world.process().client, world.process().client];
  const run = async (client: typeof one, occurrence: string): Promise<boolean> => {
    const ran = client.jobs.runOnce("mail", occurrence, () => {}, { keepMs });
    await world.run(10);
    return (await ran).ran;
  };
  await run(one, "first");
  world.pass(sliceMs - 1_000);
  await run(other, "second");
  world.pass(keepMs * 1.37 - sliceMs);
  expect(await run(one, "first")).toBe(false);
  world.pass(keepMs * 0.005);
  expect(await run(one, "first")).toBe(true);
});

test("a job is remembered although somebody ended the lease that marks are hung on", async () => {
  const world = new World();
  const { client } = world.process();
  const endAll = async (): Promise<void> => {
    const marks = await client.kv.range({ prefix: "synod/jobs/" });
    const ids = [...new Set(marks.entries.map(({ lease }) => lease ?? ""))];
    expect(ids.length).toBeGreaterThan(0);
    world.execute({ kind: "endLeases", ids, remember: true });
  };
  expect(await client.jobs.runOnce("mail", "1", () => 1)).toEqual({ ran: true, value: 1 });
  await endAll();
  expect(await client.jobs.runOnce("mail", "2", () => 2)).toEqual({ ran: true, value: 2 });
  // Also between the beginning of the work and its end.
  expect(await client.jobs.runOnce("mail", "3", endAll)).toMatchObject({ ran: true });
  expect(await client.jobs.runOnce("mail", "3", () => 3)).toEqual({ ran: false });
  const cron = client.jobs.cronCoordinator();
  expect(await cron.shouldRun("minute 1", 1_000)).toBe(true);
  const claims = await client.kv.range({ prefix: "synod/cron/" });
  world.execute({ kind: "endLeases", ids: claims.entries.map(({ lease }) => lease ?? ""), remember: true });
  expect(await cron.shouldRun("minute 2", 1_000)).toBe(true);
});

test("what keeps a job from being remembered comes to light before the work", async () => {
  const world = new World({ stateBytesMax: 2_500, leasesMax: 4 });
  const { client } = world.process();
  let runs = 0;
  const attempt = (occurrence: string, keepMs = 60_000): Promise<unknown> =>
    caught(client.jobs.runOnce("j", occurrence, () => ++runs, { keepMs }));
  for (const keepMs of [0, -1, 0.5, Number.NaN, 1e12]) expect(code(await attempt("1", keepMs))).toBe("InvalidArgument");
  expect(code(await attempt("x".repeat(2_000)))).toBe("TooLarge");
  const leases = await Promise.all([1, 2].map(() => client.leases.grant()));
  expect(code(await attempt("1", 3_600_000))).toBe("Busy");
  await leases[0]?.end();
  await client.kv.put("large", new Uint8Array(900));
  expect(code(await attempt("y".repeat(300)))).toBe("Busy");
  expect(runs).toBe(0);
  expect(await attempt("1")).toEqual({ ran: true, value: 1 });
  expect(await client.counters.get("x")).toBe(0);
});

test("a mark is made even where the state has become full under the work", async () => {
  const { client } = new World({ stateBytesMax: 4_000 }).process();
  const work = async (): Promise<void> => {
    for (let i = 0; ; i++) {
      if (code(await caught(client.kv.put(`k${i}`, new Uint8Array(10)))) === "Busy") return;
    }
  };
  expect(await client.jobs.runOnce("fill", "1", work)).toMatchObject({ ran: true });
  expect(await client.jobs.runOnce("fill", "1", work)).toEqual({ ran: false });
});

test("a job that lost its lock is not marked as done", async () => {
  const world = new World();
  const { client: a, clock } = world.process();
  const { client: b } = world.process();
  const slow = a.jobs.runOnce(
    "backup",
    "1",
    async () => {
      await world.run(3000, clock);
      clock.nowMs = world.nowMs;
    },
    { ttlMs: 500 },
  );
  expect(code(await caught(slow))).toBe("LeaseLost");
  expect(await b.jobs.runOnce("backup", "1", () => "mine")).toEqual({ ran: true, value: "mine" });
});

test.each(["answered", "answerLost", "late", "lost"] as const)("cron: one of all runs (%s)", async (fate) => {
  const world = new World();
  const processes = [world.process(), world.process(), world.process()];
  let left = 2;
  world.fate = (command) => (command.kind === "put" && left-- > 0 ? fate : "answered");
  const key = "backup:2026-11-21T03:00:00.000Z";
  const asked = Promise.all(processes.map(({ client }) => client.jobs.cronCoordinator().shouldRun(key, 30_000)));
  await world.run(500);
  const runs = await asked;
  expect(runs.filter(Boolean).length).toBe(1);
  world.deliver();
  await processes[0]?.client.jobs.cronCoordinator().onComplete(key);
  await world.run(300_000);
  expect(await processes[0]?.client.jobs.cronCoordinator().shouldRun(key, 30_000)).toBe(false);
  await world.run(1_000_000);
  expect(world.machine.query({ kind: "status" })).toMatchObject({ keys: 0, leases: 0 });
});

test.each(["answered", "answerLost", "late", "lost", "notProposed"] as const)(
  "a sequence has no gaps and no doubles (%s)",
  async (fate) => {
    const world = new World();
    const { client } = world.process();
    let calls = 0;
    world.fate = () => (calls++ % 3 === 1 ? fate : "answered");
    const numbers = Promise.all(Array.from({ length: 10 }, () => client.sequences.next("invoice")));
    await world.run(5000);
    world.deliver();
    expect([...(await numbers)].sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  },
);

test("blocks, allocators and counters", async () => {
  const { client } = new World().process();
  expect(await client.sequences.block("id", 10)).toEqual({ first: 1, last: 10 });
  expect(await client.sequences.next("id", { request: "r" })).toBe(11);
  expect(await client.sequences.next("id", { request: "r" })).toBe(11);
  const ids = client.sequences.allocator("id", { blockSize: 5 });
  const many = await Promise.all(Array.from({ length: 12 }, () => ids.next()));
  expect(many).toEqual(Array.from({ length: 12 }, (_, i) => 12 + i));
  expect(await client.counters.add("hits", 5)).toBe(5);
  expect(await client.counters.add("hits", -7)).toBe(-2);
  expect(await client.counters.get("hits")).toBe(-2);
  expect(code(await caught(client.counters.add("hits", 0.5)))).toBe("InvalidArgument");
  expect(code(await caught(client.sequences.block("id", 0)))).toBe("InvalidArgument");
});

test("a barrier lets go when all have come, and nobody before", async () => {
  const world = new World();
  const { client } = world.process();
  const waits = [1, 2].map(() => client.barriers.wait("b", { parties: 3 }));
  expect(await outcomeOf(Promise.race(waits))).toBe("pending");
  await Promise.all([...waits, client.barriers.wait("b", { parties: 3 })]);
  await quiet();
  expect((await client.status()).requests).toBe(0);
  const timed = client.barriers.wait("b", { parties: 2, waitMs: 100 });
  timed.catch(() => {});
  await world.run(200);
  expect(code(await outcomeOf(timed))).toBe("LockNotAcquired");
});

test("a fenced resource lets nobody in whose token is older", async () => {
  const resource = fencedResource();
  resource.admit(5);
  resource.admit(5);
  resource.admit(9);
  expect(resource.highest).toBe(9);
  expect(() => resource.admit(5)).toThrow("Token 5 is refused");
  expect(() => resource.admit(0)).toThrow("positive integer");
  let stored = 3;
  let races = 1;
  const store = fencedResource({
    read: async () => stored,
    compareAndSet: async (expected, token) => {
      if (races-- > 0) stored = 6;
      if (stored !== expected) return false;
      stored = token;
      return true;
    },
  });
  await store.admit(7);
  expect(stored).toBe(7);
  expect(code(await caught(store.admit(6)))).toBe("LeaseLost");
});

test("a value that is not what the codec takes has a code", async () => {
  const { client } = new World().process();
  await client.kv.put("k", Uint8Array.of(0xff));
  expect(code(await caught(client.kv.as(textValues).get("k")))).toBe("Malformed");
  expect(code(await caught(client.kv.as(jsonValues()).get("k")))).toBe("Malformed");
  expect(code(await caught(client.kv.as(jsonValues()).put("k", undefined)))).toBe("InvalidArgument");
});
