import { resolve } from "node:path";
import { type Profile, PROFILES } from "@synod/simulator";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";

export interface Options {
  readonly seeds: number;
  readonly start: number;
  /** Taken in turn. */
  readonly profiles: readonly Profile[];
  /** Absolute; null for none. */
  readonly trace: string | null;
}

function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= min) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min}.`);
  };
}

const HELP_AFTER = `
Each seed is run once in each profile. The exit code is 1 if a run breaks an invariant, 2 for a bad command line.
A trace is JSON, or a space-time diagram if its name ends in .txt.`;

/**
 * Reads the command line. Null if it was only asked for help, which is printed.
 * @throws CommanderError with one line that says what is wrong.
 */
export function parseOptions(argv: readonly string[], directory: string): Options | null {
  const command = new Command("sim")
    .description("Runs whole clusters in virtual time, one for each seed, and checks that nothing breaks.")
    .option("--seeds <number>", "how many seeds", wholeNumber(1), 100)
    .option("--start <seed>", "the first seed", wholeNumber(0), 1)
    .addOption(new Option("--profile <name>", "what fails; default: each in turn").choices(PROFILES))
    .option("--seed <seed>", "this seed alone", wholeNumber(0))
    .option("--trace <file>", "write all events of the run; needs --seed and --profile")
    .addHelpText("after", HELP_AFTER)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  try {
    command.parse([...argv], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return null;
    throw error;
  }
  const given = command.opts<{ seeds: number; start: number; profile?: Profile; seed?: number; trace?: string }>();
  if (given.trace !== undefined && (given.seed === undefined || given.profile === undefined)) {
    command.error("error: --trace needs --seed and --profile: it is the trace of one run");
  }
  return {
    seeds: given.seed === undefined ? given.seeds : 1,
    start: given.seed ?? given.start,
    profiles: given.profile === undefined ? PROFILES : [given.profile],
    trace: given.trace === undefined ? null : resolve(directory, given.trace),
  };
}
