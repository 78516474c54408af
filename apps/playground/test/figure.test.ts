import { playScenario, SCENARIOS } from "@synod/lecture";
import { describe, expect, test } from "vitest";
import { linesOf, valueIn } from "../src/model/arrows.js";
import { diffLines, piecesOf, withoutImports } from "../src/model/diff.js";
import { figureOf, textOf } from "../src/model/figure.js";
import { layoutOf } from "../src/model/layout.js";
import { bandsOf, tokensOf } from "../src/model/tokens.js";
import { readTrace } from "../src/model/trace-file.js";
import {
  besideStory,
  boundsWords,
  type Chapter,
  CHAPTERS,
  MAIN_ROAD,
  MINUTES,
  READING,
  WHY,
  wordsOfMessage,
} from "../src/model/words.js";

const measure = (text: string): number => text.length * 7;
const options = { width: 640, rowHeight: 30, measure };
const figures = SCENARIOS.map((scenario) => [scenario.id, figureOf(playScenario(scenario))] as const);

describe.each(figures)("the figure of %s", (_, figure) => {
  test.each([360, 640])("has one event a row, and marks that touch nothing, at %s", (width) => {
    const layout = layoutOf(figure, { ...options, width });
    let bottom = 0;
    for (const row of layout.rows) {
      expect(row.top).toBeGreaterThanOrEqual(bottom);
      expect(row.bottom).toBeGreaterThan(row.top);
      bottom = row.bottom;
      for (const [index, token] of row.tokens.entries()) {
        const next = row.tokens[index + 1];
        if (next !== undefined) expect(token.x + token.width).toBeLessThanOrEqual(next.x);
        if (width === 640) expect(token.x).toBeGreaterThanOrEqual(0);
      }
    }
    expect(layout.height).toBeGreaterThan(bottom);
  });

  test("no message runs through the event of somebody else", () => {
    const layout = layoutOf(figure, options);
    for (const { x1, y1, x2, y2, bow } of linesOf(figure, layout, figure.rows.length, [])) {
      for (const { x, y, row } of layout.rows) {
        const part = x === null || row.isLost ? 0 : (x - x1) / (x2 - x1);
        if (!(part > 0.05 && part < 0.95)) continue;
        const line = y1 + (y2 - y1) * part - bow * 4 * part * (1 - part);
        expect(Math.abs(line - y)).toBeGreaterThan(4);
      }
    }
  });

  test("every message ends in the row that tells of it, and no line runs up", () => {
    const layout = layoutOf(figure, options);
    const lines = linesOf(figure, layout, figure.rows.length, []);
    expect(lines.filter((line) => line.y2 < line.y1)).toEqual([]);
    const arrived = figure.rows.filter((row) => row.arrow !== null).length;
    expect(lines.filter((line) => line.key.startsWith("m")).length).toBe(arrived);
    expect(lines.length + figure.rows.length).toBeLessThan(700);
  });
});

test("the four marks differ in kind", () => {
  const figure = figureOf(playScenario(SCENARIOS.find((one) => one.id === "worked-example-1") ?? SCENARIOS[0]!));
  const kinds = new Set(
    figure.rows.flatMap((row) => [
      ...tokensOf(row).map((token) => token.kind),
      ...bandsOf(row).map((band) => band.kind),
    ]),
  );
  expect([...kinds]).toEqual(expect.arrayContaining(["promised", "accepted", "learned", "chosen"]));
});

test("a message has the colour of the value that it carries", () => {
  expect(valueIn("PROM 2 #1 (1, m1)", ["m1", "m2"])).toBe("m1");
  expect(valueIn("PREP 2", ["m1"])).toBeNull();
});

describe("a trace file", () => {
  const file = (events: unknown[], report: unknown = { nodes: [1, 2], failure: null }): string =>
    JSON.stringify({ version: 1, report, events });
  const send = { atMs: 1, kind: "send", from: 1, to: 2, message: "prepare 1.1", delivery: 1 };
  const deliver = { ...send, atMs: 3, kind: "deliver" };

  test("an arrival knows its departure, and beats are left out", () => {
    const trace = readTrace("x", file([{ ...send, message: "beat 1" }, send, deliver]));
    expect(trace.left).toBe(1);
    expect(trace.figure.lanes).toEqual(["S1", "S2"]);
    expect(trace.figure.rows[1]?.arrow).toMatchObject({ from: "S1", to: "S2", sentRow: 1, phase: "prepare" });
    expect([trace.failed, trace.words]).toEqual([false, "2 nodes, 3 events, no invariant broken."]);
  });

  test.each([
    ["hello", "no JSON"],
    ["{}", "no trace of the simulator"],
    [JSON.stringify({ version: 2, events: [] }), "no trace of the simulator"],
    [file([{ atMs: 1, kind: "other" }]), "a kind that this page does not know"],
    [file([null]), "a kind that this page does not know"],
  ])("%s is refused", (text, why) => {
    expect(() => readTrace("x", text)).toThrow(why);
  });
});

