import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { closeAll, type Instance, threeInstances } from "../cluster.js";
import { runWorker } from "./worker.js";

let instances: Instance[];
beforeEach(async () => {
  instances = await threeInstances();
});
afterEach(() => closeAll(instances));

it("works in one process at a time, and goes on in another when that one ends", async () => {
  const turns: { name: string; fencingToken: number }[] = [];
  let [working, most] = [0, 0];
  let tell = (): void => {};
  const work =
    (name: string) =>
    async ({ signal, fencingToken }: { signal: AbortSignal; fencingToken: number }) => {
      turns.push({ name, fencingToken });
      most = Math.max(most, ++working);
      tell();
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
      working--;
    };
  const turn = (count: number): Promise<void> =>
    new Promise((resolve) => {
      tell = () => {
        if (turns.length >= count) resolve();
      };
      tell();
    });
  const workers = instances.map(({ coordination }, i) => {
    const stop = new AbortController();
    const name = `worker-${i + 1}`;
    return { name, stop, done: runWorker(coordination, { name, stop: stop.signal, work: work(name) }) };
  });
  const end = async (name: string | undefined): Promise<void> => {
    const worker = workers.find((one) => one.name === name);
    worker?.stop.abort();
    await worker?.done;
  };

  for (const count of [1, 2, 3]) {
    await turn(count);
    await end(turns[count - 1]?.name);
  }
  expect(new Set(turns.map(({ name }) => name)).size).toBe(3);
  expect(turns.map(({ fencingToken }) => fencingToken)).toEqual(
    turns.map((one) => one.fencingToken).sort((a, b) => a - b),
  );
  expect(most).toBe(1);
});

it("ends with its node, and by its signal also where the work waits with that", async () => {
  const [first, second] = instances as [Instance, Instance, Instance];
  const running = (own: Instance, stop: AbortSignal): { done: Promise<void>; begun: Promise<void> } => {
    let begin = (): void => {};
    const begun = new Promise<void>((resolve) => {
      begin = resolve;
    });
    const work = async ({ signal }: { signal: AbortSignal }): Promise<void> => {
      begin();
      await delay(60_000, undefined, { signal });
    };
    return { done: runWorker(own.coordination, { name: "worker", stop, work }), begun };
  };
  const stop = new AbortController();
  const one = running(first, stop.signal);
  await one.begun;
  stop.abort();
  await expect(one.done).resolves.toBeUndefined();

  const other = running(second, new AbortController().signal);
  await other.begun;
  await second.node[Symbol.asyncDispose]();
  await expect(other.done).resolves.toBeUndefined();
});
