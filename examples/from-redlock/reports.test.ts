import { afterAll, beforeAll, expect, it } from "vitest";
import { closeAll, type Instance, threeInstances } from "../cluster.js";
import { makeReport, ReportStore } from "./reports.js";

let instances: Instance[];
beforeAll(async () => {
  instances = await threeInstances();
});
afterAll(() => closeAll(instances));

it("lets one in at a time, with tokens that grow, and the store refuses an old one", async () => {
  const store = new ReportStore();
  const tokens: number[] = [];
  let [inside, most] = [0, 0];
  await Promise.all(
    instances.map(({ coordination }) =>
      makeReport(coordination, "acme", async (customer, { fencingToken, signal }) => {
        most = Math.max(most, ++inside);
        await coordination.kv.get("anything");
        signal.throwIfAborted();
        store.write(customer, fencingToken);
        tokens.push(fencingToken);
        inside--;
      }),
    ),
  );
  expect(most).toBe(1);
  expect(store.written).toEqual(["acme", "acme", "acme"]);
  expect(tokens).toEqual([...tokens].sort((a, b) => a - b));
  expect(() => store.write("acme", tokens[0] ?? 0)).toThrow("a newer holder");
});
