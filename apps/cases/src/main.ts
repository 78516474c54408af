import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { cli } from "./cli.js";

/** npm runs its scripts in the folder of the package; names of files are meant from where the user stands. */
const here = process.env["INIT_CWD"] ?? process.cwd();

function read(name: string): string {
  try {
    return readFileSync(resolve(here, name), "utf8");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new Error(`cannot be read (${code})`, { cause: error });
  }
}

process.exitCode = cli(process.argv.slice(2), { read, print: (line) => console.log(line) });
