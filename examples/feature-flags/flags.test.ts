import { afterEach, beforeEach, expect, it } from "vitest";
import { closeAll, type Instance, threeInstances } from "../cluster.js";
import { Flags } from "./flags.js";

let instances: Instance[];
beforeEach(async () => {
  instances = await threeInstances();
});
afterEach(() => closeAll(instances));

const until = (flags: Flags, holds: () => boolean): Promise<void> =>
  new Promise((resolve) => {
    flags.onChange = () => {
      if (holds()) resolve();
    };
    flags.onChange();
  });

it("shows in every process what one of them has set, before and after it began to follow", async () => {
  const all = instances.map(({ coordination }) => new Flags(coordination));
  const [one] = all;
  if (one === undefined) throw new Error("no instance");
  await one.set("new-checkout", true);
  const stop = new AbortController();
  const following = all.map((flags) => flags.follow(stop.signal));
  await Promise.all(all.map((flags) => until(flags, () => flags.isOn("new-checkout"))));
  expect(one.isOn("dark-mode")).toBe(false);
  await one.set("dark-mode", true);
  await one.set("new-checkout", false);
  await Promise.all(all.map((flags) => until(flags, () => flags.isOn("dark-mode") && !flags.isOn("new-checkout"))));
  stop.abort();
  await Promise.all(following);
});
