// The page in a real browser: every button does what it says, nothing is complained of, axe finds nothing. Needs the build and Chromium
// (`CHROMIUM`, or /usr/bin/chromium). `--shots FOLDER` keeps a picture of each look, `--looks` presses nothing.
import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";
import { CHROMIUM, END_MS, FLAGS, inTime, openBrowser } from "../../../scripts/browser.mjs";
import { startDemo } from "./demo-process.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const WAIT_MS = 60_000;
/** For what has no limit of its own: a browser that stands still answers nothing. */
const PART_MS = 300_000;
const SIZES = {
  desk: { width: 1440, height: 1000 },
  phone: { width: 360, height: 780 },
  // As a window of 1280 by 900 is at twice the size.
  zoomed: { width: 640, height: 450 },
};
const shotsAt = process.argv.indexOf("--shots");
const shots = shotsAt < 0 ? null : process.argv[shotsAt + 1];
const onlyLooks = process.argv.includes("--looks");

const complaints = [];
const pressed = new Set();

async function open(browser, address, size, colorScheme, more = {}) {
  const page = await browser.newPage({ viewport: SIZES[size], colorScheme, ...more });
  page.setDefaultTimeout(WAIT_MS);
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => complaints.push(`page: ${error.stack ?? error}`));
  page.on("request", (request) => {
    if (!request.url().startsWith(address)) complaints.push(`it asked for ${request.url()}`);
  });
  await page.goto(address);
  await page.locator(".server-card").first().waitFor();
  return page;
}

/** What a button is, whichever server it is for. */
const kindOf = (name) => name.replace(/\bS\d+\b/g, "S").replace(/ (between|and) S/g, " S");

async function press(page, name) {
  const button = page.getByRole("button", { name, exact: true });
  // By key: that works for everybody, and does not wait for a busy machine to paint.
  await button.and(page.locator(":not([aria-disabled])")).press("Enter");
  pressed.add(kindOf(name));
}

/** Waits until the first number of cards, roles, or what else the function looks at is so. */
const until = (page, what, look, argument) =>
  page.waitForFunction(look, argument, { timeout: WAIT_MS, polling: 100 }).catch((cause) => {
    throw new Error(`expected: ${what} (${cause.message.split("\n")[0]})`);
  });

const cardHas = (page, id, words) =>
  until(
    page,
    `S${id} is ${words}`,
    ([id, words]) => {
      const cards = [...document.querySelectorAll(".server-card")];
      const card = cards.find((one) => one.querySelector("h2")?.textContent === `S${id}`);
      return [...(card?.querySelectorAll(".sy-badge") ?? [])].some((badge) =>
        words.split("|").includes(badge.textContent ?? ""),
      );
    },
    [id, words],
  );
const told = (page, words) =>
  until(
    page,
    `the panel says "${words}"`,
    (words) => document.querySelector(".story")?.textContent?.includes(words),
    words,
  );
const logged = (page, words) =>
  until(
    page,
    `an event "${words}"`,
    (words) => document.querySelector(".feed ol")?.textContent?.includes(words),
    words,
  );
const leaderOf = async (page) => {
  await until(page, "a leader", () => /^S\d+$/.test(document.querySelector(".figures dd")?.textContent ?? ""));
  return (await page.locator(".figures dd").first().textContent()).slice(1);
};
/** Presses a button that needs a leader; where that goes just then, it does nothing, and is pressed again. */
async function pressUntil(page, name, look) {
  for (let turn = 0; turn < 10; turn++) {
    await leaderOf(page);
    await press(page, name);
    const done = await page.waitForFunction(look, undefined, { timeout: 5000, polling: 100 }).catch(() => null);
    if (done !== null) return;
  }
  throw new Error(`"${name}" did nothing`);
}

const cutNow = (count) => `document.querySelectorAll('.link[data-state="cut"]').length === ${count}`;
const downCard = () =>
  [...document.querySelectorAll(".server-card")].some(
    (card) => card.querySelector(".sy-badge")?.textContent === "down",
  );

const cuts = (page, count) =>
  until(
    page,
    `${count} links cut`,
    (count) => document.querySelectorAll('.link[data-state="cut"]').length === count,
    count,
  );

async function checkLooks(page, name) {
  // Not as a script of the page, whose policy allows none but its own.
  await page.evaluate(await readFile(AXE, "utf8"));
  // Forced colours are the reader's own; axe would compare them with those that they replace.
  const rules = { "color-contrast": { enabled: !name.endsWith("forced") } };
  const { violations } = await page.evaluate((rules) => globalThis.axe.run(document, { rules }), rules);
  for (const { id, help, nodes } of violations)
    complaints.push(
      `axe, ${name}: ${id}: ${help}: ${nodes
        .map(({ html }) => html)
        .slice(0, 3)
        .join(" ")}`,
    );
  const [inner, wide] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth]);
  if (wide > inner) complaints.push(`${name}: ${wide} px wide in a window of ${inner}`);
  if (shots === null) return;
  await mkdir(shots, { recursive: true });
  await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
}

