import { getEventListeners } from "node:events";
import { SynodError } from "@synod/interface";
import { expect, test } from "vitest";
import { coordination, type CoordinationService, type Lock } from "../src/index.js";
import { outcomeOf, quiet, settled, World } from "./world.js";

const code = (error: unknown): unknown => (error instanceof SynodError ? error.code : error);

const caught = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

test("a lock is free, then held, then free again; tokens grow", async () => {
  const world = new World();
  const { client: a } = world.process();
  const { client: b } = world.process();
  const first = await a.locks.acquire("x");
  expect(first.held).toBe(true);
  expect(await b.locks.tryAcquire("x")).toBeNull();
  await first.release();
  expect(first.held).toBe(false);
  expect(first.signal.aborted).toBe(false);
  const second = await b.locks.tryAcquire("x");
  expect(second?.fencingToken).toBeGreaterThan(first.fencingToken);
  await second?.release();
  expect((await a.status()).requests).toBe(0);
  expect((await a.status()).leases).toBe(0);
});

test("every call of release waits until others can have it", async () => {
  const world = new World();
  const { client } = world.process();
  const lock = await client.locks.acquire("x");
  let isFree = false;
  const first = lock.release().then(() => {
    isFree = true;
  });
  await lock.release();
  expect(isFree).toBe(true);
  await first;
});

test("the queue is first come, first served", async () => {
  const world = new World();
  const { client: a } = world.process();
  const order: string[] = [];
  const first = await a.locks.acquire("x");
  const others = ["b", "c", "d"].map(async (name) => {
    const { client } = world.process();
    await client.locks.runExclusive("x", () => {
      order.push(name);
    });
  });
  await quiet();
  await first.release();
  await Promise.all(others);
  expect(order).toEqual(["b", "c", "d"]);
  expect(world.watching).toBe(0);
});

test("who waits at a replica that hears of nothing has its turn all the same", async () => {
  const world = new World();
  const { client: a } = world.process();
  const { client: b } = world.process();
  const first = await a.locks.acquire("x");
  world.deaf = true;
  const waiting = b.locks.acquire("x", { ttlMs: 3000 });
  await world.run(500);
  await first.release();
  await world.run(900);
  const second = await outcomeOf(waiting);
  expect(second).toMatchObject({ held: true, name: "x" });
  expect(world.watching).toBe(0);
  await world.run(60_000);
  expect((second as Lock).held).toBe(true);
});

test("a holder that lives keeps its lock; one that dies loses it after its time to live", async () => {
  const world = new World();
  const { client: a, clock } = world.process();
  const { client: b } = world.process();
  const held = await a.locks.acquire("x", { ttlMs: 1000 });
  await world.run(10_000);
  expect(held.held).toBe(true);
  const waiting = b.locks.acquire("x", { ttlMs: 1000 });
  // The process of `a` stands still: nothing is sent any more.
  await world.run(600, clock);
  expect(await outcomeOf(waiting)).toBe("pending");
  await world.run(500, clock);
  const next = await waiting;
  expect(next.fencingToken).toBeGreaterThan(held.fencingToken);
});

test("a process that stood still learns that it lost as soon as it looks, before any timer runs", async () => {
  const world = new World();
  const { client: a, clock } = world.process();
  const lock = await a.locks.acquire("x", { ttlMs: 1000 });
  await world.run(5000, clock);
  expect(lock.signal.aborted).toBe(false);
  clock.nowMs = world.nowMs;
  expect(lock.held).toBe(false);
  expect(lock.signal.aborted).toBe(true);
  expect(code(lock.signal.reason)).toBe("LeaseLost");
  expect(() => lock.assertHeld()).toThrow("lost");
});

test("the holder knows that it lost before anybody else can have it, for every length of the pause", async () => {
  for (let pauseMs = 0; pauseMs <= 1400; pauseMs += 20) {
    const world = new World();
    const { client: a, clock } = world.process();
    const { client: b } = world.process();
    const lock = await a.locks.acquire("x", { ttlMs: 1000 });
    let other: Lock | null = null;
    const waiting = b.locks.acquire("x", { ttlMs: 1000 }).then((got) => {
      other = got;
    });
    await world.run(150);
    await world.run(pauseMs, clock);
    const taken = other !== null;
    clock.nowMs = world.nowMs;
    if (taken) expect(lock.held, `after a pause of ${pauseMs} ms`).toBe(false);
    await world.run(3000);
    // Whoever has it now has it alone.
    expect(lock.held && other !== null).toBe(false);
    await Promise.all([lock.release(), a.close(), b.close(), waiting.catch(() => {})]);
  }
});

