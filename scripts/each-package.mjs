// Runs a command in the folder of each published package, two at a time; shows the output of those that fail.
import { publishedApps, publishedPackages, run } from "./workspace.mjs";

const [command, ...args] = process.argv.slice(2);
// Nobody imports an app, so there are no types to look at.
const waiting = command === "attw" ? [...publishedPackages] : [...publishedPackages, ...publishedApps];
let failed = 0;

async function worker() {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const { code, output } = await run(command, args, { cwd: next.dir });
    console.log(`${code === 0 ? "ok  " : "FAIL"} ${command} ${next.manifest.name}`);
    if (code !== 0) {
      console.log(output);
      failed += 1;
    }
  }
}

await Promise.all([worker(), worker()]);
process.exitCode = failed === 0 ? 0 : 1;
