// The app as people start it. Needs the build, as `npm test` makes it.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const TOUR_MS = 240_000;

interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>;
  /** Settles when the output has the text. */
  saw(text: string): Promise<void>;
}

/** The temporary directory of a run marks it: its replicas inherit the variable. */
let temporary = "";
beforeEach(async () => {
  temporary = await mkdtemp(join(tmpdir(), "synod-run-"));
});
afterEach(() => rm(temporary, { recursive: true, force: true }));

const start = (...options: string[]): Run => startWith("ignore", options);

function startWith(stdin: "ignore" | "pipe", options: readonly string[] = []): Run {
  const env = { ...process.env, TMPDIR: temporary, CI: "true", INIT_CWD: temporary };
  const child = spawn(process.execPath, [MAIN, ...options], { stdio: [stdin, "pipe", "pipe"], env });
  child.stdin?.on("error", () => {});
  const text = { out: "", err: "" };
  child.stdout?.setEncoding("utf8").on("data", (part: string) => (text.out += part));
  child.stderr?.setEncoding("utf8").on("data", (part: string) => (text.err += part));
  return {
    child,
    ended: new Promise((resolve) => child.on("close", (code) => resolve({ code, ...text }))),
    saw: (wanted) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (text.out.includes(wanted)) resolve();
        };
        child.stdout?.on("data", look);
        child.on("close", () => reject(new Error(`it ended without "${wanted}": ${text.out}${text.err}`)));
        look();
      }),
  };
}

function processesOfRun(): string[] {
  return readdirSync("/proc").filter((entry) => {
    try {
      return /^\d+$/.test(entry) && readFileSync(`/proc/${entry}/environ`, "utf8").includes(`TMPDIR=${temporary}\0`);
    } catch {
      // It ended meanwhile, or belongs to somebody else.
      return false;
    }
  });
}

async function expectNoProcess(): Promise<void> {
  if (process.platform !== "linux") return;
  await expect.poll(processesOfRun, { timeout: 30_000 }).toEqual([]);
}

describe("the tour", () => {
  it("is played without a terminal, is true, and leaves nothing behind", { timeout: TOUR_MS }, async () => {
    const { code, out, err } = await start().ended;
    expect({ code, err }, out).toEqual({ code: 0, err: "" });
    expect(out.match(/^ok {2,}\d/gm)).toHaveLength(10);
    expect(out).toMatch(/\d ms from the kill to the first acknowledged write/);
    expect(out).toMatch(/[\d,]+ acknowledged keys read back, 0 lost/);
    expect(out).toMatch(/replica 4 added and replica \d removed in \d+ ms, the longest write gap \d+ ms/);
    expect(out).toMatch(/3 replicas restarted in \d+ ms, the longest write gap \d+ ms/);
    expect(out).toMatch(/All 10 steps were true/);
    expect(readdirSync(temporary)).toEqual([]);
    await expectNoProcess();
  });

  it("keeps its data in a directory and goes on with it", { timeout: 2 * TOUR_MS }, async () => {
    const data = join(temporary, "data");
    // Relative to where the person stands, which npm tells.
    const first = start("--data", "data");
    await first.saw("a leader is elected");
    const second = await start("--data", data).ended;
    expect(second).toMatchObject({ code: 2, err: expect.stringMatching(/^demo: .*in use by another run.*\n$/) });
    first.child.kill("SIGTERM");
    expect((await first.ended).code).toBe(143);
    await expectNoProcess();
    expect(readdirSync(temporary)).toEqual(["data"]);

    const other = await start("--data", data, "--nodes", "5").ended;
    expect(other).toMatchObject({ code: 2, err: expect.stringMatching(/^demo: .*start it with --nodes 3, not 5\n$/) });
    const again = await start("--data", data).ended;
    expect(again.out).toContain("3 replicas resumed the cluster");
    expect(again.code, again.out).toBe(0);
  });
});

it("commands from a pipe are not read, which is said", { timeout: TOUR_MS }, async () => {
  const run = startWith("pipe");
  run.child.stdin?.end("status\n");
  await run.saw("Nothing is read from the pipe: without a terminal the tour is played.");
  run.child.kill("SIGTERM");
  expect((await run.ended).code).toBe(143);
});

describe("an early end", () => {
  it.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("by %s takes everything along", { timeout: TOUR_MS }, async (signal, code) => {
    const run = start();
    await run.saw("a leader is elected");
    run.child.kill(signal);
    expect((await run.ended).code).toBe(code);
    expect(readdirSync(temporary)).toEqual([]);
    await expectNoProcess();
  });

  it("by SIGKILL takes the replicas along", { timeout: TOUR_MS }, async () => {
    const run = start();
    await run.saw("a leader is elected");
    run.child.kill("SIGKILL");
    await run.ended;
    await expectNoProcess();
  });

  it("by a reader that goes away is quiet", { timeout: TOUR_MS }, async () => {
    const run = start();
    await run.saw("Page:");
    run.child.stdout?.destroy();
    const { code, err } = await run.ended;
    expect({ code, err }).toEqual({ code: 1, err: "" });
    expect(readdirSync(temporary)).toEqual([]);
    await expectNoProcess();
  });
});

describe("what cannot work", () => {
  const refused = async (options: readonly string[], text: RegExp): Promise<void> => {
    const { code, out, err } = await start(...options).ended;
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toMatch(text);
    expect(err.trimEnd()).not.toContain("\n");
    expect(readdirSync(temporary).filter((name) => name.startsWith("synod-demo"))).toEqual([]);
  };

  it("is a bad option", () => refused(["--nodes", "0"], /^demo: .*from 1 to 9/));

  it("is a directory that cannot be written", async () => {
    // Permissions do not stop root; a file in the way stops everybody.
    await writeFile(join(temporary, "file"), "");
    await refused(["--data", "file/below"], /^demo: the directory .*file\/below cannot be used \(ENOTDIR\)/);
  });

  it("is a port in use", async () => {
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    try {
      const address = server.address();
      const port = typeof address === "object" ? address?.port : 0;
      await refused(["--port", String(port)], new RegExp(`^demo: port ${port} on 127.0.0.1 is in use`));
    } finally {
      server.close();
    }
    expect(existsSync(MAIN)).toBe(true);
  });
});
