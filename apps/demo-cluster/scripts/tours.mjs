// Plays the tour many times over, each with its own cluster: `node scripts/tours.mjs 20`. Needs a build.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../dist/main.js", import.meta.url));
const count = Number(process.argv[2] ?? 20);
const options = process.argv.slice(3);

function play() {
  return new Promise((resolve) => {
    const startedMs = performance.now();
    const child = spawn(process.execPath, [MAIN, "--tour", ...options], { stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (part) => (text += part));
    child.on("close", (code) => resolve({ code, text, seconds: (performance.now() - startedMs) / 1000 }));
  });
}

const failovers = [];
const gaps = { change: [], restart: [] };
let failed = 0;
for (let i = 1; i <= count; i++) {
  const { code, text, seconds } = await play();
  const away = /(\d+) ms from the kill/.exec(text)?.[1];
  const [change, restart] = [...text.matchAll(/longest write gap (\d+) ms/g)].map(([, gap]) => Number(gap));
  if (change !== undefined) gaps.change.push(change);
  if (restart !== undefined) gaps.restart.push(restart);
  const keys = /([\d,]+) acknowledged keys read back, 0 lost/.exec(text)?.[1];
  if (away !== undefined) failovers.push(Number(away));
  console.log(
    `${String(i).padStart(3)}  exit ${code}  ${seconds.toFixed(1)} s  ${away ?? "?"} ms away  gaps ${change ?? "?"} ms, ${restart ?? "?"} ms  ${keys ?? "?"} keys read back`,
  );
  if (code !== 0) {
    failed++;
    console.log(text);
  }
}
function summary(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return `median ${sorted[Math.floor(sorted.length / 2)]} ms, longest ${sorted.at(-1)} ms`;
}

console.log(`${count - failed} of ${count} tours were true; away after the kill: ${summary(failovers)}`);
console.log(`longest write gap: change of members: ${summary(gaps.change)}; rolling restart: ${summary(gaps.restart)}`);
process.exitCode = failed === 0 ? 0 : 1;