async function faults(page) {
  const leader = await leaderOf(page);
  const other = leader === "1" ? "2" : "1";
  await press(page, "Load 200 a second");
  await until(
    page,
    "commands are acknowledged",
    () => Number(document.querySelectorAll(".figures dd")[1]?.textContent?.replace(",", "")) > 50,
  );
  await press(page, `Pause S${other}`);
  await cardHas(page, other, "paused");
  await press(page, `Pause S${other}`);
  await cardHas(page, other, "follower|leader|candidate");
  await press(page, `Slow disk of S${other}`);
  await cardHas(page, other, "slow disk");
  await told(page, `The disk of S${other} takes 500 ms longer`);
  await press(page, `Slow disk of S${other}`);
  await told(page, `The disk of S${other} is as fast as ever.`);
  await press(page, `Cut off S${other}`);
  await cuts(page, 2);
  await press(page, `Cut off S${other}`);
  await cuts(page, 0);
  await press(page, `Star around S${other}`);
  await cuts(page, 1);
  await press(page, "Heal all");
  // Before the page shows it, the star's cut would pass for the chain's.
  await cuts(page, 0);
  await press(page, "Chain");
  await cuts(page, 1);
  await press(page, "Heal all");
  await cuts(page, 0);
  await killing(page);
}

async function killing(page) {
  const leader = await leaderOf(page);
  await press(page, `Kill S${leader}`);
  await cardHas(page, leader, "down");
  await told(page, `S${leader} crashes. What it promised and accepted is on its disk.`);
  await until(
    page,
    "another leads",
    (old) => !["none", `S${old}`].includes(document.querySelector(".figures dd")?.textContent ?? ""),
    leader,
  );
  await told(page, "a majority has promised it");
  await press(page, `Restart S${leader}`);
  await cardHas(page, leader, "follower|leader");
  await pressUntil(page, "Kill the leader", downCard);
  const second = await page
    .locator(".server-card", { has: page.locator(".sy-badge", { hasText: "down" }) })
    .locator("h2")
    .textContent();
  await press(page, `Restart ${second}`);
  await cardHas(page, second.slice(1), "follower|leader");
}

/** What S`to` hears of S`from`, in the table. */
const hears = (page, to, from, words) =>
  until(
    page,
    `S${to} hears S${from}: ${words}`,
    ([to, from, words]) => {
      const rows = [...document.querySelectorAll(".reach tr")];
      const column = [...(rows[0]?.children ?? [])].findIndex((cell) => cell.textContent === `from S${from}`);
      const row = rows.find((one) => one.querySelector("th")?.textContent === `S${to} hears`);
      return new RegExp(words).test(row?.children[column]?.textContent ?? "");
    },
    [to, from, words],
  );

async function links(page) {
  await pressUntil(page, "Cut the leader off", cutNow(2));
  const cutOff = await page.evaluate(
    () => document.querySelector('.reach td[data-heard="cut"]')?.closest("tr")?.rowIndex ?? 0,
  );
  if (cutOff === 0) complaints.push("no cell of the table says that a link is cut");
  await press(page, "Heal all");
  await hears(page, 1, 2, "^\\d.* m?s");
  await hears(page, 2, 3, "^\\d.* m?s");
  await pressUntil(page, "Star around the leader", cutNow(1));
  await press(page, "Heal all");
  await cuts(page, 0);
  // A link of the picture, by key and by pointer.
  const link = page.locator(".link").first();
  await link.focus();
  await page.keyboard.press("Enter");
  await cuts(page, 1);
  await link.locator(".hit").click({ force: true });
  await cuts(page, 0);
}

/** A busy machine may elect another leader in between; then it is tried again. */
async function handOver(page) {
  for (let turn = 0; ; turn++) {
    const leader = await leaderOf(page);
    const other = leader === "3" ? "2" : "3";
    await press(page, `Lead: hand over to S${other}`);
    const answered = logged(page, `handed the leadership to replica ${other}`);
    const done = await Promise.race([
      answered.then(
        () => true,
        () => false,
      ),
      page.waitForTimeout(10_000).then(() => false),
    ]);
    answered.catch(() => undefined);
    if (done) return;
    if (turn === 3) throw new Error("the leadership was not handed over in four tries");
  }
}

async function operations(page) {
  await handOver(page);
  const other = await leaderOf(page);
  await press(page, `Snapshot of S${other}`);
  await logged(page, `replica ${other}: `);
  await press(page, "Snapshot all");
  await told(page, "took a snapshot up to slot");
  await press(page, "Add S4");
  await cardHas(page, 4, "follower|leader");
  await logged(page, "replica 4 has caught up and votes");
  await press(page, "Restart in order S4");
  await logged(page, "replica 4 restarted from its files");
  await cardHas(page, 4, "follower|leader");
  await press(page, "Replace S4");
  await logged(page, "replica 5 votes in place of replica 4");
  await press(page, "Remove S5");
  await logged(page, "replica 5 is no member any more");
  await until(page, "three servers", () => document.querySelectorAll(".server-card").length === 3);
  await press(page, "Restart all in turn");
  await logged(page, "restarted one after the other");
}

