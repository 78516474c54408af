import { PAIRS } from "@synod/lecture";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openPage, openSite, overlaps, type Site } from "./page.ts";

let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterAll(() => site.close());

describe.each([360, 768, 1280])("Raft beside Paxos, at a width of %s", (width) => {
  test("each story goes to its verdicts, row beside row", async () => {
    const { page, complaints } = await openPage(site, "#/raft", { viewport: { width, height: 900 } });
    for (const pair of PAIRS) {
      const story = page.locator(`[data-pair=${pair.id}]`);
      const next = story.getByRole("button", { name: "Next moment" });
      for (const moment of pair.moments.slice(1)) {
        await next.click();
        await story.getByText(moment.words).waitFor();
      }
      expect(await next.isDisabled()).toBe(true);
      const verdicts = await story
        .locator(".pair-verdict")
        .evaluateAll((all) => all.map((one) => one.dataset["verdict"]));
      expect(verdicts).toEqual([pair.verdict, pair.verdict]);
      const [paxos, raft] = await story
        .locator(".diagram")
        .evaluateAll((all) =>
          all.map((one) => [...one.querySelectorAll(".row-number")].map((text) => text.getAttribute("y"))),
        );
      expect(paxos).toEqual(raft);
      await story.getByText(pair.sees).waitFor();
      await story.getByRole("button", { name: "Row back" }).click();
      expect(await story.getByText(pair.sees).isVisible()).toBe(false);
      expect(await story.locator(".pair-verdict").count()).toBe(0);
      await story.getByRole("button", { name: "Row on" }).click();
    }
    expect(await page.evaluate(overlaps)).toEqual([]);
    expect(complaints).toEqual([]);
    await page.context().close();
  }, 60_000);
});

test("who scrolls one side scrolls the other", async () => {
  const { page } = await openPage(site, "#/raft");
  const story = page.locator("[data-pair=old-entry]");
  for (let moment = 0; moment < 4; moment++) await story.getByRole("button", { name: "Next moment" }).click();
  const tops = (): Promise<number[]> => story.locator(".diagram").evaluateAll((all) => all.map((one) => one.scrollTop));
  await story
    .locator(".diagram")
    .first()
    .evaluate((one) => one.scrollTo(0, 40));
  await expect.poll(tops).toEqual([40, 40]);
  await page.context().close();
});
