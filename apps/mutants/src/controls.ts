import type { CoreFinder, Mutant, PaxosFinder, SimFinder } from "./mutant.js";
import { type Outcome, runEntry } from "./run-mutant.js";

/** What is run besides the mutants, to see that red means broken and green means whole. */
export interface Control {
  readonly id: string;
  readonly title: string;
  readonly mustBe: "red" | "green";
  readonly run: () => Promise<Outcome>;
}

/** Targets that are broken for ever. If a checker calls one of them fine, nothing that it says counts. */
const RED: readonly Control[] = [
  {
    id: "register-without-consensus",
    title: "A register whose nodes answer from their own copy and broadcast writes",
    mustBe: "red",
    run: () => runEntry("control", [], { target: "register" }),
  },
  {
    id: "disk-that-lies",
    title: "A disk that says that it flushed and did not, under power cuts",
    mustBe: "red",
    run: () => runEntry("control", [], { target: "lying disk" }),
  },
];

const lastSeed = (finder: CoreFinder | SimFinder): number =>
  (finder.start ?? 1) + (finder.kind === "core" ? finder.schedules : finder.seeds) - 1;

const nameOf = (finder: CoreFinder | SimFinder): string => `${finder.kind}-${finder.profile ?? "short"}`;

/** What the mutants' finders look at, on sources that nobody changed: there nothing may be found. */
function unchanged(mutants: readonly Mutant[]): Control[] {
  const jobs = new Map<string, CoreFinder | SimFinder | PaxosFinder>([
    ["explorer", { kind: "paxos", states: 100_000 }],
  ]);
  for (const { finder } of mutants) {
    if (finder.kind !== "core" && finder.kind !== "sim") continue;
    const name = nameOf(finder);
    const known = jobs.get(name);
    const last = Math.max(lastSeed(finder), known === undefined || known.kind === "paxos" ? 0 : lastSeed(known));
    const range = { ...finder, start: 1 };
    jobs.set(name, range.kind === "core" ? { ...range, schedules: last } : { ...range, seeds: last });
  }
  return [...jobs].map(([name, job]) => ({
    id: `unchanged-${name}`,
    title: "The sources as they are",
    mustBe: "green",
    run: () => runEntry(job.kind, [], job),
  }));
}

export function controls(mutants: readonly Mutant[]): Control[] {
  return [...unchanged(mutants), ...RED];
}
