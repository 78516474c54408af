import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { countOf, goTo, openPage, openSite, type Site, verdictOf, type Watched } from "./page.ts";

let site: Site;
let watched: Watched;

beforeAll(async () => {
  site = await openSite();
});
beforeEach(async () => {
  watched = await openPage(site, "#/promises-report");
});
afterEach(async () => {
  expect(watched.complaints).toEqual([]);
  await watched.page.context().close();
});
afterAll(() => site.close());

const lastRow = (): Promise<string> => watched.page.locator("[aria-current=step]").innerText();

describe("time", () => {
  test("step, back, to the end, to the beginning, by button and by key", async () => {
    const { page } = watched;
    await page.locator("#next").click();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("n");
    await expect.poll(() => countOf(page)).toBe("3 / 13");
    await page.locator("#back").click();
    await page.keyboard.press("p");
    await expect.poll(() => countOf(page)).toBe("1 / 13");
    await page.locator("#last").click();
    await expect.poll(() => countOf(page)).toBe("13 / 13");
    await page.locator("#first").click();
    await expect.poll(() => countOf(page)).toBe("0 / 13");
    await page.locator(".scrub input").fill("5");
    await expect.poll(() => countOf(page)).toBe("5 / 13");
    await page.locator(".rows-list .row-link").nth(1).click();
    await expect.poll(() => countOf(page)).toBe("2 / 13");
  });

  test("play, speed and pause", async () => {
    const { page } = watched;
    // Slow, so that a busy machine still pauses it before its end.
    await page.locator(".speed select").selectOption("0.5");
    await page.locator("#play").click();
    await page.waitForFunction(() => !document.querySelector(".scrub-count")?.textContent?.startsWith("0"));
    await page.locator("#play").click();
    const count = await countOf(page);
    expect(await page.locator("#play").getAttribute("aria-label")).toBe("Play");
    await page.keyboard.press("n");
    await expect.poll(() => countOf(page)).not.toBe(count);
  });
});

describe("messages", () => {
  beforeEach(async () => {
    await watched.page.keyboard.press("n");
  });

  test("deliver the younger one first", async () => {
    const { page } = watched;
    await page.locator(".tray-list button", { hasText: "S1 → S3" }).click();
    await page.getByRole("button", { name: "Deliver" }).click();
    await expect.poll(lastRow).toContain("S3 receives ACC");
  });

  test("drop one by key, duplicate one by button", async () => {
    const { page } = watched;
    await page.keyboard.press("j");
    await page.keyboard.press("d");
    await expect.poll(lastRow).toContain("from S1 to S2 is lost");
    expect(await page.locator(".tray-list button").count()).toBe(1);
    await page.locator(".tray-list button").first().click();
    await page.getByRole("button", { name: "Duplicate" }).click();
    await expect.poll(lastRow).toContain("another copy is on its way");
    expect(await page.locator(".tray-list button", { hasText: "S1 → S3" }).count()).toBe(1);
  });

  test("one that is delayed is overtaken", async () => {
    const { page } = watched;
    await page.getByRole("button", { name: "Empty stage" }).click();
    await page.getByRole("button", { name: "C1 asks S1 for m1" }).click();
    await page.locator(".tray-list button").first().click();
    await page.getByRole("button", { name: "Delay" }).click();
    await page.keyboard.press("n");
    await expect.poll(lastRow).toContain("S3 receives ACC");
  });

  test("click one in the picture, and again to let it arrive", async () => {
    const { page } = watched;
    const end = page.locator(".line-waits .hit").first();
    await end.click({ force: true });
    expect(await page.locator(".tray-list [aria-pressed=true]").count()).toBe(1);
    await end.click({ force: true });
    await expect.poll(() => countOf(page)).toBe("2 / 2");
  });
});

