// The run itself, short: real processes, as `npm run faults` starts them. Needs the build, as `npm test` makes it.
// SYNOD_FAULTS_SECONDS makes it longer, SYNOD_FAULTS_SEED another one.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { parseOptions } from "../src/options.js";
import type { Report } from "../src/run.js";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const { seconds, seed } = parseOptions([], [], { SYNOD_FAULTS_SECONDS: "20", ...process.env }) ?? {
  seconds: 0,
  seed: 0,
};

function run(...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let [out, err] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (err += text));
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, out, err })));
}

describe("a run under faults", () => {
  it(
    `is linearizable, lets no old token in, and ends with equal states (${seconds} s)`,
    async () => {
      const { code, out, err } = await run("--seconds", String(seconds), "--seed", String(seed), "--json");
      expect(code, out + err).not.toBeNull();
      const report = JSON.parse(out) as Report;
      expect(report).toMatchObject({ ok: true, wrong: [], seed, nodes: 3, kept: null });
      expect(code).toBe(0);
      // Otherwise nothing was tested.
      expect(Object.keys(report.faults).length).toBeGreaterThanOrEqual(2);
      expect(report.workload.operations).toBeGreaterThan(20);
      expect(report.locks.grants).toBeGreaterThan(1);
    },
    (seconds + 600) * 1000,
  );

  it("says what is wrong with a command line", async () => {
    expect(await run("--seconds", "x")).toMatchObject({ code: 2, err: expect.stringContaining("whole number") });
    expect(await run("--only", "kill one,kill two")).toMatchObject({
      code: 2,
      err: expect.stringContaining('no fault "kill two"'),
    });
    expect(await run("--help")).toMatchObject({ code: 0, out: expect.stringContaining("--seed") });
  });
});
