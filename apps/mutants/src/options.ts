import { Command, CommanderError, InvalidArgumentError } from "commander";

export interface Options {
  /** Ids; empty for all. */
  readonly only: readonly string[];
  readonly list: boolean;
  /** Every `of`-th mutant, from the `part`-th on: for who has less time. All if null. */
  readonly part: { readonly part: number; readonly of: number } | null;
}

function partOf(text: string): Options["part"] {
  const [part = 0, of = 0] = /^\d+\/\d+$/.test(text) ? text.split("/").map(Number) : [];
  if (part >= 1 && part <= of) return { part, of };
  throw new InvalidArgumentError("It is K/N with 1 <= K <= N, such as 1/2.");
}

/**
 * Reads the command line. Null if it was only asked for help, which is printed.
 * @throws CommanderError with one line that says what is wrong.
 */
export function parseOptions(argv: readonly string[]): Options | null {
  const command = new Command("mutants")
    .description("Breaks Synod on purpose, one mistake at a time, and shows what finds it.")
    .option("--only <id...>", "these mutants alone")
    .option("--part <K/N>", "the K-th of N parts of them", partOf)
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
  const { only = [], list, part = null } = command.opts<{ only?: string[]; list: boolean; part?: Options["part"] }>();
  return { only, list, part };
}
