import { describe, expect, it } from "vitest";
import { judge } from "../src/judge.ts";
import { playScenario, runSearch } from "../src/scenario.ts";
import { SCENARIOS } from "../src/scenarios/index.ts";

describe.each(SCENARIOS.map((one) => [one.id, one] as const))("%s", (_, scenario) => {
  it("plays to its verdict", () => {
    const run = playScenario(scenario);
    const verdict = judge(run);
    expect([verdict.kind, verdict.words, run.rows.map((row) => row.text).join("\n")][0]).toBe(scenario.verdict);
  });

  for (const [index, wanted] of (scenario.searches ?? []).entries()) {
    it(`search ${index + 1} for "${wanted.goal}" ends with: ${wanted.expect}`, () => {
      const t = Date.now();
      const report = runSearch(scenario.protocol, wanted);
      console.log(
        "SEARCH",
        scenario.id,
        wanted.goal,
        report.verdict,
        report.states,
        report.depth,
        Date.now() - t,
        "ms",
      );
      expect(report.verdict).toBe(wanted.expect);
      if (report.run !== null) expect(judge(report.run).kind).toBe(wanted.goal);
    });
  }
});
