import { Command, CommanderError } from "commander";

export interface Options {
  /** Ids; empty for all. */
  readonly only: readonly string[];
  readonly list: boolean;
}

/**
 * Reads the command line. Null if it was only asked for help, which is printed.
 * @throws CommanderError with one line that says what is wrong.
 */
export function parseOptions(argv: readonly string[]): Options | null {
  const command = new Command("mutants")
    .description("Breaks Synod on purpose, one mistake at a time, and shows what finds it.")
    .option("--only <id...>", "these mutants alone")
    .option("--list", "only names them", false)
    .addHelpText(
      "after",
      "\nThe exit code is 1 if a mutant survives, a patch is stale or a control is not as expected.",
    )
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  try {
    command.parse([...argv], { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return null;
    throw error;
  }
  const { only = [], list } = command.opts<{ only?: string[]; list: boolean }>();
  return { only, list };
}
