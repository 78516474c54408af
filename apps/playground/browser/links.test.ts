import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { countOf, openPage, openSite, type Site, verdictOf } from "./page.ts";

let site: Site;

beforeAll(async () => {
  site = await openSite();
});
afterAll(() => site.close());

/** The address, once the page has written it: that is after the picture was drawn. */
async function settledHash(page: Page): Promise<string> {
  const row = (await countOf(page)).split(" / ")[0] ?? "";
  await page.waitForFunction((at) => new URLSearchParams(location.hash.split("?")[1]).get("at") === at, row);
  return page.evaluate(() => location.hash);
}

test.each([
  ["a place in a story", "#/promises-report-nothing", ["n", "n", "n", "n", "n"]],
  ["a future of one's own", "#/promises-report", ["n", "n", "2", "x", "n", "n", "x", "j", "d"]],
  ["another number of servers", "#/free/basic-paxos?n=5&v=3", ["1", "t", "n", "n"]],
])("a link to %s restores it", async (_, hash, keys) => {
  const first = await openPage(site, hash);
  for (const key of keys) await first.page.keyboard.press(key);
  const link = await settledHash(first.page);
  const second = await openPage(site, link);
  const seen = async ({ page }: typeof first): Promise<unknown[]> => [
    await countOf(page),
    await verdictOf(page),
    await page.locator(".rows-list").innerText(),
    await page.locator(".servers").innerText(),
    await page.locator(".tray-list").innerText(),
  ];
  expect(await seen(second)).toEqual(await seen(first));
  expect(link.length).toBeLessThan(120);
  expect([...first.complaints, ...second.complaints]).toEqual([]);
  await first.page.context().close();
  await second.page.context().close();
});

test("whoever follows a link right after a step gets there", async () => {
  const { page } = await openPage(site, "#/promises-report");
  for (let i = 0; i < 30; i++) {
    const to = i % 2 === 0 ? "promises-report-nothing" : "promises-report";
    // The address of the step is written after the picture is drawn: not over the link.
    await page.keyboard.press(i % 3 === 0 ? "Home" : "End");
    await page.evaluate(
      (id) => new Promise((done) => requestAnimationFrame(() => done((location.hash = `#/${id}`)))),
      to,
    );
    await page.locator(`.stories [aria-current=page][href="#/${to}"]`).waitFor({ timeout: 10_000 });
  }
  await page.context().close();
});

test("a link that cannot be followed says how far it went", async () => {
  const { page } = await openPage(site, "#/promises-report?keep=2&then=x2d9&at=3&v=3");
  await page.getByText(/could be followed only to row 3/).waitFor();
  expect(await countOf(page)).toBe("3 / 3");
  await page.context().close();
});

test("a link of another version says so", async () => {
  const { page } = await openPage(site, "#/promises-report?at=3&v=0");
  await page.getByText(/another version/).waitFor();
  await page.context().close();
});

const TRACE = {
  version: 1,
  report: { nodes: [1, 2, 3], failure: { invariant: "acknowledged writes survive", message: "node 1 lost its vote" } },
  events: [
    { atMs: 0, kind: "node", node: 1, text: "starts, life 1" },
    { atMs: 1, kind: "send", from: 1, to: 2, message: "prepare 1.1 from slot 1", delivery: 1 },
    { atMs: 1, kind: "drop", from: 1, to: 3, message: "prepare 1.1 from slot 1", why: "link down" },
    { atMs: 2, kind: "send", from: 1, to: 2, message: "beat 1", delivery: 2 },
    { atMs: 3, kind: "deliver", from: 1, to: 2, message: "prepare 1.1 from slot 1", delivery: 1 },
    { atMs: 4, kind: "world", text: "links heal" },
  ],
};

test("a trace of the simulator is drawn; what is none is refused in words", async () => {
  const { page, complaints } = await openPage(site);
  const choose = page.locator("input[type=file]");
  await choose.setInputFiles({
    name: "run.json",
    mimeType: "application/json",
    buffer: Buffer.from(JSON.stringify(TRACE)),
  });
  await page.getByText("acknowledged writes survive: node 1 lost its vote").waitFor();
  expect(await page.locator(".rows-list li").count()).toBe(5);
  await page.getByText("1 beats of the election are not drawn").waitFor();
  await choose.setInputFiles({ name: "x.txt", mimeType: "text/plain", buffer: Buffer.from("hello") });
  await page.getByText("This is no JSON.").waitFor();
  expect(complaints).toEqual([]);
  await page.context().close();
});

test("a trace can be dropped anywhere", async () => {
  const { page } = await openPage(site);
  const data = await page.evaluateHandle((text) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], "dropped.json", { type: "application/json" }));
    return transfer;
  }, JSON.stringify(TRACE));
  await page.dispatchEvent("body", "drop", { dataTransfer: data });
  await page.getByText("Trace dropped.json").waitFor();
  await page.context().close();
});