test("a cut-off holder is told when its time is over, and is never given the lock again by itself", async () => {
  const world = new World();
  const { client: a } = world.process();
  const lock = await a.locks.acquire("x", { ttlMs: 1000 });
  let aborted: number | null = null;
  lock.signal.addEventListener("abort", () => {
    aborted = world.nowMs;
  });
  await world.run(100);
  world.fate = () => "hangs";
  await world.run(2000);
  expect(aborted).not.toBeNull();
  expect(aborted).toBeLessThan(1000);
  world.fate = () => "answered";
  await world.run(2000);
  expect(lock.held).toBe(false);
});

test.each([
  [1150, true],
  [1250, false],
])("an answer that comes after %i ms counts from when the keep-alive was sent", async (atMs, held) => {
  const world = new World();
  const { client, clock } = world.process();
  const lock = await client.locks.acquire("x", { ttlMs: 1000 });
  world.fate = () => "answeredLater";
  await world.run(400);
  // Sent at 333 ms and executed at once: the lease goes on until 1,333 ms. Then the process stands still.
  await world.run(atMs - 400, clock);
  clock.nowMs = world.nowMs;
  world.answer();
  await quiet();
  expect(lock.held).toBe(held);
});

test("work whose lock was lost does not end as if nothing had been", async () => {
  const world = new World();
  const { client: a, clock } = world.process();
  const running = a.locks.runExclusive(
    "x",
    async ({ signal, fencingToken }) => {
      expect(fencingToken).toBeGreaterThan(0);
      await world.run(5000, clock);
      clock.nowMs = world.nowMs;
      expect(signal.aborted).toBe(false);
      return "done";
    },
    { ttlMs: 1000 },
  );
  expect(code(await running.catch((error: unknown) => error))).toBe("LeaseLost");
});

test("whoever gives up leaves the queue, and the next one gets the lock", async () => {
  const world = new World();
  const [a, b, c] = [world.process().client, world.process().client, world.process().client];
  const held = await a.locks.acquire("x");
  const giving = new AbortController();
  const second = b.locks.acquire("x", { signal: giving.signal });
  const third = c.locks.acquire("x");
  await quiet();
  giving.abort(new Error("enough"));
  const error = (await second.catch((cause: unknown) => cause)) as SynodError;
  expect(error.code).toBe("LockNotAcquired");
  expect(error.details["reason"]).toBe("aborted");
  expect((error.cause as Error).message).toBe("enough");
  await held.release();
  expect((await third).held).toBe(true);
  expect((await a.status()).requests).toBe(1);
});

test("a wait has an end", async () => {
  const world = new World();
  const [a, b] = [world.process().client, world.process().client];
  await a.locks.acquire("x");
  const waiting = b.locks.acquire("x", { waitMs: 500 });
  waiting.catch(() => {});
  await world.run(499);
  expect(await outcomeOf(waiting)).toBe("pending");
  await world.run(2);
  const error = (await outcomeOf(waiting)) as SynodError;
  expect([error.code, error.details["reason"]]).toEqual(["LockNotAcquired", "timeout"]);
  expect(error.message).toBe("lock/x was not acquired: its turn did not come within 500 ms.");
  world.fate = () => "hangs";
  const unheard = b.locks.acquire("x", { waitMs: 500 });
  unheard.catch(() => {});
  await world.run(501);
  expect(await outcomeOf(unheard)).toMatchObject({
    message: "lock/x was not acquired: the cluster did not answer within 500 ms.",
    details: { reason: "timeout" },
  });
  world.fate = () => "answered";
  await settled();
  expect((await a.status()).requests).toBe(1);
});

