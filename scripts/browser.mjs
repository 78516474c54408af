// What the tests with a real browser share. Needs Chromium: `CHROMIUM`, or /usr/bin/chromium.

export const CHROMIUM = process.env.CHROMIUM || "/usr/bin/chromium";

/** Everything that a browser asks for by itself is switched off: a test asks nobody for anything. */
export const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  // In a container the shared memory may be small.
  "--disable-dev-shm-usage",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** So long an answer or an end is waited for that comes at once where all is well. */
export const END_MS = 10_000;
/** A page takes a second at most, also on a machine that has other work. */
const FIRST_PAGE_MS = 20_000;
const BROWSERS_MAX = 3;

class Late extends Error {}

/**
 * The promise; rejects at the limit.
 * @template T
 * @param {string} what
 * @param {number} limitMs
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
export async function inTime(what, limitMs, promise) {
  let timer;
  const over = new Promise((_resolve, reject) => {
    timer = setTimeout(() => reject(new Late(`${what}: not within ${limitMs / 1000} s`)), limitMs);
  });
  try {
    return await Promise.race([promise, over]);
  } finally {
    clearTimeout(timer);
  }
}

async function drawnPage(browser, open) {
  const page = await open(browser);
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(done)));
  return page;
}

/**
 * A browser and its first page, drawn. Of hundreds of browsers one draws nothing, from its first page on, and every test in it would wait in vain: it is started
 * anew. Errors of `open` itself end the attempts.
 * @template {{ close(): Promise<void> }} B
 * @template {{ evaluate(work: () => Promise<unknown>): Promise<unknown> }} P
 * @param {() => Promise<B>} launch
 * @param {(browser: B) => Promise<P>} open
 * @returns {Promise<{ browser: B, page: P }>}
 */
export async function openBrowser(launch, open) {
  for (let attempt = 1; ; attempt++) {
    const browser = await launch();
    try {
      return { browser, page: await inTime("the browser's first page", FIRST_PAGE_MS, drawnPage(browser, open)) };
    } catch (error) {
      await inTime("the browser ends", END_MS, browser.close()).catch(() => undefined);
      if (!(error instanceof Late) || attempt === BROWSERS_MAX) throw error;
      console.warn(`Browser ${attempt} draws nothing: ${error.message}. Another one is started.`);
    }
  }
}
