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
let failed = 0;
for (let i = 1; i <= count; i++) {
  const { code, text, seconds } = await play();
  const away = /(\d+) ms from the kill/.exec(text)?.[1];
  const keys = /([\d,]+) acknowledged keys read back, 0 lost/.exec(text)?.[1];
  if (away !== undefined) failovers.push(Number(away));
  console.log(
    `${String(i).padStart(3)}  exit ${code}  ${seconds.toFixed(1)} s  ${away ?? "?"} ms away  ${keys ?? "?"} keys read back`,
  );
  if (code !== 0) {
    failed++;
    console.log(text);
  }
}
failovers.sort((a, b) => a - b);
const median = failovers[Math.floor(failovers.length / 2)];
console.log(
  `${count - failed} of ${count} tours were true; away after the kill: median ${median} ms, longest ${failovers.at(-1)} ms`,
);
process.exitCode = failed === 0 ? 0 : 1;
