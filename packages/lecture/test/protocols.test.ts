import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  judge,
  LADDER,
  PROTOCOLS,
  SCENARIOS,
  WHAT_IFS,
  createWorld,
  playScenario,
  type Protocol,
} from "../src/index.ts";

const sourceOf = (file: string): string[] =>
  readFileSync(new URL(`../src/${file}`, import.meta.url), "utf8")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");

/** Lines of `b` that are not lines of `a`. */
function newLines(a: readonly string[], b: readonly string[]): number {
  const left = [...a];
  return b.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  }).length;
}

/** Those before it, the nearest first. */
function ancestors(id: string | null): Protocol[] {
  const found = PROTOCOLS.find((one) => one.id === id);
  return found === undefined ? [] : [found, ...ancestors(found.previous)];
}

describe("protocols", () => {
  it("have ids of their own, and a previous one that exists", () => {
    const ids = PROTOCOLS.map((one) => one.id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { previous } of PROTOCOLS) if (previous !== null) expect(ids).toContain(previous);
  });

  it.each(LADDER.map((one) => [one.id, one] as const))("%s is small and has its file", (_, { source }) => {
    const lines = sourceOf(source);
    expect(lines.length).toBeLessThan(230);
    expect(lines.join("\n")).toContain(`source: "${source}"`);
  });

  const shipped = ["synod-paxos", "synod-multipaxos", "basic-paxos"];
  const steps = LADDER.filter(({ id, previous }) => previous !== null && !shipped.includes(id));
  it.each(steps.map((one) => [one.id, one] as const))(
    "%s is a small step from the one before",
    (_, { source, previous }) => {
      const [before] = ancestors(previous).filter((one) => one.id !== "five-servers");
      expect(newLines(sourceOf(before?.source ?? ""), sourceOf(source))).toBeLessThanOrEqual(60);
    },
  );

  it("each that a search may break is broken by one, and the others are searched in vain", () => {
    const wrong = PROTOCOLS.filter(({ id }) =>
      SCENARIOS.some((one) => one.protocol.id === id && one.verdict === "diverges"),
    );
    expect(wrong.length).toBeGreaterThan(20);
    for (const { id } of PROTOCOLS) {
      const searches = SCENARIOS.filter((one) => one.protocol.id === id).flatMap((one) => one.searches ?? []);
      const found = searches.filter((one) => one.goal === "diverges").map((one) => one.expect);
      const isWrong = wrong.some((one) => one.id === id);
      const isSearched = isWrong ? found.includes("found") : found.includes("none") || NOT_SEARCHED.has(id);
      expect([id, isSearched]).toEqual([id, true]);
    }
  });

  it.each(SCENARIOS.map((one) => [one.id, one] as const))("%s: worlds and rows are plain data", (_, scenario) => {
    const run = playScenario(scenario);
    const plain = JSON.parse(JSON.stringify([run.worlds, run.rows])) as unknown;
    expect(plain).toEqual([run.worlds, run.rows]);
  });

  it("every what-if names the line that it exchanges", () => {
    for (const { was, is } of WHAT_IFS) expect(was).not.toBe(is);
    expect(judge({ protocol: LADDER[0]!, actions: [], worlds: [createWorld(LADDER[0]!)], rows: [] }).kind).toBe("safe");
  });
});

/** The same code as another one, with other numbers. */
const NOT_SEARCHED = new Set(["worked-example", "distinguished-proposer"]);
