import { afterAll, beforeAll, expect, it } from "vitest";
import { closeAll, type Instance, threeInstances } from "../cluster.js";
import { createApp } from "./app.js";

let instances: Instance[];
beforeAll(async () => {
  instances = await threeInstances();
});
afterAll(() => closeAll(instances));

it("runs the job of a day once, whichever instances are asked", async () => {
  const sent: { day: string; fencingToken: number }[] = [];
  const apps = instances.map(({ coordination }) =>
    createApp(coordination, async (day, { fencingToken }) => sent.push({ day, fencingToken })),
  );
  const ask = async (day: string): Promise<unknown[]> =>
    Promise.all(apps.map(async (app) => (await app.inject({ method: "POST", url: `/jobs/invoices/${day}` })).json()));
  const monday = await ask("2030-01-07");
  expect(monday.filter((answer) => (answer as { ran: boolean }).ran)).toEqual([{ ran: true, sent: 1 }]);
  expect((await ask("2030-01-07")).every((answer) => !(answer as { ran: boolean }).ran)).toBe(true);
  await ask("2030-01-08");
  expect(sent.map(({ day }) => day)).toEqual(["2030-01-07", "2030-01-08"]);
  expect(sent[1]?.fencingToken).toBeGreaterThan(sent[0]?.fencingToken ?? 0);
  await Promise.all(apps.map((app) => app.close()));
});

it("runs a job again that failed", async () => {
  const [app] = instances.map(({ coordination }) => {
    let calls = 0;
    return createApp(coordination, async () => {
      if (++calls === 1) throw new Error("the mail service is down");
      return 7;
    });
  });
  expect((await app?.inject({ method: "POST", url: "/jobs/invoices/2030-02-01" }))?.statusCode).toBe(500);
  expect((await app?.inject({ method: "POST", url: "/jobs/invoices/2030-02-01" }))?.json()).toEqual({
    ran: true,
    sent: 7,
  });
  await app?.close();
});
