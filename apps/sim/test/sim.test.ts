import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CommanderError } from "commander";
import { describe, expect, test } from "vitest";
import type { Report, TraceEvent } from "@synod/simulator";
import { type Options, parseOptions } from "../src/options.js";
import { describeFailure, runAll, traceFile } from "../src/run.js";
import { PROFILE_NAMES } from "../src/tasks.js";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const DIRECTORY = fileURLToPath(new URL(".", import.meta.url));

const ALL: Options = {
  seeds: 100,
  start: 1,
  profiles: PROFILE_NAMES,
  trace: null,
  jobs: 1,
  shrink: false,
  reduce: {},
  bench: false,
};

async function run(given: Partial<Options>) {
  const options = { ...ALL, ...given };
  const lines: string[] = [];
  const files: Record<string, string> = {};
  let nowMs = 0;
  const code = await runAll(options, {
    print: (line) => lines.push(line),
    progress: (line) => lines.push(line),
    write: (file, text) => {
      files[file] = text;
    },
    now: () => (nowMs += 500),
    threads: () => Promise.reject(new Error("no threads here")),
  });
  return { code, lines, files };
}

describe("the command line", () => {
  const parse = (...argv: string[]): Options | null => parseOptions(argv, DIRECTORY);

  test("by default each profile, a hundred seeds", () => {
    expect(parse("--jobs", "1")).toEqual(ALL);
    expect(parse()?.jobs).toBeGreaterThan(0);
    expect(parse("--seeds", "7", "--start", "40", "--profile", "disk", "--jobs", "1")).toEqual({
      ...ALL,
      seeds: 7,
      start: 40,
      profiles: ["disk"],
    });
  });

  test("one seed with its trace", () => {
    expect(parse("--seed", "18", "--profile", "swarm", "--trace", "x.json")).toEqual({
      ...ALL,
      seeds: 1,
      start: 18,
      profiles: ["swarm"],
      trace: `${DIRECTORY}x.json`,
    });
  });

  test.each([
    [["--seeds", "none"]],
    [["--seeds", "0"]],
    [["--start", "-1"]],
    [["--profile", "mild"]],
    [["--trace", "x.json"]],
    [["--seed", "1", "--trace", "x.json"]],
    [["--shrink"]],
    [["--seed", "1", "--profile", "disk", "--reduce", "[]"]],
    [["--seed", "1", "--seeds", "2"]],
    [["--seed", "1", "--start", "2"]],
    [["--bench", "--seeds", "2"]],
    [["--jobs", "0"]],
    [["--fast"]],
    [["seeds"]],
  ])("%j is refused", (argv) => {
    expect(() => parse(...argv)).toThrow(CommanderError);
  });

  test.each([
    [["--seed", "1", "--seeds", "2"], "--seed is one seed alone: leave out --seeds"],
    [["--bench", "--profile", "core"], "--bench takes no other option, so --profile would do nothing"],
    [
      ["--profile", "core", "--seed", "3", "--trace", "x.txt"],
      "--trace needs one profile, not a group: instead of core name one of core-short, ",
    ],
    [["--trace", "x.txt"], "--trace needs --seed and --profile: it is about one run"],
  ])("%j is told why", (argv, message) => {
    expect(() => parse(...argv)).toThrow(message);
  });
});

test("many seeds: progress, rare paths, a count", async () => {
  const { code, lines } = await run({ seeds: 4, profiles: ["calm", "swarm"] });
  expect(code).toBe(0);
  expect(lines[0]).toBe("[#######.......................] 2 of 8 runs, 4.0 a second");
  expect(lines.some((line) => /^ +\d+ {2}leader elected$/.test(line))).toBe(true);
  expect(lines.filter((line) => !/^ +\d/.test(line)).at(-2)).toBe("How often rare paths were taken:");
  expect(lines.at(-1)).toMatch(/^4 seeds in 2 profiles: 8 runs without a failure in \d+\.\d s, \d+\.\d a second$/);
});