/** The last messages, handed to the playground and drawn there. */
async function drawing(page, url) {
  const opened = page.waitForEvent("popup");
  await press(page, "Slow down and draw");
  const drawn = await opened;
  drawn.on("pageerror", (error) => complaints.push(`drawing: ${error}`));
  await drawn.getByRole("heading", { name: "A cluster that runs" }).waitFor();
  const rows = await drawn.locator(".rows-list li").allTextContents();
  for (const words of ["sends accept", "receives accept ", "receives accepted "])
    if (!rows.some((row) => row.includes(words))) complaints.push(`drawing: no row says "${words}"`);
  if (rows.length < 100) complaints.push(`drawing: only ${rows.length} rows`);
  if (shots !== null) await drawn.screenshot({ path: `${shots}/drawn.png` });
  await drawn.close();
  const saved = await (await page.request.get(`${url}/trace.json`)).json();
  if (saved.version !== 1) complaints.push("what can be saved is no trace");
}

async function loads(page) {
  for (const rate of [1000, 2000, 5000, 0]) {
    await press(page, rate === 0 ? "Load off" : `Load ${rate.toLocaleString("en")} a second`);
    await page
      .locator(`button[aria-pressed="true"]`, { hasText: rate === 0 ? "off" : rate.toLocaleString("en") })
      .waitFor();
  }
}

async function typing(page) {
  const prompt = page.getByRole("textbox", { name: "Command" });
  await prompt.fill("put greeting hello");
  await prompt.press("Enter");
  await logged(page, 'greeting = "hello"');
  await prompt.fill("nonsense");
  await press(page, "Run");
  await logged(page, "nonsense is no command");
}

async function reading(page) {
  await press(page, "Hold");
  const shown = await page.locator(".slots").innerHTML();
  await page.evaluate(() =>
    fetch("/command", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ line: "put held still" }),
    }),
  );
  await page.waitForTimeout(1500);
  if ((await page.locator(".slots").innerHTML()) !== shown) complaints.push("the page moves while it is held");
  await press(page, "Hold");
  for (const next of ["light", "dark", "auto"]) {
    await page.getByRole("button", { name: /^Colours: / }).click();
    await page.getByRole("button", { name: `Colours: ${next}`, exact: true }).waitFor();
  }
  pressed.add("Colours");
}

/** Buttons that nothing above has pressed. */
async function missed(page) {
  const names = await page.evaluate(() =>
    [...document.querySelectorAll("button")].map(
      (button) => button.getAttribute("aria-label") ?? button.textContent ?? "",
    ),
  );
  return [...new Set(names.map(kindOf))].filter((name) => !pressed.has(name) && !name.startsWith("Colours"));
}

async function parts(page, url) {
  for (const part of onlyLooks ? [] : [faults, links, drawing, operations, typing, reading, loads]) {
    const startedMs = performance.now();
    await inTime(part.name, PART_MS, part(page, url)).catch(async (error) => {
      const events = page.locator(".feed li").allTextContents();
      const lines = await inTime("the events", END_MS, events).catch((cause) => [`(${cause.message})`]);
      throw new Error(`${error.message}\n${lines.slice(-15).join("\n")}`);
    });
    console.log(`ok    ${part.name} ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
  }
  for (const name of onlyLooks ? [] : await missed(page)) complaints.push(`nobody pressed "${name}"`);
}

async function looks(browser, page, url) {
  await press(page, "Load 1,000 a second");
  await page.waitForTimeout(5000);
  await checkLooks(page, "desk-light");
  await page.close();
  for (const [size, scheme] of [
    ["desk", "dark"],
    ["phone", "light"],
    ["phone", "dark"],
    ["zoomed", "light"],
    ["desk", "forced"],
  ]) {
    const forced = scheme === "forced";
    const other = await open(browser, url, size, forced ? "dark" : scheme, forced ? { forcedColors: "active" } : {});
    await other.waitForTimeout(1500);
    await checkLooks(other, `${size}-${scheme}`);
    await other.close();
  }
  console.log("ok    looks");
}

async function browse(address) {
  const url = await inTime("the address of the page", WAIT_MS, address);
  const { browser, page } = await openBrowser(
    () => chromium.launch({ executablePath: CHROMIUM, args: FLAGS }),
    (one) => open(one, url, "desk", "light", { reducedMotion: "reduce" }),
  );
  try {
    await parts(page, url);
    await inTime("looks", PART_MS, looks(browser, page, url));
  } finally {
    await inTime("the browser ends", END_MS, browser.close()).catch((error) => complaints.push(error.message));
  }
}

async function main() {
  const demo = startDemo();
  try {
    await browse(demo.address);
  } finally {
    await demo.end().catch((error) => complaints.push(error.message));
  }
}

try {
  await main();
} catch (error) {
  complaints.push(error.stack ?? String(error));
}
for (const complaint of complaints) console.log(`FAIL  ${complaint}`);
console.log(complaints.length === 0 ? "The page works." : `${complaints.length} complaints.`);
// Also where the browser has not ended: it is taken along.
process.exit(complaints.length === 0 ? 0 : 1);
