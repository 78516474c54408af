import { CommanderError } from "commander";
import { MUTANTS } from "./mutants/index.js";
import { type Options, parseOptions } from "./options.js";
import { runAll } from "./run-all.js";

/** The last line is drawn over on a terminal; elsewhere each is a line of its own. */
const terminal = process.stderr.isTTY === true;

function progress(line: string): void {
  process.stderr.write(terminal ? `\r\u001b[K${line}` : `${line}\n`);
}

function print(line: string): void {
  if (terminal) process.stderr.write("\r\u001b[K");
  console.log(line);
}

function read(): Options | null | undefined {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    console.error(`${error.message.replace(/^error: /, "")} (--help lists the options)`);
    return undefined;
  }
}

const options = read();
if (options === undefined) process.exitCode = 2;
else if (options !== null) {
  runAll(MUTANTS, options, { print, progress, now: () => performance.now() }).then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      console.error(error);
      process.exitCode = 1;
    },
  );
}
