import { afterAll, beforeAll, expect, it } from "vitest";
import { closeAll, type Instance, threeInstances } from "../cluster.js";
import { claim, register, saveSettings, settingsOf } from "./scheduler.js";

let instances: [Instance, Instance, Instance];
beforeAll(async () => {
  instances = await threeInstances();
});
afterAll(() => closeAll(instances));

it("keeps settings, tells of changes, and lets one claim a run", async () => {
  const [one, two, three] = instances.map(({ coordination }) => coordination);
  if (one === undefined || two === undefined || three === undefined) throw new Error("no instances");
  await saveSettings(one, { everyMs: 1000 });
  const stop = new AbortController();
  const seen = settingsOf(two, stop.signal);
  expect((await seen.next()).value).toEqual({ everyMs: 1000 });
  await saveSettings(three, { everyMs: 500 });
  expect((await seen.next()).value).toEqual({ everyMs: 500 });
  stop.abort();
  expect((await seen.next()).done).toBe(true);

  const claims = await Promise.all(
    [one, two, three].map((coordination, i) => claim(coordination, "2030-01-01", `worker-${i}`)),
  );
  expect(claims.filter(Boolean)).toHaveLength(1);

  const registered = await register(one, "worker-1");
  expect((await two.kv.keys({ prefix: "scheduler/workers/" })).keys).toEqual(["scheduler/workers/worker-1"]);
  await registered[Symbol.asyncDispose]();
  expect((await two.kv.keys({ prefix: "scheduler/workers/" })).keys).toEqual([]);
});