describe("accidents", () => {
  test("crash, restart, restart without its disk, time-out, suspicion", async () => {
    const { page } = watched;
    const press = (name: string): Promise<void> => page.getByRole("button", { name, exact: true }).click();
    await press("S3: Crash");
    await expect.poll(lastRow).toContain("S3 crashes");
    await press("S3: Restart");
    await expect.poll(lastRow).toContain("disk kept");
    await press("S3: Crash");
    await press("S3: Restart without disk");
    await expect.poll(lastRow).toContain("disk lost");
    await press("S1: Time-out");
    await expect.poll(lastRow).toContain("has waited long enough");
    await press("S2: Suspect S1");
    await expect.poll(lastRow).toContain("S2 thinks that S1 is down, and is wrong");
  });

  test("by key: pick a server, crash it, restart it, cut it off, heal", async () => {
    const { page } = watched;
    for (const key of ["2", "x"]) await page.keyboard.press(key);
    await expect.poll(lastRow).toContain("S2 crashes");
    await page.keyboard.press("x");
    await expect.poll(lastRow).toContain("S2 restarts");
    await page.keyboard.press("c");
    await expect.poll(lastRow).toContain("The network is cut");
    await page.keyboard.press("c");
    await expect.poll(lastRow).toContain("The network is whole again");
  });

  test("one link", async () => {
    const { page } = watched;
    await page.getByText("Cut a link").click();
    await page.getByRole("button", { name: "Cut S1 from S2" }).click();
    await expect.poll(lastRow).toContain("S1-S2 cannot talk");
    await page.getByRole("button", { name: "Heal the network" }).click();
    await expect.poll(lastRow).toContain("whole again");
  });
});

test("another future does not take away the first", async () => {
  const { page } = watched;
  for (const key of ["n", "n", "1", "x"]) await page.keyboard.press(key);
  await expect.poll(() => countOf(page)).toBe("3 / 3");
  await page.getByRole("button", { name: /^Future 1: 13 rows/ }).click();
  await expect.poll(() => countOf(page)).toBe("3 / 13");
  await page.getByRole("button", { name: /^Future 2: 3 rows/ }).click();
  await expect.poll(() => countOf(page)).toBe("3 / 3");
});

test("five servers; what one of them knows", async () => {
  const { page } = watched;
  await page.locator("#servers").selectOption("5");
  expect(await page.locator(".server").count()).toBe(5);
  await page.keyboard.press("End");
  await page.locator("#eyes").selectOption("S2");
  expect(await page.locator(".diagram .row.dim").count()).toBeGreaterThan(0);
  expect(await page.locator(".band-chosen").count()).toBe(0);
});

test("code with its difference, rules, a guess", async () => {
  const { page } = watched;
  await page.locator("#tab-code").click();
  expect(await page.locator(".code-line.code-new").count()).toBeGreaterThan(3);
  await page.getByRole("button", { name: "Show what is gone" }).click();
  expect(await page.locator(".code-line.code-gone").count()).toBeGreaterThan(0);
  await page.keyboard.press("ArrowRight");
  await page.locator("#tab-rules").click();
  expect(await page.locator("[data-invariant]").count()).toBe(6);
  await page.getByRole("button", { name: "Safe", exact: true }).click();
  await page.keyboard.press("End");
  await page.getByText("You saw it coming.").waitFor();
});

test("from a row to the lines that ran, and from a line to the rows in which it ran", async () => {
  const { page } = watched;
  await page.keyboard.press("End");
  // The promise that reports: S1 answers the new leader.
  const promise = page.locator(".rows-list li", { hasText: "S1 sends PROM" });
  const row = (await promise.locator(".rows-number").innerText()).trim();
  await promise.getByRole("button", { name: `Row ${row}: the code that ran` }).click();
  await expect.poll(() => countOf(page)).toBe(`${row} / 13`);
  const now = page.locator(".code-now", { hasText: 'type: "PROM"' });
  expect(await now.innerText()).toContain("votes: s.accepted");
  await page.keyboard.press("End");
  expect(await page.locator(".code-now", { hasText: 'type: "PROM"' }).count()).toBe(0);
  await page.locator(".code-line", { hasText: 'type: "PROM", rnd' }).getByRole("button").click();
  await page
    .locator(".code-rows")
    .getByRole("button", { name: `row ${row}`, exact: true })
    .click();
  await expect.poll(() => countOf(page)).toBe(`${row} / 13`);
  // A what-if shows the line that is exchanged, and runs what it is made of.
  await goTo(page, "#/what-if-reports-nothing");
  await page.keyboard.press("End");
  await page.locator("#tab-code").click();
  expect(await page.locator(".code-line.code-gone").first().innerText()).toContain("s.accepted[0]");
  expect(await page.locator("button.code-number").count()).toBeGreaterThan(5);
});

