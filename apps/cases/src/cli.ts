import { countingLine, runSources } from "./run.js";

/** What the command line needs of its surroundings. */
export interface Surroundings {
  /** The text of a file; throws if it cannot be read. */
  readonly read: (name: string) => string;
  readonly print: (line: string) => void;
}

/** Runs the named files of cases and prints the report. Returns the exit code. */
export function cli(names: readonly string[], { read, print }: Surroundings): number {
  if (names.length === 0) {
    print("usage: npm run cases -- FILE...");
    return 1;
  }
  const report = runSources(names.map((name) => ({ name, read: () => read(name) })));
  for (const line of [...report.lines, countingLine(report)]) print(line);
  return report.failed > 0 ? 1 : 0;
}
