import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { existsSync } from "node:fs";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { CHROMIUM, FLAGS, openBrowser } from "../../../scripts/browser.mjs";

const PAGE = new URL("../dist/index.html", import.meta.url);

export interface Site {
  readonly url: string;
  readonly browser: Browser;
  close(): Promise<void>;
}

/** The built page on a port of its own, and a browser to look at it. */
export async function openSite(): Promise<Site> {
  if (!existsSync(CHROMIUM)) {
    throw new Error(
      `There is no browser at ${CHROMIUM}: install Debian's package chromium, or set CHROMIUM to the path of one.`,
    );
  }
  const html = await readFile(PAGE);
  const server: Server = createServer((request, response) => {
    const body = request.url === "/" ? html : undefined;
    response.writeHead(body === undefined ? 404 : 200, { "content-type": "text/html; charset=utf-8" }).end(body);
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const launch = (): Promise<Browser> =>
    chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS], timeout: 90_000 });
  const { browser, page } = await openBrowser(launch, async (one) => {
    const first = await one.newPage();
    await first.goto(url);
    await first.locator("#main").waitFor();
    return first;
  });
  await page.close();
  return {
    url,
    browser,
    async close() {
      await browser.close();
      await new Promise((done) => server.close(done));
    },
  };
}

export interface Watched {
  readonly page: Page;
  /** What the page complained of, and what it asked for besides itself. */
  readonly complaints: string[];
}

/** A new page, without motion unless asked for, that notes every complaint and every request. */
export async function openPage(site: Site, hash: string = "", options: BrowserContextOptions = {}): Promise<Watched> {
  const context = await site.browser.newContext({
    viewport: { width: 1280, height: 900 },
    reducedMotion: "reduce",
    ...options,
  });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith("blob:") && !url.startsWith("data:") && url.split("#")[0] !== site.url)
      complaints.push(`asked for ${url}`);
  });
  await page.goto(`${site.url}${hash}`);
  await page.locator("#main").waitFor();
  return { page, complaints };
}

/** Goes to another place within the page, and comes back when it is there and can be seen. */
export async function goTo(page: Page, hash: string): Promise<void> {
  await page.evaluate(
    (to) =>
      new Promise<void>((done) => {
        if (location.hash === to) return done();
        const seen = (): number => requestAnimationFrame(() => setTimeout(done));
        addEventListener("hashchange", seen, { once: true });
        location.hash = to;
      }),
    hash,
  );
}

export const verdictOf = (page: Page): Promise<string | null> => page.locator(".verdict").getAttribute("data-verdict");

/** How many rows are shown, and of how many: `8 / 8`. */
export const countOf = async (page: Page): Promise<string> => (await page.locator(".scrub-count").innerText()).trim();

/** Runs in the page: texts of the picture that overlap by more than a pixel or two, and a page that is wider than its window. */
export function overlaps(): string[] {
  const found: string[] = [];
  const pictures = [...document.querySelectorAll(".diagram")];
  for (const picture of pictures) {
    const texts = [...picture.querySelectorAll<SVGTextElement>("text.token")].map((text) => ({
      text: text.textContent ?? "",
      box: text.getBoundingClientRect(),
    }));
    const pairs = texts.flatMap((one, index) => texts.slice(index + 1).map((other) => [one, other] as const));
    for (const [one, other] of pairs) {
      const across = Math.min(one.box.right, other.box.right) - Math.max(one.box.left, other.box.left);
      const down = Math.min(one.box.bottom, other.box.bottom) - Math.max(one.box.top, other.box.top);
      if (across > 2 && down > 3) found.push(`"${one.text}" and "${other.text}"`);
    }
  }
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) found.push(`the page is ${scrollWidth} wide in a window of ${clientWidth}`);
  return found;
}
