import { Command, CommanderError, InvalidArgumentError } from "commander";

export interface Options {
  readonly seconds: number;
  readonly seed: number;
  readonly nodes: number;
  /** Names of faults; empty: all of them. */
  readonly only: readonly string[];
  /** Leaders answer reads on their own while they have a lease. */
  readonly leases: boolean;
  readonly json: boolean;
  readonly keep: boolean;
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/** How long and which, if the command line does not say so: SYNOD_FAULTS_SECONDS, SYNOD_FAULTS_SEED. */
export function parseOptions(
  argv: readonly string[],
  known: readonly string[],
  env: NodeJS.ProcessEnv,
): Options | null {
  const names = (text: string): string[] => {
    const list = text.split(",").map((name) => name.trim());
    const wrong = list.find((name) => !known.includes(name));
    if (wrong === undefined) return list;
    throw new InvalidArgumentError(`There is no fault "${wrong}"; there are: ${known.join(", ")}.`);
  };
  const command = new Command("faults")
    .description(
      "Runs a cluster of real processes with clients and lock holders, makes faults of processes, network and disks, and checks what everybody saw.",
    )
    .option("--seconds <number>", "how long faults go on; default: 60, or SYNOD_FAULTS_SECONDS", wholeNumber(1, 1e6))
    .option("--seed <number>", "which faults, in which order; default: 1, or SYNOD_FAULTS_SEED", wholeNumber(0, 1e9))
    .option("--nodes <number>", "how many; default: 3", wholeNumber(3, 9))
    .option("--only <faults>", "these alone, names with commas between them", names)
    .option("--leases", "leaders answer reads on their own while they have a lease")
    .option("--json", "print the report as JSON, for programs")
    .option("--keep", "keep data and logs of the nodes, as after a failure")
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  try {
    command.parse([...argv], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return null;
    throw error;
  }
  const given = command.opts<Partial<Options>>();
  const ofEnv = (name: string, otherwise: number): number => {
    const text = env[name];
    return text === undefined ? otherwise : wholeNumber(0, 1e9)(text);
  };
  return {
    seconds: given.seconds ?? ofEnv("SYNOD_FAULTS_SECONDS", 60),
    seed: given.seed ?? ofEnv("SYNOD_FAULTS_SEED", 1),
    nodes: given.nodes ?? 3,
    only: given.only ?? [],
    leases: given.leases ?? false,
    json: given.json ?? false,
    keep: given.keep ?? false,
  };
}
