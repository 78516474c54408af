import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { judge, playScenario, SCENARIOS } from "@synod/lecture";
import { h } from "preact";
import { afterAll, beforeAll, expect, test } from "vitest";
import { markupOf } from "../src/static/markup.ts";
import { paperHtml } from "../src/static/paper.tsx";
import { openSite, overlaps, type Site } from "./page.ts";

const paper = new URL("../dist/paper.html", import.meta.url);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const road = SCENARIOS.filter(({ id }) => readFileSync(paper, "utf8").includes(`<article id="${id}">`));

let site: Site;
beforeAll(async () => {
  site = await openSite();
});
afterAll(() => site.close());

test("what a component draws becomes markup, and no text can become a tag", () => {
  const Name = ({ name }: { readonly name: string }) => h("b", { class: "name", onClick: () => undefined }, name);
  const drawn = h("p", { style: { color: "red", top: "" }, hidden: false }, [
    h(Name, { name: '<a & "b">' }),
    h("br", {}),
    null,
    1,
  ]);
  expect(markupOf(drawn)).toBe('<p style="color:red"><b class="name">&lt;a &amp; &quot;b&quot;&gt;</b><br/>1</p>');
});

test("the built page is what the code draws, and has no script", () => {
  const html = readFileSync(paper, "utf8");
  const style = /<style>([\s\S]*?)<\/style>/.exec(html)?.[1] ?? "";
  expect(html).toBe(paperHtml(style));
  expect(html).not.toMatch(/<script|undefined|NaN|\[object/);
});

test("whoever runs no script is sent to the paper", async () => {
  const context = await site.browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(new URL("index.html", paper).href);
  await page.getByRole("link", { name: "The same lecture to be read" }).click();
  await page.getByRole("heading", { name: "How can computers agree while any of them may fail?" }).waitFor();
  await context.close();
});

test("the paper tells the main road: each story with its picture, its rows and the checker's words", async () => {
  expect(road.length).toBeGreaterThan(40);
  const context = await site.browser.newContext({ javaScriptEnabled: false, viewport: { width: 800, height: 900 } });
  const page = await context.newPage();
  await page.goto(paper.href);
  for (const scenario of road) {
    const run = playScenario(scenario);
    const { words, rows } = judge(run);
    const story = page.locator(`#${scenario.id}`);
    const text = (await story.innerText()).replace(/\s+/g, " ");
    for (const part of [scenario.question, scenario.sees, words]) expect(text).toContain(part.replace(/\s+/g, " "));
    expect(await story.locator("svg [data-row]").count()).toBe(run.rows.length);
    expect(await story.locator("svg .deciding").count()).toBe(rows.length === 1 ? 1 : 0);
    expect(await story.locator("ol li").count()).toBe(run.rows.length);
  }
  await context.close();
}, 60_000);

test.each([360, 1280])(
  "at a width of %s no label touches another, and axe finds nothing",
  async (width) => {
    // With a script of the test's own, which the page's policy would not let in.
    const context = await site.browser.newContext({ viewport: { width, height: 900 }, bypassCSP: true });
    const page = await context.newPage();
    await page.goto(paper.href);
    expect(await page.evaluate(overlaps)).toEqual([]);
    await page.evaluate(axe);
    const found = await page.evaluate(async () => {
      const { axe: run } = globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
      };
      const { violations } = await run.run();
      return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html ?? ""}`);
    });
    expect(found).toEqual([]);
    await context.close();
  },
  60_000,
);
