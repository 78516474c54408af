import { PROTOCOLS, SCENARIOS } from "@synod/lecture";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { countOf, goTo, openPage, openSite, type Site, verdictOf, type Watched } from "./page.ts";

let site: Site;
let watched: Watched;

beforeAll(async () => {
  site = await openSite();
  watched = await openPage(site);
});

afterAll(async () => {
  expect(watched.complaints).toEqual([]);
  await site.close();
});

test("every protocol has a story", () => {
  const told = new Set(SCENARIOS.map((scenario) => scenario.protocol.id));
  expect(PROTOCOLS.filter((protocol) => !told.has(protocol.id))).toEqual([]);
});

describe("every story plays to its verdict", () => {
  test.each(SCENARIOS.map((scenario) => [scenario.id, scenario] as const))("%s", async (id, scenario) => {
    const { page } = watched;
    await goTo(page, `#/${id}`);
    await page.getByText(scenario.question).waitFor();
    expect(await verdictOf(page)).toBe("open");
    const [, rows] = (await countOf(page)).split(" / ");
    await page.keyboard.press("End");
    await page.getByText(scenario.sees).waitFor();
    expect(await countOf(page)).toBe(`${rows} / ${rows}`);
    expect(await verdictOf(page)).toBe(scenario.verdict);
    expect(await page.locator(".rows-list li").count()).toBe(Number(rows));
    // Whatever a server did, some line of the code beside it did.
    expect(await page.locator(".row-code").count()).toBeGreaterThan(0);
    // And back: the beginning is as it was.
    await page.keyboard.press("Home");
    expect(await verdictOf(page)).toBe("open");
    expect(await page.locator(".diagram g[data-row]").count()).toBe(0);
  });
});

const SEARCHES = [
  "two-servers-opposite-orders",
  "promises-report-nothing",
  "rounds-not-enough",
  "dueling-proposers",
  "first-proposal-only",
  "what-if-reports-nothing",
  "what-if-liar",
];

test.each(SEARCHES)(
  "the search of %s finds a way and plays it",
  async (id) => {
    const { page } = watched;
    const wanted =
      SCENARIOS.find((scenario) => scenario.id === id)?.searches?.findIndex((search) => search.expect === "found") ?? 0;
    await goTo(page, `#/${id}`);
    await page.locator("#tab-search").click();
    await page.locator(".search-one .sy-button").nth(wanted).click();
    await page.getByText(/^Found after/).waitFor({ timeout: 60_000 });
    await page.keyboard.press("End");
    expect(await verdictOf(page)).not.toBe("safe");
    expect(await verdictOf(page)).not.toBe("open");
  },
  90_000,
);

test("a search that finds nothing says within which bounds, and one that is stopped says so", async () => {
  const { page } = watched;
  await goTo(page, "#/one-server");
  await page.locator("#tab-search").click();
  await page.locator(".search-one .sy-button").first().click();
  await page.getByText(/^None in all [\d,]+ situations within these bounds/).waitFor();
  // So much may happen here that it would take minutes.
  await goTo(page, "#/free/multi-paxos");
  await page.locator(".search-one summary").click();
  for (const may of ["time-outs", "losses", "duplicates"]) await page.getByLabel(may).fill("4");
  await page.locator(".search-one .sy-button").first().click();
  await page.getByText(/^Looking … [1-9]/).waitFor();
  await page.locator("#stop-search").click();
  await page.getByText(/^Stopped after .* not decided/).waitFor();
});
