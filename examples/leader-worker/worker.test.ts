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
