import { type Control, controls } from "./controls.js";
import type { Mutant } from "./mutant.js";
import type { Options } from "./options.js";
import { pool } from "./pool.js";
import { type Outcome, runMutant } from "./run-mutant.js";
import { classesOf, controlRow, isAsExpected, isFound, listRow, mutantRow, table } from "./table.js";

export interface Host {
  /** One line of the result. */
  print(line: string): void;
  /** One line that says how far it is. */
  progress(line: string): void;
  /** Real milliseconds. */
  now(): number;
}

/** Each finder is one busy process; there may be other work on the machine. */
const AT_A_TIME = 2;

type Job =
  | { readonly kind: "mutant"; readonly mutant: Mutant }
  | { readonly kind: "control"; readonly control: Control };

interface Done {
  readonly job: Job;
  readonly outcome: Outcome;
}

const idOf = (job: Job): string => (job.kind === "mutant" ? job.mutant.id : job.control.id);

const isRight = ({ job, outcome }: Done): boolean =>
  job.kind === "mutant" ? isFound(job.mutant, outcome) : isAsExpected(job.control, outcome);

/** Runs all mutants and controls, prints the table. Returns the exit code. */
export async function runAll(mutants: readonly Mutant[], { only, list, part }: Options, host: Host): Promise<number> {
  const unknown = only.filter((id) => !mutants.some((mutant) => mutant.id === id));
  if (unknown.length > 0) {
    host.print(`There is no mutant ${unknown.join(", ")}: --list names them.`);
    return 2;
  }
  const named = only.length === 0 ? mutants : mutants.filter(({ id }) => only.includes(id));
  const inPart = (_: unknown, i: number): boolean => part === null || i % part.of === part.part - 1;
  const wanted = named.filter(inPart);
  if (list) {
    for (const line of table(wanted.map(listRow))) host.print(line);
    return 0;
  }
  const startedMs = host.now();
  // The long ones first, so that at the end no core waits for the other.
  const jobs: Job[] = [
    ...(only.length === 0 ? controls(mutants).filter(inPart) : []).map(
      (control): Job => ({ kind: "control", control }),
    ),
    ...wanted.map((mutant): Job => ({ kind: "mutant", mutant })),
  ];
  let count = 0;
  const done = await pool(jobs, AT_A_TIME, async (job): Promise<Done> => {
    const outcome = await (job.kind === "mutant" ? runMutant(job.mutant) : job.control.run());
    const one = { job, outcome };
    host.progress(`${++count} of ${jobs.length}: ${idOf(job)}${isRight(one) ? "" : ": NOT AS IT SHOULD BE"}`);
    return one;
  });
  report(done, wanted, host);
  const wrong = done.filter((one) => !isRight(one)).map(({ job }) => idOf(job));
  const seconds = ((host.now() - startedMs) / 1000).toFixed(0);
  const found = wanted.length - wrong.filter((id) => wanted.some((mutant) => mutant.id === id)).length;
  host.print(`${found} of ${wanted.length} mutants found, ${classesOf(wanted)}, in ${seconds} s`);
  if (wrong.length > 0) host.print(`NOT as it should be: ${wrong.join(", ")}`);
  return wrong.length === 0 ? 0 : 1;
}

function report(done: readonly Done[], wanted: readonly Mutant[], host: Host): void {
  const rows = done.flatMap(({ job, outcome }) => (job.kind === "mutant" ? [mutantRow(job.mutant, outcome)] : []));
  const control = done.flatMap(({ job, outcome }) =>
    job.kind === "control" ? [controlRow(job.control, outcome)] : [],
  );
  if (wanted.length > 0) for (const line of table(rows)) host.print(line);
  host.print("");
  if (control.length === 0) return;
  for (const line of table(control)) host.print(line);
  host.print("");
}