test.each(["answerLost", "late", "lost", "notProposed"] as const)(
  "a request whose outcome is unknown (%s) finds its own place",
  async (fate) => {
    const world = new World();
    const { client: a } = world.process();
    let left = 2;
    world.fate = (command) => (command.kind === "acquire" && left-- > 0 ? fate : "answered");
    const acquiring = a.locks.acquire("x");
    await world.run(1000);
    const lock = await acquiring;
    expect(lock.held).toBe(true);
    expect((await a.status()).requests).toBe(1);
    await lock.release();
    // Copies that come after it was released take effect no more.
    world.deliver();
    expect((await a.status()).requests).toBe(0);
  },
);

test("a caller that gives up while the outcome is unknown leaves no ghost, even if its request comes late", async () => {
  const world = new World();
  const { client: a } = world.process();
  const { client: b } = world.process();
  const giving = new AbortController();
  world.fate = (command) => (command.kind === "acquire" ? "late" : "answered");
  const acquiring = a.locks.acquire("x", { signal: giving.signal });
  await quiet();
  giving.abort();
  expect(code(await acquiring.catch((error: unknown) => error))).toBe("LockNotAcquired");
  await quiet();
  world.fate = () => "answered";
  world.deliver();
  expect((await b.status()).requests).toBe(0);
  expect(await b.locks.tryAcquire("x")).not.toBeNull();
});

test("a place in the queue is kept by a process that lives, and lost by one that does not", async () => {
  const world = new World();
  const [a, b, c] = [world.process(), world.process(), world.process()];
  const held = await a.client.locks.acquire("x", { ttlMs: 500 });
  const dead = b.client.locks.acquire("x", { ttlMs: 500 });
  const alive = c.client.locks.acquire("x", { ttlMs: 500 });
  dead.catch(() => {});
  await world.run(3000, b.clock);
  expect((await c.client.status()).requests).toBe(2);
  await held.release();
  expect((await alive).held).toBe(true);
  await world.run(100);
  const error = (await outcomeOf(dead)) as SynodError;
  expect([error.code, error.details["reason"]]).toEqual(["LockNotAcquired", "expired"]);
  expect(error.message).toContain("in time for its ttlMs of 500 (10000 is the default)");
});

test("semaphores have as many holders as their limit", async () => {
  const world = new World();
  const { client } = world.process();
  const held = await Promise.all([1, 2, 3].map(() => client.semaphores.acquire("s", { limit: 3 })));
  expect(new Set(held.map(({ fencingToken }) => fencingToken)).size).toBe(3);
  expect(await client.semaphores.tryAcquire("s", { limit: 3 })).toBeNull();
  await held[1]?.release();
  expect(await client.semaphores.tryAcquire("s", { limit: 2 })).toBeNull();
  expect(await client.semaphores.tryAcquire("s", { limit: 3 })).not.toBeNull();
  await expect(client.semaphores.acquire("s", { limit: 0 })).rejects.toThrow("limit");
});

test("readers share, writers do not, and neither overtakes", async () => {
  const world = new World();
  const { client } = world.process();
  const { read, write } = client.readWriteLocks;
  const readers = await Promise.all([read.acquire("x"), read.acquire("x")]);
  const writer = write.acquire("x");
  await quiet();
  expect(await read.tryAcquire("x")).toBeNull();
  const late = read.acquire("x");
  for (const reader of readers) await reader.release();
  const writing = await writer;
  expect(await outcomeOf(late)).toBe("pending");
  await writing.release();
  expect((await late).held).toBe(true);
});

test("whoever lost its lock hears of it at once, although the cluster is out of reach", async () => {
  const world = new World();
  const { client } = world.process();
  let ended: number | null = null;
  const working = client.locks.runExclusive(
    "x",
    ({ signal }) =>
      new Promise<never>((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error));
      }),
    { ttlMs: 1000 },
  );
  const error = caught(working).then((cause) => {
    ended = world.nowMs;
    return cause;
  });
  await world.run(100);
  world.fate = () => "hangs";
  await world.run(20_000);
  expect(code(await error)).toBe("LeaseLost");
  expect(ended).toBeLessThan(1000);
});

