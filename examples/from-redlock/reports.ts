import type { Coordination } from "@synod/coordination";

export type WriteReport = (customer: string, given: { fencingToken: number; signal: AbortSignal }) => Promise<void>;

export async function makeReport({ locks }: Coordination, customer: string, writeReport: WriteReport): Promise<void> {
  await locks.runExclusive(`reports/${customer}`, (given) => writeReport(customer, given), { ttlMs: 5_000 });
}

/** Where the report goes: refuses a holder that was paused for so long that somebody else was let in meanwhile. */
export class ReportStore {
  readonly #newest = new Map<string, number>();
  readonly written: string[] = [];

  write(customer: string, fencingToken: number): void {
    if (fencingToken < (this.#newest.get(customer) ?? 0)) throw new Error("a newer holder was here already");
    this.#newest.set(customer, fencingToken);
    this.written.push(customer);
  }
}
