import type { Mutant, SearchingFinder } from "./mutant.js";
import { type Outcome, runEntry } from "./run-mutant.js";

/** What is run besides the mutants, to see that red means broken and green means whole. */
export interface Control {
  readonly id: string;
  readonly title: string;
  readonly mustBe: "red" | "green";
  readonly run: () => Promise<Outcome>;
}

const EXPLORED_STATES = 100_000;

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
  {
    id: "disk-that-is-lost",
    title: "A node that forgets its disk and goes on, under the explorer",
    mustBe: "red",
    run: () => runEntry("multipaxos", [], { scenario: "lostDisk", states: EXPLORED_STATES }),
  },
];

/** How far a finder looks, in its own unit, counted from where it starts. */
function reachOf(finder: SearchingFinder): number {
  switch (finder.kind) {
    case "core":
      return finder.schedules;
    case "sim":
      return finder.seeds;
    case "topology":
    case "noise":
      return finder.runs;
    case "paxos":
    case "multipaxos":
    case "reference":
      return finder.states;
  }
}

/** The same look at the unchanged sources. Quorums that need not meet and built-in mistakes are left out. */
function lookAtUnchanged(finder: SearchingFinder, reach: number): SearchingFinder {
  switch (finder.kind) {
    case "core":
      return { ...finder, schedules: reach };
    case "sim":
      return { ...finder, seeds: reach };
    case "topology":
    case "noise":
      return { ...finder, runs: reach };
    case "multipaxos":
      return { ...finder, states: reach };
    case "paxos":
      return { kind: "paxos", states: Math.min(reach, EXPLORED_STATES) };
    case "reference":
      return { kind: "reference", bug: null, states: reach };
  }
}

/** Finders of one name look at the same things, one further than the other. */
function nameOf(finder: SearchingFinder): string {
  switch (finder.kind) {
    case "core":
    case "sim": {
      const { start = 1 } = finder;
      return `${finder.kind}-${finder.profile ?? "short"}${start === 1 ? "" : `-from-${start}`}`;
    }
    case "topology":
      return `topology-${finder.links}`;
    case "noise":
      return "noise";
    case "multipaxos":
      return `explorer-${finder.scenario}`;
    case "paxos":
    case "reference":
      return `explorer-${finder.kind}`;
  }
}

/** What the mutants' finders look at, on sources that nobody changed: there nothing may be found. */
function unchanged(mutants: readonly Mutant[]): Control[] {
  const widest = new Map<string, SearchingFinder>();
  for (const { finder } of mutants) {
    if (finder.kind === "unit") continue;
    const known = widest.get(nameOf(finder));
    if (known === undefined || reachOf(finder) > reachOf(known)) widest.set(nameOf(finder), finder);
  }
  return [...widest].map(([name, finder]) => ({
    id: `unchanged-${name}`,
    title: "The sources as they are",
    mustBe: "green",
    run: () => runEntry(finder.kind, [], lookAtUnchanged(finder, reachOf(finder))),
  }));
}

export function controls(mutants: readonly Mutant[]): Control[] {
  return [...unchanged(mutants), ...RED];
}