describe("the difference of two sources", () => {
  test("what is new and what is gone", () => {
    expect(diffLines("a\nb\nc", "a\nx\nc").map(({ text, change }) => `${change} ${text}`)).toEqual([
      "same a",
      "gone b",
      "new x",
      "same c",
    ]);
  });

  test("a line is all its pieces, in order", () => {
    const line = '  if (m.type === "REQ") return []; // because';
    expect(
      piecesOf(line)
        .map((piece) => piece.text)
        .join(""),
    ).toBe(line);
    expect(
      piecesOf(line)
        .filter((piece) => piece.kind !== "plain")
        .map((piece) => piece.text),
    ).toEqual(["if", '"REQ"', "return", "// because"]);
    expect(withoutImports('import {\n  a,\n} from "b";\n\nconst x = 1;\n')).toBe("const x = 1;");
  });
});

test("every protocol is in a chapter and has a why; every story is on the way", () => {
  const told = CHAPTERS.flatMap((chapter) => chapter.protocols.map((protocol) => protocol.id));
  expect(new Set(told).size).toBe(told.length);
  expect(told.filter((id) => WHY[id] === undefined)).toEqual([]);
  expect(Object.keys(WHY).length).toBe(told.length);
  expect(READING.length).toBe(SCENARIOS.length);
  expect(besideStory(MAIN_ROAD[0]!)).toEqual([undefined, MAIN_ROAD[1]]);
  expect(besideStory(MAIN_ROAD.at(-1)!)[1]).toBeUndefined();
  const optional = READING.findIndex((one) => one.id === "takeover-case-3");
  expect(besideStory(READING[optional]!)).toEqual([READING[optional - 1], READING[optional + 1]]);
});

test("each chapter says how long it is, and all of them take less than an hour", () => {
  const rowsOf = (chapter: Chapter): number =>
    MAIN_ROAD.filter(({ protocol }) => chapter.protocols.some((one) => one.id === protocol.id)).reduce(
      (sum, story) => sum + playScenario(story).rows.length,
      0,
    );
  expect(CHAPTERS.map((chapter) => chapter.rows)).toEqual(CHAPTERS.map((chapter) => rowsOf(chapter) || null));
  expect(MINUTES).toBeLessThan(55);
});

test("a run as text", () => {
  const { rows } = figureOf(playScenario(SCENARIOS.find((one) => one.id === "discard")!));
  expect(textOf("Numbers", rows.slice(2), "Two.").split("\n")).toEqual([
    "Numbers",
    "",
    expect.stringMatching(/^3\. S2 receives ACC #2 m2 from S1\. /),
    expect.stringMatching(/^4\. S2 receives ACC #1 m1 from S1\. /),
    "",
    "Two.",
  ]);
});

test("bounds in words", () => {
  expect(boundsWords({ values: [1, 2], crashes: 1, timeouts: 2 })).toBe(
    "2 commands, messages in any order, 1 crash, 2 time-outs, at most 30 steps",
  );
  expect(boundsWords({ values: [1], withhold: ["COM", "REJ"], steps: 6 })).toBe(
    "one command, messages in any order, no COM or REJ arrives, at most 6 steps",
  );
  const values = [
    { value: "m1", by: "C1", to: ["S1"] },
    { value: "m2", by: "C2" },
  ];
  const some = { timeoutsAt: ["S1", "S2"], crashesAt: ["S3"], patient: true };
  expect(boundsWords({ values, suspicions: 1, suspects: ["S2"], ...some })).toBe(
    "2 commands, messages in any order, 1 wrong suspicion, m1 asked of S1 alone, suspicions at S2 alone, " +
      "time-outs at S1 and S2 alone, crashes at S3 alone, no time-out while a message of one’s own round is on its way, " +
      "at most 30 steps",
  );
});

test("a message is explained by what it carries, and by no word that has not come yet", () => {
  expect(wordsOfMessage("ACC #1 m1")).toBe("Accept: take this");
  expect(wordsOfMessage("ACC S1 #1 m1")).toBe("Accept: take this");
  expect(wordsOfMessage("ACC 4 #1 m1")).toContain("in this round");
  expect(wordsOfMessage("LRN #1")).toBe("Learn: I have it");
  expect(wordsOfMessage("LRN 2 #1")).toContain("is chosen");
  expect(wordsOfMessage("PROM 2")).toBe("Promise: I do");
  expect(wordsOfMessage("PROM 2 nothing")).toContain("what I have accepted");
  expect(wordsOfMessage("PROM 2 #1 (1, m1)")).toContain("what I have accepted");
});
