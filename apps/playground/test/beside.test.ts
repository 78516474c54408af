import { readFileSync } from "node:fs";
import { judge, playScenario, PROTOCOLS, SCENARIOS } from "@synod/lecture";
import { describe, expect, test } from "vitest";
import { withoutImports } from "../src/model/diff.js";
import { besideOf, predecessorOf } from "../src/model/beside.js";
import { listingsOf } from "../src/model/listing.js";

const sourceOf = (file: string): string =>
  readFileSync(new URL(`../../../packages/lecture/src/${file}`, import.meta.url), "utf8");

describe("the step before under the same schedule", () => {
  const run = (id: string) => {
    const story = SCENARIOS.find((one) => one.id === id);
    if (story === undefined) throw new Error(`There is no story ${id}.`);
    const before = predecessorOf(story.protocol);
    if (before === null) throw new Error("It has a step before it.");
    return { run: playScenario(story), before };
  };

  test("without reports the new leader gives number 1 away again", () => {
    const { run: now, before } = run("promises-report");
    const beside = besideOf(now, before);
    expect([judge(now).kind, judge(beside.run).kind]).toEqual(["safe", "diverges"]);
    expect(beside.figure.rows.length).toBe(now.rows.length);
    expect(beside.figure.rows.map((row) => row.row)).toEqual(now.rows.map((row) => row.row));
    // The promise of S1 reports in one and not in the other.
    const first = now.rows.find((row) => row.sends.some((send) => send.label.startsWith("PROM")));
    expect(beside.differs).toContain(first?.row);
    expect(beside.figure.rows.at(-1)?.text).toBe("There is no such message here.");
  });

  test.each(SCENARIOS.map((story) => [story.id, story] as const))("%s", (_, story) => {
    const before = predecessorOf(story.protocol);
    if (before === null) return expect(story.protocol.previous).toBeNull();
    const now = playScenario(story);
    const { figure, differs } = besideOf(now, before);
    expect(figure.rows.length).toBe(now.rows.length);
    const same = figure.rows.filter((row) => !differs.includes(row.row));
    expect(same.map((row) => row.text)).toEqual(same.map((row) => now.rows[row.row - 1]?.text));
    // An arrow begins in a row above the one in which it ends.
    for (const { row, arrow } of figure.rows) if (arrow !== null) expect(arrow.sentRow).toBeLessThan(row);
  });
});

test.each(PROTOCOLS.map((protocol) => [protocol.id, protocol] as const))(
  "the lines of %s have the numbers of its file",
  (_, protocol) => {
    const { listings } = listingsOf(protocol, sourceOf);
    expect(listings.length).toBeGreaterThan(0);
    for (const { file, lines } of listings.filter((one) => one.file !== "")) {
      const source = sourceOf(file).split("\n");
      for (const { line, text } of lines) if (line !== null) expect(source[line - 1]).toBe(text);
      expect(lines.filter((line) => line.line !== null).length).toBe(withoutImports(sourceOf(file)).split("\n").length);
    }
  },
);
