import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import type { Reduction } from "@synod/simulator";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { GROUPS, type ProfileName, PROFILE_NAMES } from "./tasks.js";

export interface Options {
  readonly seeds: number;
  readonly start: number;
  /** Taken in turn. */
  readonly profiles: readonly ProfileName[];
  /** Absolute; null for none. */
  readonly trace: string | null;
  /** Runs at a time, each on a thread of its own. */
  readonly jobs: number;
  /** Looks for a smaller run that fails in the same way. */
  readonly shrink: boolean;
  readonly reduce: Reduction;
  /** Measures the speed of the bare core instead. */
  readonly bench: boolean;
}

function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isSafeInteger(value) && value >= min) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min}.`);
  };
}

function reduction(text: string): Reduction {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch {
    // The same answer as for JSON of another shape.
  }
  throw new InvalidArgumentError("It must be the JSON object that --shrink printed.");
}

interface Given {
  readonly seeds?: number;
  readonly start?: number;
  readonly profile?: ProfileName | keyof typeof GROUPS;
  readonly seed?: number;
  readonly trace?: string;
  readonly jobs?: number;
  readonly shrink?: boolean;
  readonly reduce?: Reduction;
  readonly bench?: boolean;
}

const SEEDS = 100;

/** What is wrong with options that are fine one by one; null if nothing is. */
function contradictionIn(given: Given): string | null {
  const { profile, seed } = given;
  const other = Object.keys(given).find((name) => name !== "bench");
  if (given.bench === true && other !== undefined)
    return `--bench takes no other option, so --${other} would do nothing`;
  for (const name of ["seeds", "start"] as const) {
    if (seed !== undefined && given[name] !== undefined) return `--seed is one seed alone: leave out --${name}`;
  }
  const about = (["trace", "shrink", "reduce"] as const).find((name) => given[name] !== undefined);
  if (about === undefined) return null;
  if (profile === undefined || seed === undefined) return `--${about} needs --seed and --profile: it is about one run`;
  if (!(profile in GROUPS)) return null;
  const names = GROUPS[profile as keyof typeof GROUPS].join(", ");
  return `--${about} needs one profile, not a group: instead of ${profile} name one of ${names}`;
}

const HELP_AFTER = `
Each seed is run once in each profile; "nodes" stands for those of whole nodes, "core" for those of the bare core. The exit code is 1 if a run breaks an invariant, 2 for a bad command line.
A trace is JSON, or a space-time diagram if its name ends in .txt.`;

/**
 * Reads the command line. Null if it was only asked for help, which is printed.
 * @throws CommanderError with one line that says what is wrong.
 */
export function parseOptions(argv: readonly string[], directory: string): Options | null {
  const command = new Command("sim")
    .description("Runs whole clusters in virtual time, one for each seed, and checks that nothing breaks.")
    .option("--seeds <number>", `how many seeds; default: ${SEEDS}`, wholeNumber(1))
    .option("--start <seed>", "the first seed; default: 1", wholeNumber(0))
    .addOption(
      new Option("--profile <name>", "what fails; default: each in turn").choices([
        ...PROFILE_NAMES,
        ...Object.keys(GROUPS),
      ]),
    )
    .option("--seed <seed>", "this seed alone", wholeNumber(0))
    .option("--trace <file>", "write all events of the run; needs --seed and --profile")
    .option("--jobs <number>", "runs at a time; default: one for each core", wholeNumber(1))
    .option("--shrink", "look for a smaller run that fails as well; needs --seed and --profile")
    .option("--reduce <json>", "leave out what --shrink found superfluous; needs --seed and --profile", reduction)
    .option("--bench", "measure how many schedules of the bare core a minute one core can do; takes no other option")
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
  const given = command.opts<Given>();
  const contradiction = contradictionIn(given);
  if (contradiction !== null) command.error(`error: ${contradiction}`);
  const { profile } = given;
  const profiles =
    profile === undefined
      ? PROFILE_NAMES
      : profile in GROUPS
        ? GROUPS[profile as keyof typeof GROUPS]
        : [profile as ProfileName];
  const one = given.seed !== undefined && profiles.length === 1;
  return {
    seeds: given.seed === undefined ? (given.seeds ?? SEEDS) : 1,
    start: given.seed ?? given.start ?? 1,
    profiles,
    trace: given.trace === undefined ? null : resolve(directory, given.trace),
    jobs: given.jobs ?? (one ? 1 : availableParallelism()),
    shrink: given.shrink ?? false,
    reduce: given.reduce ?? {},
    bench: given.bench ?? false,
  };
}
