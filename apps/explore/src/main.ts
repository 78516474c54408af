import { HELP, parseOptions, UsageError } from "./options.js";
import { type Host, run } from "./run.js";

/** On a terminal the progress is drawn in place; elsewhere a line from time to time is enough. */
const terminal = process.stderr.isTTY === true;
let lastProgressMs = performance.now();

const host: Host = {
  print(line) {
    if (terminal) process.stderr.write("\r\u001b[K");
    console.log(line);
  },
  progress(line) {
    const nowMs = performance.now();
    if (nowMs - lastProgressMs < (terminal ? 100 : 10_000)) return;
    lastProgressMs = nowMs;
    process.stderr.write(terminal ? `\r\u001b[K${line}` : `${line}\n`);
  },
  now: () => performance.now(),
};

try {
  const options = parseOptions(process.argv.slice(2));
  if (options === null) console.log(HELP);
  else process.exitCode = run(options, host);
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
