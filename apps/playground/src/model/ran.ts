import { type Row, type Run, step } from "@synod/lecture";

/** Lines of the sources of protocols, by the file's path below the lecture's `src`. */
export type Lines = ReadonlyMap<string, ReadonlySet<number>>;

let heard: Map<string, Set<number>> | null = null;

/** Called by the protocols themselves: `scripts/ran-lines.ts` puts the calls in. @public */
export function ran(file: string, first: number, last: number = first): void {
  if (heard === null) return;
  const lines = heard.get(file) ?? new Set();
  heard.set(file, lines);
  for (let line = first; line <= last; line++) lines.add(line);
}

const known = new WeakMap<Row, Lines>();

/** The lines that ran in a row, counted from 1: the step is made once more, and listened to. */
export function linesOfRow({ protocol, worlds, actions, rows }: Run, number: number): Lines {
  const [row, world, action] = [rows[number - 1], worlds[number - 1], actions[number - 1]];
  if (row === undefined || world === undefined || action === undefined) return new Map();
  const found = known.get(row);
  if (found !== undefined) return found;
  const lines = new Map<string, Set<number>>();
  heard = lines;
  try {
    step(protocol, world, action);
  } finally {
    heard = null;
  }
  known.set(row, lines);
  return lines;
}

/** In which of the first `shown` rows a line ran. */
export function rowsOfLine(run: Run, shown: number, file: string, line: number): number[] {
  return run.rows.slice(0, shown).flatMap((_, index) =>
    linesOfRow(run, index + 1)
      .get(file)
      ?.has(line) === true
      ? [index + 1]
      : [],
  );
}
