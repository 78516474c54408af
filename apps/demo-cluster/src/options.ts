import { resolve } from "node:path";
import { Command, CommanderError, InvalidArgumentError } from "commander";
import { usage } from "./failure.js";

export interface Options {
  readonly nodes: number;
  /** Absolute; null for a temporary directory. */
  readonly data: string | null;
  /** 0 for any free port. */
  readonly port: number;
  readonly tour: boolean;
  /** Only the page, until a signal. */
  readonly page: boolean;
}

const NODES_MAX = 9;
/** A cluster of two has no majority left once its leader is gone. */
export const TOUR_NODES_MIN = 3;

const HELP_AFTER = `
Without a terminal the tour is played. On the screen, type help for the commands.`;

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

/**
 * Reads the command line. `null` if it was only asked for help, which is printed.
 * @throws Failure with one line, exit code 2
 */
export function parseOptions(
  argv: readonly string[],
  // npm runs scripts in the root of the repository; INIT_CWD is where the person stood.
  from: { readonly directory: string; readonly terminal: boolean },
): Options | null {
  const command = new Command("demo-cluster")
    .description("Replicas as real processes on TCP and files, to watch and to break.")
    .option("--nodes <number>", `replicas, 1 to ${NODES_MAX}`, wholeNumber(1, NODES_MAX), 3)
    .option("--data <directory>", "keep the data there and continue with it; default: a temporary directory")
    .option("--port <number>", "port of the page on 127.0.0.1; 0 for any free one", wholeNumber(0, 65_535), 0)
    .option("--tour", "play the told tour and end", false)
    .option("--page", "only the page and a line for each event, until Ctrl-C; needs no terminal", false)
    .addHelpText("after", HELP_AFTER)
    .showSuggestionAfterError(false)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  try {
    command.parse([...argv], { from: "user" });
  } catch (cause) {
    if (!(cause instanceof CommanderError)) throw cause;
    if (cause.exitCode === 0) return null;
    throw usage(`${cause.message.replace(/^error: /, "")} (--help lists the options)`);
  }
  const given = command.opts<{ nodes: number; data?: string; port: number; tour: boolean; page: boolean }>();
  if (given.tour && given.page) throw usage("--tour and --page exclude each other");
  const tour = given.tour || (!from.terminal && !given.page);
  if (tour && given.nodes < TOUR_NODES_MIN) {
    throw usage(`the tour kills a leader, so it needs --nodes ${TOUR_NODES_MIN} or more, not ${given.nodes}`);
  }
  if (given.data === "") throw usage("--data needs the name of a directory");
  const data = given.data === undefined ? null : resolve(from.directory, given.data);
  return { nodes: given.nodes, data, port: given.port, tour, page: given.page };
}
