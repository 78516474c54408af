// One signal of the caller for many calls.
import { getEventListeners, getMaxListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { expect, it, vi } from "vitest";
import { World } from "./world.js";

it("10,000 calls and events share one listener: no warning, nothing changed or left at the signal", async () => {
  const world = await World.of(1);
  const node = world.node(1);
  await world.settle(node.propose({ add: 1 }));
  const warned = vi.spyOn(process, "emitWarning");
  const controller = new AbortController();
  const { signal } = controller;
  const listenersMax = getMaxListeners(signal);
  const calls: Promise<unknown>[] = [];
  for (let i = 0; i < 3_333; i++) {
    calls.push(node.propose({ add: 1 }, { signal }));
    calls.push(node.read("total", { signal }));
    calls.push(node.readStale("total", { atLeast: 1_000_000, signal }));
  }
  calls.push(node.openSession({ signal }));
  const events = node.events({ signal })[Symbol.asyncIterator]();
  const event = events.next();
  await turn();
  expect(getEventListeners(signal, "abort").length).toBe(1);
  controller.abort("enough");
  const ended = await Promise.allSettled(calls);
  expect(ended.filter(({ status }) => status === "rejected").length).toBe(calls.length);
  expect((await event).done).toBe(true);
  expect(getEventListeners(signal, "abort").length).toBe(0);
  expect(getMaxListeners(signal)).toBe(listenersMax);
  expect(warned).not.toHaveBeenCalled();
  warned.mockRestore();
  await world.close();
});
