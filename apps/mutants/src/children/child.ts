/** What a child found, as JSON in the last line that it prints. */
export interface Finding {
  readonly found: boolean;
  /** How many of `unit` were looked at, the one in which it was found included. */
  readonly looked: number;
  readonly unit: string;
  /** Which rule was broken, in one line. */
  readonly saw: string;
}

export function firstLine(text: string): string {
  return text.split("\n")[0] ?? "";
}

/** Runs `look` with the job that the parent gave. */
export function runChild<Job>(look: (job: Job) => Promise<Finding> | Finding): void {
  const job = JSON.parse(process.argv[2] ?? "null") as Job;
  Promise.resolve()
    .then(() => look(job))
    .then(
      (finding) => console.log(JSON.stringify(finding)),
      (error: unknown) => {
        console.error(error);
        process.exitCode = 1;
      },
    );
}
