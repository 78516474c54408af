// One signal of the caller for many calls.
import { getEventListeners, getMaxListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, expect, test, vi } from "vitest";
import { World } from "./support.js";

let world: World;
afterEach(() => world.close());

const add = { op: "add", key: "a", by: 1 } as const;

test("10,000 calls, a watch and events share one listener: no warning, nothing changed or left at the signal", async () => {
  world = await World.of(1);
  const client = await world.connect();
  const warned = vi.spyOn(process, "emitWarning");
  const controller = new AbortController();
  const { signal } = controller;
  const listenersMax = getMaxListeners(signal);
  const calls = Array.from({ length: 5_000 }, () => [
    client.propose(add, { signal }),
    client.read({ op: "get", key: "a" }, { signal }),
  ]).flat();
  const watching = client.watch({ op: "history", from: 1_000_000 }, { signal }).next();
  const events = client.events({ signal });
  await turn();
  expect(getEventListeners(signal, "abort").length).toBe(1);
  await calls[0];
  controller.abort();
  const ended = await Promise.allSettled(calls);
  expect(ended.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0);
  expect(await watching).toEqual({ value: undefined, done: true });
  for await (const { kind } of events) expect(kind).toBeTypeOf("string");
  expect(getEventListeners(signal, "abort").length).toBe(0);
  expect(getMaxListeners(signal)).toBe(listenersMax);
  await turn();
  expect(warned).not.toHaveBeenCalled();
  warned.mockRestore();
});