test("the step before, beside it", async () => {
  const { page } = watched;
  await page.locator("#tab-compare").click();
  await page.getByText("it is made in both pictures").waitFor();
  await page.keyboard.press("n");
  await page.getByText("Up to here both do the same.").waitFor();
  await page.keyboard.press("End");
  await page.locator(".compare").getByText("Broken.").waitFor();
  expect(await verdictOf(page)).toBe("safe");
  const seen = page.locator(".compare-rows li");
  expect(await seen.count()).toBe(await page.locator(".compare .differs").count());
  await seen.first().getByRole("button").click();
  expect(await seen.count()).toBe(1);
  await expect.poll(() => countOf(page)).not.toBe("13 / 13");
});

test("help by key and button, and the keys do nothing behind it", async () => {
  const { page } = watched;
  await page.keyboard.press("?");
  await page.locator("dialog[open]").waitFor();
  await page.keyboard.press("n");
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  await expect.poll(() => countOf(page)).toBe("0 / 13");
  await page.getByRole("button", { name: "Help and keys" }).click();
  await page.getByRole("button", { name: "Close the help" }).click();
  await page.locator("dialog").waitFor({ state: "detached" });
});

test("dark, light, as the machine has it", async () => {
  const { page } = watched;
  const paper = (): Promise<string> => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const before = await paper();
  await page.getByRole("button", { name: "Colours: auto" }).click();
  expect(await paper()).toBe(before);
  await page.getByRole("button", { name: "Colours: light" }).click();
  expect(await paper()).not.toBe(before);
  await page.reload();
  await page.getByRole("button", { name: "Colours: dark" }).click();
});

test("previous and next story, and the way back of the browser", async () => {
  const { page } = watched;
  await page.keyboard.press("]");
  await page.getByText("S1 has accepted m1 in round 1. S3 reports m2").first().waitFor();
  expect(await page.evaluate(() => location.hash)).toContain("two-reports");
  await page.goBack();
  await page.getByText("S3 is down and nobody knows what it did").waitFor();
});

test("the link is copied, or shown where the browser does not let it; the picture is a file", async () => {
  const { page } = watched;
  await page.keyboard.press("n");
  await page.getByRole("button", { name: "Copy link" }).click();
  await page.getByText(/link is (copied|the address)/).waitFor();
  await page.getByRole("button", { name: "Copy text" }).click();
  await page.getByText(/rows (are copied|in words stand below)/).waitFor();
  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Save picture" }).click(),
  ]);
  expect(file.suggestedFilename()).toBe("promises-report.svg");
  const text = await readFile(await file.path(), "utf8");
  expect(text).toMatch(/^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
  expect(text).not.toContain("var(");
});

describe("free play", () => {
  test("clients ask, all invariants hold, the log fills", async () => {
    const { page } = watched;
    await goTo(page, "#/free/synod-multipaxos");
    await page.getByText("7 / 7").waitFor();
    await page.getByRole("button", { name: "C1 asks S1 for m1" }).click();
    for (let step = 0; step < 8; step++) await page.keyboard.press("n");
    await page.locator("#tab-rules").click();
    expect(await page.locator("[data-holds=yes]").count()).toBe(6);
    expect(await page.locator(".matrix-chosen").innerText()).toContain("m1");
    await page.getByRole("button", { name: "Ask the checker how it ends" }).click();
    expect(await verdictOf(page)).toBe("safe");
  });

  test("by chance: the same seed gives the same run", async () => {
    const { page } = watched;
    const runs: string[] = [];
    for (let time = 0; time < 2; time++) {
      await goTo(page, "#/");
      await page.getByRole("heading", { level: 1, name: /agree/ }).waitFor();
      await goTo(page, "#/free/what-if-ignores-promise?seed=7&v=3");
      await page.getByRole("button", { name: "By chance" }).click();
      for (let step = 0; step < 25; step++) await page.keyboard.press("n");
      runs.push(await page.locator(".rows-list").innerText());
    }
    expect(runs[0]).toBe(runs[1]);
    expect(runs[0]?.split("\n").length).toBeGreaterThan(20);
  });
});
