import { setTimeout as delay } from "node:timers/promises";
import { SynodError, type SynodErrorCode } from "@synod/interface";
import { expect, test } from "vitest";
import { coordination, type CoordinationService } from "../src/index.js";
import { World } from "./world.js";

const caught = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);

/** A node or client that has ended: it answers nothing any more, and at once. */
function ended(code: SynodErrorCode): CoordinationService {
  const { service } = new World().process();
  const refuse = (): Promise<never> => Promise.reject(new SynodError(code, "the node is closed"));
  return { ...service, propose: refuse, read: refuse };
}

test.each(["Closed", "Removed"] as const)(
  "a lock that is asked for of a service that has ended (%s) says so: whoever tries again in a loop must know the end of it",
  async (code) => {
    const client = coordination(ended(code));
    for (const call of [
      () => client.locks.acquire("x"),
      () => client.locks.tryAcquire("x"),
      () => client.elections.lead("x", () => undefined),
    ]) {
      expect(await caught(call())).toMatchObject({
        code: "LockNotAcquired",
        message: expect.stringMatching(/ was not acquired: nothing can be asked any more: the node is closed\.$/),
        details: { reason: "closed" },
        cause: { code },
      });
    }
    expect(await caught(coordination(ended("NotProposed")).locks.acquire("x", { waitMs: 5 }))).toMatchObject({
      details: { reason: "timeout" },
    });
  },
);

test("work that a lost lock ended by its signal ends as LeaseLost, also where what it waited for has an error of its own for that", async () => {
  const world = new World();
  const { client, clock } = world.process();
  const waits = (signal: AbortSignal): Promise<void> => delay(60_000, undefined, { signal });
  const own = new AbortController();
  const running = [
    client.locks.runExclusive("a", ({ signal }) => waits(signal), { ttlMs: 1000 }),
    client.elections.lead("b", ({ signal }) => waits(AbortSignal.any([signal, own.signal])), { ttlMs: 1000 }),
  ].map(caught);
  const failing = caught(
    client.locks.runExclusive("c", ({ signal }) => waits(signal).catch(() => Promise.reject(new Error("mine"))), {
      ttlMs: 1000,
    }),
  );
  await world.run(100);
  // Every keep-alive from now on is lost.
  world.fate = () => "hangs";
  await world.run(5000);
  expect(clock.nowMs).toBe(5100);
  for (const error of await Promise.all(running)) expect(error).toMatchObject({ code: "LeaseLost" });
  expect(await failing).toMatchObject({ message: "mine" });
});

test("work that ends by a signal of its own ends with what that says: the lock was never lost", async () => {
  const { client } = new World().process();
  const own = new AbortController();
  const running = caught(client.locks.runExclusive("a", () => delay(60_000, undefined, { signal: own.signal })));
  setImmediate(() => own.abort());
  expect(await running).toMatchObject({ name: "AbortError" });
});
