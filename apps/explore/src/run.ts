import {
  createSearch,
  diagram,
  type Model,
  multipaxosModel,
  paxosModel,
  referenceModel,
  type Report,
} from "@synod/explorer";
import { SynodError } from "@synod/interface";
import { type Choice, type Options, UsageError } from "./options.js";

export interface Host {
  /** One line of the result. */
  print(line: string): void;
  /** A line that the next one replaces, where that is possible. */
  progress(line: string): void;
  /** Real milliseconds, for the speed alone. */
  now(): number;
}

const EXIT_CODES = { holds: 0, found: 0, violated: 1, unfinished: 3 } as const;
const SLICE = 2000;

function describeReport<State, Action>(
  choice: Choice,
  model: Model<State, Action>,
  report: Report<State, Action>,
): string[] {
  const { verdict, violation, path } = report;
  const name = choice.model === "multipaxos" ? `${choice.model}, scenario ${choice.scenario}` : choice.model;
  const lines = [
    `model:     ${name}`,
    `distinct:  ${report.states} states`,
    `generated: ${report.generated} states`,
    `depth:     ${report.depth}`,
    `verdict:   ${verdict === "violated" ? `violated: ${violation}` : verdict}`,
  ];
  if (verdict === "unfinished")
    lines.push(`open:      ${report.open} states were not followed; --states sets the limit`);
  if (path === null) return lines;
  return [...lines, "", `Shortest counterexample, ${path.actions.length} actions:`, "", ...diagram(model, path)];
}

function search<State, Action>(choice: Choice, model: Model<State, Action>, statesMax: number, host: Host): number {
  const searching = createSearch(model, { statesMax });
  const startedMs = host.now();
  for (;;) {
    const report = searching.run(SLICE);
    if (report.verdict === "unfinished" && report.states < statesMax) {
      const perSecond = report.states / Math.max(0.001, (host.now() - startedMs) / 1000);
      host.progress(
        `${report.states} states, depth ${report.depth}, ${report.open} open, ${perSecond.toFixed(0)} a second`,
      );
      continue;
    }
    for (const line of describeReport(choice, model, report)) host.print(line);
    return EXIT_CODES[report.verdict];
  }
}

function explore(choice: Choice, statesMax: number, host: Host): number {
  switch (choice.model) {
    case "reference":
      return search(choice, referenceModel(choice.options), statesMax, host);
    case "paxos":
      return search(choice, paxosModel(choice.options), statesMax, host);
    case "multipaxos":
      return search(choice, multipaxosModel(choice.options), statesMax, host);
  }
}

/**
 * Explores, and prints the result. Returns the exit code.
 * @throws UsageError for sizes that the model refuses.
 */
export function run({ choice, statesMax }: Options, host: Host): number {
  try {
    return explore(choice, statesMax, host);
  } catch (error) {
    const isUsage = error instanceof SynodError && /^Invalid(Argument|Configuration)$/.test(error.code);
    throw isUsage ? new UsageError(error.message) : error;
  }
}
