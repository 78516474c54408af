import { afterAll, beforeAll, expect, it } from "vitest";
import { closeAll, type Instance, threeInstances } from "../cluster.js";
import { alone, join, members } from "./group.js";

let instances: [Instance, Instance, Instance];
beforeAll(async () => {
  instances = await threeInstances();
});
afterAll(() => closeAll(instances));

it("knows who is in the group as they come and go", async () => {
  const [one, two, three] = instances;
  const stop = new AbortController();
  const seen = members(three.coordination, "shop", stop.signal);
  expect((await seen.next()).value).toEqual([]);
  const a = await join(one.coordination, "shop", "a");
  expect((await seen.next()).value).toEqual(["a"]);
  await join(two.coordination, "shop", "b");
  expect((await seen.next()).value).toEqual(["a", "b"]);
  await a.leave();
  expect((await seen.next()).value).toEqual(["b"]);
  stop.abort();
  expect((await seen.next()).done).toBe(true);
});

it("lets one work at a time", async () => {
  let [inside, most] = [0, 0];
  const work = async (): Promise<void> => {
    most = Math.max(most, ++inside);
    await instances[0].coordination.kv.get("anything");
    inside--;
  };
  await Promise.all(instances.map(({ coordination }) => alone(coordination, "shop", work)));
  expect(most).toBe(1);
});