test("one seed: what it was, and its trace", async () => {
  const { code, lines, files } = await run({ seeds: 1, start: 3, profiles: ["disk"], trace: "/t.json" });
  expect(code).toBe(0);
  expect(lines).toContainEqual(expect.stringMatching(/^trace hash [0-9a-f]{16}$/));
  const { version, report, events } = JSON.parse(files["/t.json"] ?? "") as {
    version: number;
    report: Report;
    events: TraceEvent[];
  };
  expect(version).toBe(1);
  expect(lines).toContain(`trace hash ${report.traceHash}`);
  expect(lines.slice(-2)).toEqual(["trace written to /t.json", "no failure"]);
  expect(new Set(events.map(({ kind }) => kind))).toEqual(new Set(["node", "world", "send", "deliver", "drop"]));
  // The diagram leaves out the beats of the election, which are many.
  const drawn = events.filter((event) => !("message" in event && event.message.startsWith("beat")));
  expect(traceFile("t.txt", report, events).split("\n")).toHaveLength(drawn.length + 2);
});

test("a failure says what broke and how to see it again", () => {
  const report = {
    seed: 18,
    profile: "disk",
    failure: { invariant: "P2c", message: "slot 3\nmore", atMs: 12.5 },
  } as Report;
  expect(describeFailure(report)).toEqual([
    "FAILED: seed 18, profile disk, at 12.500 ms of virtual time",
    "invariant: P2c",
    "  slot 3",
    "  more",
    "again: npm run sim -- --profile disk --seed 18 --trace trace.txt",
    "to see it drawn: the same with --trace trace.json; npm run playground opens that file",
  ]);
});

test("what shrinking left out is part of the command that repeats the run", () => {
  const report = { seed: 18, profile: "disk", failure: { invariant: "P2c", message: "m", atMs: 1 } } as Report;
  const text = `again: npm run sim -- --profile disk --seed 18 --reduce '{"without":[1,2]}' --trace trace.txt`;
  expect(describeFailure(report, { without: [1, 2] })).toContain(text);
});

describe("as processes of their own", () => {
  const sim = (argv: string[], env: Record<string, string>) =>
    promisify(execFile)(process.execPath, [MAIN, ...argv], { env: { ...process.env, ...env } });

  test("the same seed gives the same run in other time zones and locales", { timeout: 60_000 }, async () => {
    const places = [
      { TZ: "UTC", LANG: "C", LC_ALL: "C" },
      { TZ: "Asia/Kathmandu", LANG: "tr_TR.UTF-8", LC_ALL: "tr_TR.UTF-8" },
    ];
    const outputs = await Promise.all(places.map((env) => sim(["--profile", "swarm", "--seed", "5"], env)));
    const hashes = outputs.map(({ stdout }) => /trace hash ([0-9a-f]{16})/.exec(stdout)?.[1]);
    expect(hashes[0]).toMatch(/^[0-9a-f]{16}$/);
    expect(hashes[1]).toBe(hashes[0]);
  });

  test("on two threads: each seed once, and the same rare paths as on one", { timeout: 120_000 }, async () => {
    const argv = ["--profile", "core-short", "--seeds", "250"];
    const outputs = [];
    for (const jobs of ["1", "2"]) outputs.push((await sim([...argv, "--jobs", jobs], {})).stdout.split("\n"));
    expect(outputs[1]?.slice(0, -2)).toEqual(outputs[0]?.slice(0, -2));
    expect(outputs[1]?.at(-2)).toMatch(/^250 seeds in 1 profile: 250 runs without a failure/);
  });

  test("a trace that cannot be written is one line and code 2", async () => {
    const argv = ["--profile", "core-short", "--seed", "3", "--trace", "/no/such/folder/t.txt"];
    await expect(sim(argv, {})).rejects.toMatchObject({
      code: 2,
      stdout: expect.stringMatching(/^seed 3, profile core-short: /) as string,
      stderr: expect.stringMatching(/^The trace cannot be written to \/no\/such\/folder\/t.txt: ENOENT.*\n$/) as string,
    });
  });

  test("a bad command line is one line and code 2", async () => {
    await expect(sim(["--profile", "mild"], {})).rejects.toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^option '--profile <name>' .*\(--help lists the options\)\n$/) as string,
    });
  });
});