test.each([["no"], [Object.create(null)]])("a signal that has aborted before is the cause, %#", async (reason) => {
  const { client } = new World().process();
  const error = (await caught(client.locks.acquire("x", { signal: AbortSignal.abort(reason) }))) as SynodError;
  expect([error.code, error.details["reason"], error.cause]).toEqual(["LockNotAcquired", "aborted", reason]);
});

test("any number of waits and watches share one listener on the signal of their caller, and leave none behind", async () => {
  const { client } = new World().process();
  const held = await client.locks.acquire("l");
  const controller = new AbortController();
  const waits = Array.from({ length: 20 }, () => client.locks.acquire("l", { signal: controller.signal }));
  const watches = Array.from({ length: 20 }, () => client.kv.watch({ key: "k" }, { signal: controller.signal }));
  const events = watches.map((watch) => watch[Symbol.asyncIterator]().next());
  await quiet();
  expect(getEventListeners(controller.signal, "abort").length).toBe(1);
  controller.abort("enough");
  await Promise.allSettled([...waits, ...events]);
  expect(getEventListeners(controller.signal, "abort").length).toBe(0);
  await held.release();
});

test("closing gives back what is held and ends what waits", async () => {
  const world = new World();
  const { client: a, clock } = world.process();
  const { client: b } = world.process();
  const lock = await a.locks.acquire("x");
  await b.locks.acquire("y");
  const waiting = a.locks.acquire("y");
  waiting.catch(() => {});
  await settled();
  await a.close();
  expect(code(lock.signal.reason)).toBe("LeaseLost");
  const error = (await waiting.catch((cause: unknown) => cause)) as SynodError;
  expect([error.code, error.details["reason"]]).toEqual(["LockNotAcquired", "closed"]);
  expect(await b.locks.tryAcquire("x")).not.toBeNull();
  expect((await b.status()).requests).toBe(2);
  expect(clock.timers).toBe(0);
  await expect(a.kv.get("k")).rejects.toMatchObject({ code: "Closed" });
});

test("many locks are kept alive by few commands", async () => {
  const world = new World();
  const { client } = world.process();
  await Promise.all(Array.from({ length: 200 }, (_, i) => client.locks.acquire(`x${i}`, { ttlMs: 3000 })));
  world.commands.length = 0;
  await world.run(30_000);
  expect(world.commands.length).toBeLessThan(60);
  expect((await client.status()).requests).toBe(200);
});

test("a long lease is not lost because short ones are kept alive beside it", async () => {
  const world = new World();
  const { clock, service } = world.process();
  // A command takes 40 ms: longer than a lease of 100 ms can wait for one, and no matter to one of 10 s.
  const slow: CoordinationService = {
    ...service,
    propose: (command, options) => {
      if (command.kind !== "keepAlive") return service.propose(command, options);
      return new Promise((resolve, reject) => {
        options?.signal?.addEventListener("abort", () => reject(new SynodError("OutcomeUnknown", "too late")));
        clock.timer(40, () => void service.propose(command).then(resolve, reject));
      });
    },
  };
  const client = coordination(slow, { clock });
  const long = await client.locks.acquire("leader", { ttlMs: 10_000 });
  for (let i = 0; i < 200; i++) {
    const short = await client.locks.acquire("section", { ttlMs: 100 });
    await world.run(80);
    await short.release();
  }
  expect(long.held).toBe(true);
});

test("limits are refused as what was never got, with the limit as the cause", async () => {
  const world = new World({ queueMax: 1 });
  const { client } = world.process();
  await client.locks.acquire("x");
  client.locks.acquire("x").catch(() => {});
  await quiet();
  const error = (await client.locks.acquire("x").catch((cause: unknown) => cause)) as SynodError;
  expect([error.code, error.details["reason"], code(error.cause)]).toEqual(["LockNotAcquired", "refused", "Busy"]);
  expect(error.message).toBe(
    "lock/x was not acquired: a limit is reached: 1 requests wait for this lock, and no more may. Try again later.",
  );
  await expect(client.locks.acquire("")).rejects.toMatchObject({ code: "InvalidArgument" });
  await expect(client.locks.acquire("x", { ttlMs: 1 })).rejects.toMatchObject({ code: "InvalidArgument" });
});
