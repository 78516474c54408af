import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { CommanderError } from "commander";
import { measureCore } from "./bench.js";
import { type Options, parseOptions } from "./options.js";
import { type Host, runAll } from "./run.js";
import { onThreads, serveThread } from "./threads.js";

/** The bar is drawn on a terminal, in place; elsewhere a line from time to time is enough. */
const terminal = process.stderr.isTTY === true;
let lastProgressMs = 0;

/** What the user named cannot be written. */
class UnwritableError extends Error {}

const host: Host = {
  print(line) {
    if (terminal) process.stderr.write("\r\u001b[K");
    console.log(line);
  },
  progress(line) {
    const everyMs = terminal ? 100 : 30_000;
    const nowMs = performance.now();
    if (nowMs - lastProgressMs < everyMs) return;
    lastProgressMs = nowMs;
    process.stderr.write(terminal ? `\r\u001b[K${line}` : `${line}\n`);
  },
  write(file, text) {
    try {
      writeFileSync(file, text);
    } catch (error) {
      throw new UnwritableError(`The trace cannot be written to ${file}: ${(error as Error).message}`);
    }
  },
  now: () => performance.now(),
  threads: (threads, work, onResult) => onThreads(fileURLToPath(import.meta.url), threads, work, onResult),
};

/** npm runs its scripts in the folder of the package; names of files are meant from where the user stands. */
const directory = process.env["INIT_CWD"] ?? process.cwd();

function read(): Options | null | undefined {
  try {
    return parseOptions(process.argv.slice(2), directory);
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    console.error(`${error.message.replace(/^error: /, "")} (--help lists the options)`);
    return undefined;
  }
}

const BENCH_STARTS = "Measures one core on short schedules of the bare core, for some seconds ...";

function main(): void {
  const options = read();
  if (options === undefined) process.exitCode = 2;
  else if (options?.bench === true) {
    console.log(BENCH_STARTS);
    measureCore();
  } else if (options !== null) {
    runAll(options, host).then(
      (code) => {
        process.exitCode = code;
      },
      (error: unknown) => {
        const isUsage = error instanceof UnwritableError;
        console.error(isUsage ? error.message : error);
        process.exitCode = isUsage ? 2 : 1;
      },
    );
  }
}

if (!serveThread()) main();
