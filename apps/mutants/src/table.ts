import type { Control } from "./controls.js";
import type { Finder, Mutant } from "./mutant.js";
import type { Outcome } from "./run-mutant.js";

/** Cells of one line, by column. */
type Row = readonly string[];

const TITLE_LENGTH = 74;
const SAW_LENGTH = 90;

const cut = (text: string, length: number): string => (text.length > length ? `${text.slice(0, length - 1)}…` : text);

/** Lines with the columns under each other. */
export function table(rows: readonly Row[]): string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** A crash or a hang is a finding only where it was to be expected. */
export function isFound({ expected }: Mutant, { kind }: Outcome): boolean {
  return kind === "found" || (expected !== undefined && kind === expected);
}

export function isAsExpected({ mustBe }: Control, { kind }: Outcome): boolean {
  return kind === (mustBe === "red" ? "found" : "survived");
}

function finderText(finder: Finder): string {
  switch (finder.kind) {
    case "core":
      return `core ${finder.profile ?? "short"}, ${finder.schedules} schedules`;
    case "sim":
      return `sim ${finder.profile}, ${finder.seeds} seeds`;
    case "topology":
      return `sim ${finder.links} links, ${finder.runs} runs`;
    case "noise":
      return `sim noise, ${finder.runs} runs`;
    case "paxos":
    case "reference":
      return `explorer ${finder.kind}, ${finder.states} states`;
    case "multipaxos":
      return `explorer ${finder.scenario}, ${finder.states} states`;
    case "unit":
      return `test ${finder.file.split("/").slice(1).join("/").replace("/test/", "/").replace(".test.ts", "")}`;
  }
}

function tookText(outcome: Outcome): string {
  if (outcome.kind === "stale") return "";
  const seconds = `${(outcome.ms / 1000).toFixed(1)} s`;
  return "finding" in outcome ? `${outcome.finding.looked} ${outcome.finding.unit}, ${seconds}` : seconds;
}

function sawText(outcome: Outcome): string {
  return cut("finding" in outcome ? outcome.finding.saw : outcome.saw, SAW_LENGTH);
}

export function listRow({ id, faults, title, finder }: Mutant): Row {
  return [id, faults.join(" "), cut(title, TITLE_LENGTH), finderText(finder)];
}

export function mutantRow(mutant: Mutant, outcome: Outcome): Row {
  const verdict = isFound(mutant, outcome)
    ? "found"
    : outcome.kind === "survived"
      ? "SURVIVED"
      : outcome.kind.toUpperCase();
  return [verdict, ...listRow(mutant), tookText(outcome), sawText(outcome)];
}

export function controlRow(control: Control, outcome: Outcome): Row {
  const colour = outcome.kind === "found" ? "red" : outcome.kind === "survived" ? "green" : outcome.kind.toUpperCase();
  const verdict = isAsExpected(control, outcome) ? colour : `${colour}, NOT ${control.mustBe}`;
  return [verdict, "control", control.id, cut(control.title, TITLE_LENGTH), tookText(outcome), sawText(outcome)];
}

/** How many classes the mutants stand for, and how many of them a search shows without the help of a named test. */
export function classesOf(mutants: readonly Mutant[]): string {
  const classes = (some: readonly Mutant[]): number =>
    new Set(some.flatMap(({ faults }) => faults.filter((fault) => typeof fault === "number"))).size;
  const seeded = new Set(mutants.flatMap(({ faults }) => faults.filter((fault) => String(fault).startsWith("MU-"))));
  const searched = classes(mutants.filter(({ finder }) => finder.kind !== "unit"));
  return (
    `${classes(mutants)} classes of bugs and ${seeded.size} seeded bugs, ` +
    `${searched} classes by the explorer and the simulators alone`
  );
}
