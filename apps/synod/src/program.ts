import { isUtf8 } from "node:buffer";
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { addBench } from "./commands/bench.js";
import { addCert } from "./commands/cert.js";
import { addCompletion } from "./commands/completion.js";
import { addDoctor } from "./commands/doctor.js";
import { addDump } from "./commands/dump.js";
import { addHealth } from "./commands/health.js";
import { addInit } from "./commands/init.js";
import { addKeyValue } from "./commands/kv.js";
import { addLeader } from "./commands/leader.js";
import { addElect, addLock } from "./commands/lock.js";
import { addLease } from "./commands/lease.js";
import { addMember } from "./commands/member.js";
import { addTransaction } from "./commands/txn.js";
import { addSnapshot } from "./commands/snapshot.js";
import { addStart } from "./commands/start.js";
import { addStatus } from "./commands/status.js";
import { CliError, EXIT_CODES, endWith, exitOf } from "./exit-codes.js";
import { printFailure } from "./output.js";
import { VERSION } from "./version.js";

/** All commands. Nothing runs before `parseAsync`. */
export function buildProgram(): Command {
  const program = new Command("synod")
    .description("A small consistent store with locks, leases and elections: its daemon and its command line.")
    .version(VERSION)
    .showHelpAfterError("(synod --help tells more)")
    .enablePositionalOptions()
    .addHelpText("after", `\nExit codes:\n${exitCodeHelp()}`);
  const groups = [
    [addInit, addStart],
    [addKeyValue, addTransaction, addLock, addElect, addLease],
    [addStatus, addHealth, addMember, addLeader, addSnapshot],
    [addDump, addDoctor, addBench, addCert, addCompletion],
  ];
  for (const add of groups.flat()) add(program);
  // Set last, and on each: a command takes over what its parent had when it was added.
  for (const command of [program, ...allOf(program)]) command.exitOverride();
  return program;
}

export function allOf(command: Command): Command[] {
  return command.commands.flatMap((one) => [one, ...allOf(one)]);
}

function exitCodeHelp(): string {
  return Object.values(EXIT_CODES)
    .map(({ code, meaning }) => `  ${String(code).padStart(3)}  ${meaning.replaceAll("`", "")}`)
    .join("\n");
}

/** They do something that must not end because nobody reads what they print. */
const GOES_ON = new Set(["start", "lock", "elect"]);

/** `synod range | head -1`: whoever reads has seen enough. What goes on does so also where a line cannot be written for another reason. */
export function endUnread(args: readonly string[]): void {
  const [command = ""] = args;
  const goesOn = GOES_ON.has(command) && !ownOf(args).includes("--observe");
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (goesOn) return;
      if (error.code === "EPIPE") process.exit(EXIT_CODES.unread.code);
      // A file on a disk that is full. Nobody hears of it where that is the error stream.
      if (stream === process.stdout) printFailure(error, ownOf(args).includes("--json"));
      process.exit(EXIT_CODES.failed.code);
    });
  }
}

/** What stands behind `--` belongs to another program. */
const ownOf = (args: readonly string[]): readonly string[] =>
  args.includes("--") ? args.slice(0, args.indexOf("--")) : args;

/**
 * Node.js puts U+FFFD in the place of bytes that are no UTF-8: different keys would become one, and a command would be run with another argument.
 * @throws CliError where the system shows the bytes themselves
 */
function checkText(args: readonly string[]): void {
  const at = args.findIndex((text) => text.includes("\ufffd"));
  if (at < 0 || process.platform !== "linux") return;
  try {
    if (isUtf8(readFileSync("/proc/self/cmdline"))) return;
  } catch {
    // There are machines that show no processes.
    return;
  }
  const text = `argument ${at + 1} is not UTF-8, and would be taken for another one: a value can be given on standard input`;
  throw new CliError("usage", text);
}

const NAMED_FIRST = new Set(["lock", "elect"]);

/**
 * `synod lock -- ./report.sh`: the command would be taken for the name, and never be run.
 * @throws CliError
 */
function checkNameFirst(action: Command, args: readonly string[]): void {
  const [name = "", ...command] = action.args;
  if (!NAMED_FIRST.has(action.name()) || !args.includes("--") || ownOf(args).includes(name)) return;
  // Which can be told from a flag in no other way.
  if (name.startsWith("-")) return;
  const meant = ["synod", action.name(), "NAME", "--", name, ...command].join(" ");
  throw new CliError("usage", `the name is missing: it stands before --, as in ${meant}`);
}

/** Runs one command line and sets the exit code; what is still open then keeps the process alive. */
export async function run(args: readonly string[]): Promise<void> {
  const json = ownOf(args).includes("--json");
  const program = buildProgram();
  // What it says for people is said for programs below.
  if (json) for (const command of [program, ...allOf(program)]) command.configureOutput({ writeErr: () => {} });
  program.hook("preAction", (_, action) => checkNameFirst(action, args));
  try {
    checkText(args);
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      if (json && error.exitCode !== 0)
        printFailure(new CliError("usage", error.message.replace(/^error: /, "")), json);
      endWith(error.exitCode === 0 ? "done" : "usage");
      return;
    }
    printFailure(error, json);
    endWith(exitOf(error));
  }
}
