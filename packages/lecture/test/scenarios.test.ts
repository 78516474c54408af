import { describe, expect, it } from "vitest";
import { judge, playScenario, runSearch, SCENARIOS } from "../src/index.ts";

describe.each(SCENARIOS.map((one) => [one.id, one] as const))("%s", (_, scenario) => {
  it("plays to its verdict", () => {
    const run = playScenario(scenario);
    const { kind, words } = judge(run);
    expect({ kind, words }, `npm run playground shows it: #/${scenario.id}`).toEqual({
      kind: scenario.verdict,
      words: expect.stringMatching(/./),
    });
    expect(run.rows.every((row, index) => row.row === index + 1 && row.text !== "")).toBe(true);
  });

  for (const [index, wanted] of (scenario.searches ?? []).entries()) {
    it(`search ${index + 1}, for "${wanted.goal}", ends with "${wanted.expect}"`, () => {
      const report = runSearch(scenario.protocol, wanted);
      expect(report.verdict).toBe(wanted.expect);
      if (report.run !== null) expect(judge(report.run).kind).toBe(wanted.goal);
    });
  }
});

describe("the scenarios together", () => {
  it("have ids of their own", () => {
    expect(new Set(SCENARIOS.map((one) => one.id)).size).toBe(SCENARIOS.length);
  });
});
