import { PAIRS, SCENARIOS } from "@synod/lecture";
import { expect, test } from "vitest";
import { momentAt, pairView } from "../src/model/pairs.js";
import { RELATIONS } from "../src/model/relatives.js";
import { readLink } from "../src/model/link.js";

test("each thing has its name in each protocol", () => {
  expect(RELATIONS.length).toBeGreaterThan(6);
  for (const relation of RELATIONS)
    expect(
      Object.values(relation).filter((text) => text.trim() === ""),
      relation.what,
    ).toEqual([]);
});

test("each pair stands beside Raft's scenario of the same script", () => {
  expect(readLink("#/raft").page).toBe("raft");
  for (const pair of PAIRS) {
    const script = SCENARIOS.find((one) => one.id === `raft-${pair.id}`)?.script;
    expect(script).toEqual(pair.moments.flatMap((moment) => moment.raft));
  }
});

test.each(PAIRS.map((pair) => [pair.id, pair] as const))("%s: both sides have the same rows", (_, pair) => {
  const view = pairView(pair);
  expect([view.paxos.figure.rows.length, view.raft.figure.rows.length]).toEqual([view.rows, view.rows]);
  for (const side of [view.paxos, view.raft]) {
    const rows = side.figure.rows.filter((row) => !row.isBlank);
    expect(rows.map((row) => row.text)).toEqual(side.run.rows.map((row) => row.text));
    for (const { row, arrow } of rows) if (arrow !== null) expect(arrow.sentRow).toBeLessThan(row);
  }
  expect([0, ...view.ends].map((row) => momentAt(view, row))).toEqual([0, ...pair.moments.keys()]);
});
