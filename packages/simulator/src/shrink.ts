import type { Reduction } from "./config.js";
import type { Report } from "./simulate.js";

/** A smaller run that breaks the same invariant. */
export interface Shrunk {
  readonly reduction: Reduction;
  readonly report: Report;
  /** Faults that still strike. */
  readonly strikes: number;
  /** Runs that it took. */
  readonly runs: number;
}

class Search {
  readonly #run: (reduction: Reduction) => Promise<Report>;
  readonly #runsMax: number;
  readonly #invariant: string;
  best: Reduction = {};
  report: Report;
  runs = 1;

  constructor(first: Report, run: (reduction: Reduction) => Promise<Report>, runsMax: number) {
    this.report = first;
    this.#invariant = first.failure?.invariant ?? "";
    this.#run = run;
    this.#runsMax = runsMax;
  }

  /** Keeps the change if the run still breaks the same invariant. */
  async try(change: Reduction): Promise<boolean> {
    if (this.runs >= this.#runsMax) return false;
    this.runs++;
    const reduction = { ...this.best, ...change };
    const report = await this.#run(reduction);
    if (report.failure?.invariant !== this.#invariant) return false;
    this.best = reduction;
    this.report = report;
    return true;
  }

  async shorten(): Promise<void> {
    const atMs = this.report.failure?.atMs ?? 0;
    for (const share of [0.25, 0.5, 0.75, 1]) if (await this.try({ safetyMs: Math.ceil(atMs * share) })) return;
  }

  async fewerClients(): Promise<void> {
    for (let clients = 1; clients < this.report.clients; clients *= 2) if (await this.try({ clients })) return;
  }

  /** Leaves out ever smaller groups of strikes (Zeller, Hildebrandt: Simplifying and Isolating Failure-Inducing Input). */
  async fewerStrikes(): Promise<void> {
    for (let size = this.strikes().length; size >= 1; size = Math.floor(size / 2)) {
      const strikes = this.strikes();
      for (let from = 0; from < strikes.length; from += size) {
        await this.try({ without: [...(this.best.without ?? []), ...strikes.slice(from, from + size)] });
      }
    }
  }

  /** Numbers of the strikes that are left. */
  strikes(): number[] {
    const without = new Set(this.best.without);
    return Array.from({ length: this.report.strikes }, (_, i) => i).filter((i) => !without.has(i));
  }
}

/**
 * Finds a smaller run that fails in the same way: fewer faults, clients and troubles, a shorter time.
 * @param run runs the same seed, profile and workload with a part left out, as `simulate({ ..., reduce })` does.
 * @returns null if the run does not fail with nothing left out.
 */
export async function shrink(
  run: (reduction: Reduction) => Promise<Report>,
  { runsMax = 300 }: { readonly runsMax?: number } = {},
): Promise<Shrunk | null> {
  const first = await run({});
  if (first.failure === null) return null;
  const search = new Search(first, run, runsMax);
  for (const trouble of ["calmNetwork", "calmDisk", "steadyClocks", "oneRelease", "sameMembers"] as const)
    await search.try({ [trouble]: true });
  await search.shorten();
  await search.fewerStrikes();
  await search.fewerClients();
  await search.shorten();
  await search.fewerStrikes();
  return { reduction: search.best, report: search.report, strikes: search.strikes().length, runs: search.runs };
}
