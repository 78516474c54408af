import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { traceHashes } from "./trace-hashes.js";

const SEED = 50;

/** Another process, without the test runner, far away. */
async function elsewhere(seed: number, environment: Record<string, string>): Promise<unknown> {
  const path = (name: string): string => JSON.stringify(new URL(name, import.meta.url).href);
  const script = `
    const { traceHashes } = await import(${path("trace-hashes.ts")});
    const [number, date] = [(1234.5).toLocaleString(), new Date(1.7e12).toString()];
    console.log(JSON.stringify({ hashes: await traceHashes(${seed}), number, date }));
  `;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [
      "--conditions=@synod/source",
      `--import=${new URL("typescript-loader.mjs", import.meta.url).href}`,
      "--input-type=module",
      "--eval",
      script,
    ],
    { cwd: fileURLToPath(new URL(".", import.meta.url)), env: { ...process.env, NODE_OPTIONS: "", ...environment } },
  );
  return JSON.parse(stdout);
}

test("SYS-50: a seed gives the same trace again, and in another process, time zone and locale", async () => {
  const far = elsewhere(SEED, { TZ: "Pacific/Kiritimati", LC_ALL: "de_DE.UTF-8", LANG: "de_DE.UTF-8" });
  const here = await traceHashes(SEED);
  expect(await traceHashes(SEED)).toEqual(here);
  expect(await far).toEqual({
    hashes: here,
    number: "1.234,5",
    date: expect.stringContaining("GMT+1400") as string,
  });
  expect(new Set(Object.values(here)).size).toBe(Object.keys(here).length);
}, 120_000);
