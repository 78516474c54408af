// Everything that CI runs, as steps: shows each step's output, then which passed, and ends with `N passed, N failed`.
// The count is of the tests of Vitest, those in a browser among them, plus one for each further step. Without a browser (Debian's
// package chromium, or CHROMIUM=/path/to/one) the steps that need one are skipped, which it says and counts.
//   --skip-test  without `npm test` (when it has just run)
//   --ci         in a fresh clone: also plays the demo's tour and checks that nothing was left behind in the work tree
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { CHROMIUM } from "./browser.mjs";
import { run } from "./workspace.mjs";

const flags = new Set(process.argv.slice(2));
const skipTest = flags.has("--skip-test");
const npm = (name, script = name) => ({ name, command: "npm", args: ["run", "--silent", script] });

const commits = () => Number(execFileSync("git", ["rev-list", "--count", "HEAD"], { encoding: "utf8" }));

const steps = [
  ...(skipTest ? [npm("build"), npm("lint")] : [npm("test")]),
  npm("format", "format:check"),
  npm("knip"),
  npm("lockfile", "lockfile:check"),
  npm("publint"),
  npm("attw"),
  npm("size"),
  // An array: two at a time, as each is one thread.
  [npm("pack", "pack-test"), npm("api docs", "docs:api")],
  { ...npm("playground in a browser", "playground:test"), browser: true },
  { ...npm("page of the demo in a browser", "demo:test"), browser: true },
];
if (flags.has("--ci")) {
  const explore = (name, ...args) => ({ name, command: "node", args: ["apps/explore/dist/main.js", ...args] });
  const long = (name, script, ...args) => ({ name, command: "npm", args: ["run", "--silent", script, "--", ...args] });
  steps.push(
    // 8,000 runs that `npm test` has not seen: 240 of whole nodes, the rest of the core, most of them short.
    long("simulate nodes", "sim", "--profile", "nodes", "--start", "1000", "--seeds", "60"),
    long("simulate core", "sim", "--profile", "core", "--start", "1000", "--seeds", "350"),
    long("simulate core, short", "sim", "--profile", "core-short", "--start", "10000", "--seeds", "5700"),
    long("speed of the core", "sim", "--bench"),
    [
      explore("explore paxos", "--starts", "4", "--crashes", "0"),
      explore("explore paxos, three proposers", "--proposers", "3", "--crashes", "0"),
      ...["gaps", "rival", "restart", "slowDisk", "late", "twice"].map((scenario) =>
        explore(`explore multipaxos: ${scenario}`, "--model", "multipaxos", "--scenario", scenario),
      ),
    ],
    // An eighth of the mutants, the next eighth at the next commit: all of them take a quarter of an hour.
    long("mutants", "mutants", "--part", `${(commits() % 8) + 1}/8`),
  );
  steps.push(npm("demo"), { name: "clean", command: "git", args: ["status", "--porcelain"] });
}

const total = { passed: 0, failed: 0, skipped: 0 };
const summary = [];

/** Runs one step and takes it into the summary. With `show` its output is shown while it comes, else once it has ended. */
async function take({ name, command, args, browser: needsBrowser }, show) {
  if (show) console.log(`\n=== ${name}`);
  if (needsBrowser && !existsSync(CHROMIUM)) {
    console.log(`There is no browser at ${CHROMIUM}: skipped.`);
    summary.push(`skip ${name}: there is no browser at ${CHROMIUM}`);
    total.skipped++;
    return;
  }
  const started = Date.now();
  const { code, output } = await run(command, args, { show });
  if (!show) console.log(`\n=== ${name}\n${output}`);
  const ok = code === 0 && !(name === "clean" && output !== "");
  const hasCount = name === "test" || name === "playground in a browser";
  const count = hasCount ? countOfTests(output, ok) : { passed: Number(ok), failed: Number(!ok), skipped: 0 };
  for (const key of Object.keys(total)) total[key] += count[key];
  summary.push(`${ok ? "ok  " : "FAIL"} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  // Where only the end of the output is kept, this is all that tells what went wrong.
  if (!ok) summary.push(...whyOf(output).map((line) => `       ${line}`));
}

for (const step of steps) {
  if (!Array.isArray(step)) await take(step, true);
  else {
    const waiting = [...step];
    const work = async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await take(next, false);
    };
    await Promise.all([work(), work()]);
  }
}

/** The failures that the tests name at their end; of other steps, or if the run broke, the last lines. */
function whyOf(output) {
  const lines = output.split(/\r?\n/).filter((line) => line.trim() !== "");
  const named = lines.filter((line) => line.startsWith("failed: "));
  return (named.length > 0 ? named.slice(0, 20) : lines.slice(-10)).map((line) => line.slice(0, 300));
}

/** The counting line at the end of a test run; without one (the build broke, say) the run is one failure. */
function countOfTests(output, ok) {
  const line = [...output.matchAll(/^(\d+) passed, (\d+) failed, (\d+) skipped\r?$/gm)].at(-1);
  const [passed, failed, skipped] = line ? line.slice(1).map(Number) : [0, 0, 0];
  return { passed, failed: ok ? failed : Math.max(failed, 1), skipped };
}

console.log(`\n=== summary\n${summary.join("\n")}\n`);
console.log(`${total.passed} passed, ${total.failed} failed${total.skipped > 0 ? `, ${total.skipped} skipped` : ""}`);
process.exitCode = total.failed === 0 ? 0 : 1;
