import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundle, type Entry } from "./bundle.js";
import type { Finding } from "./children/child.js";
import type { Mutant, Patch, UnitFinder } from "./mutant.js";
import { patchedSources, StalePatch } from "./patch.js";
import { ROOT, SOURCES } from "./root.js";

/** Far above what any finder needs: only a mutant that hangs comes here. */
const TIME_LIMIT_MS = 300_000;

/** What became of one mutant, or of one control. */
export type Outcome =
  | { readonly kind: "found" | "survived"; readonly finding: Finding; readonly ms: number }
  /** The child ended without a word, or was ended. */
  | { readonly kind: "crash" | "timeout"; readonly saw: string; readonly ms: number }
  | { readonly kind: "stale"; readonly saw: string };

interface Ended {
  readonly code: number | null;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Ends what is left of the group of a child. */
function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody is left.
  }
}

function runNode(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--max-old-space-size=1500", ...args], {
      cwd: ROOT,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      // A group of its own: a mutant may leave processes behind that its test started.
      detached: true,
    });
    let [stdout, stderr, timedOut] = ["", "", false];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup(child.pid);
    }, TIME_LIMIT_MS);
    child.on("error", reject);
    child.on("exit", () => endGroup(child.pid));
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, timedOut, stdout, stderr });
    });
  });
}

const lastLines = (text: string): string => text.trim().split("\n").slice(-3).join(" ").slice(0, 300);

async function inDirectory<T>(action: (directory: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), "synod-mutant-"));
  try {
    return await action(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Runs one child on the patched sources. @throws StalePatch */
export function runEntry(entry: Entry, patches: readonly Patch[], job: unknown): Promise<Outcome> {
  return inDirectory(async (directory) => {
    const outfile = join(directory, "child.mjs");
    await bundle(entry, patches, outfile);
    const started = performance.now();
    const { timedOut, code, stdout, stderr } = await runNode([outfile, JSON.stringify(job)]);
    const ms = performance.now() - started;
    if (timedOut) return { kind: "timeout", saw: `no end within ${TIME_LIMIT_MS / 1000} s`, ms };
    if (code !== 0) return { kind: "crash", saw: lastLines(stderr), ms };
    const finding = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Finding;
    return { kind: finding.found ? "found" : "survived", finding, ms };
  });
}

interface TestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly failureMessages: readonly string[] }[];
  }[];
}

/** Runs one named test with the patches applied by a plugin of the test runner. */
function runUnit({ file, test }: UnitFinder, patches: readonly Patch[]): Promise<Outcome> {
  return inDirectory(async (directory) => {
    const report = join(directory, "report.json");
    const args = [
      join(ROOT, "node_modules/vitest/vitest.mjs"),
      "run",
      join(ROOT, file),
      `--config=${join(SOURCES, "vitest.mutant.config.ts")}`,
      `--testNamePattern=${test.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`,
      "--reporter=json",
      `--outputFile=${report}`,
    ];
    const started = performance.now();
    const { timedOut, stderr } = await runNode(args, { SYNOD_MUTANT: JSON.stringify({ file, patches }) });
    const ms = performance.now() - started;
    if (timedOut) return { kind: "timeout", saw: `no end within ${TIME_LIMIT_MS / 1000} s`, ms };
    return judgeTests(readReport(report), { test, ms, stderr });
  });
}

function readReport(file: string): TestReport | null {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as TestReport;
  } catch {
    return null;
  }
}

function judgeTests(report: TestReport | null, run: { test: string; ms: number; stderr: string }): Outcome {
  const { test, ms } = run;
  if (report === null) return { kind: "crash", saw: lastLines(run.stderr), ms };
  const { numPassedTests, numFailedTests } = report;
  const looked = numPassedTests + numFailedTests;
  if (looked === 0) {
    const message = report.testResults.map((result) => result.message).join(" ");
    if (message !== "") return { kind: "crash", saw: lastLines(message), ms };
    return { kind: "stale", saw: `there is no test named "${test}"` };
  }
  const failures = report.testResults.flatMap((file) => file.assertionResults.flatMap((each) => each.failureMessages));
  const saw = failures[0]?.split("\n")[0] ?? "";
  return {
    kind: numFailedTests > 0 ? "found" : "survived",
    finding: { found: numFailedTests > 0, looked, unit: "tests", saw },
    ms,
  };
}

/** Applies the mutant and lets its finder look. */
export async function runMutant({ finder, patches }: Mutant): Promise<Outcome> {
  try {
    if (finder.kind !== "unit") return await runEntry(finder.kind, patches, finder);
    patchedSources(patches);
    return await runUnit(finder, patches);
  } catch (error) {
    if (error instanceof StalePatch) return { kind: "stale", saw: error.message };
    throw error;
  }
}
