import {
  createSearch,
  diagram,
  type Model,
  multipaxosModel,
  paxosModel,
  REFERENCE_BUGS,
  referenceModel,
  type Report,
} from "@synod/explorer";
import { SynodError } from "@synod/interface";
import { type Choice, LEGEND, type Options, UsageError } from "./options.js";

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

/** A model, and what to say about the state in which a rule is broken; null for nothing. */
interface Explored<State, Action> {
  readonly model: Model<State, Action>;
  readonly conclude: (state: State) => string | null;
}

function nameOf(choice: Choice): string {
  if (choice.model === "multipaxos") return `multipaxos, scenario ${choice.scenario}`;
  const bug = choice.model === "reference" ? (choice.options.bug ?? null) : null;
  return bug === null ? choice.model : `${choice.model}, ${bug}: ${REFERENCE_BUGS[bug]}`;
}

function describeReport<State, Action>(
  choice: Choice,
  { model, conclude }: Explored<State, Action>,
  report: Report<State, Action>,
): string[] {
  const { verdict, violation, path } = report;
  const lines = [
    `model:     ${nameOf(choice)}`,
    `distinct:  ${report.states} states`,
    `generated: ${report.generated} states`,
    `depth:     ${report.depth}`,
    `verdict:   ${verdict === "violated" ? `violated: ${violation}` : verdict}`,
  ];
  if (verdict === "unfinished")
    lines.push(`open:      ${report.open} states were not followed; --states sets the limit`);
  if (path === null) return lines;
  const conclusion = conclude(path.states.at(-1) as State);
  return [
    ...lines,
    "",
    `Shortest counterexample, ${path.actions.length} actions:`,
    "",
    ...diagram(model, path),
    "",
    `(${LEGEND})`,
    ...(conclusion === null ? [] : [`${conclusion}.`]),
  ];
}

function search<State, Action>(
  choice: Choice,
  explored: Explored<State, Action>,
  statesMax: number,
  host: Host,
): number {
  const searching = createSearch(explored.model, { statesMax });
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
    for (const line of describeReport(choice, explored, report)) host.print(line);
    return EXIT_CODES[report.verdict];
  }
}

function explore(choice: Choice, statesMax: number, host: Host): number {
  const conclude = (): null => null;
  switch (choice.model) {
    case "reference":
      return search(choice, { model: referenceModel(choice.options), conclude }, statesMax, host);
    case "paxos": {
      const model = paxosModel(choice.options);
      return search(choice, { model, conclude: (state) => model.contradiction(state) }, statesMax, host);
    }
    case "multipaxos":
      return search(choice, { model: multipaxosModel(choice.options), conclude }, statesMax, host);
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
