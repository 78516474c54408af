import { SCENARIOS } from "@synod/lecture";
import { expect, test } from "vitest";
import { PAIRS, RELATIONS } from "../src/model/relatives.js";
import { readLink } from "../src/model/link.js";

test("each thing has its name in each protocol", () => {
  expect(RELATIONS.length).toBeGreaterThan(6);
  for (const relation of RELATIONS)
    expect(
      Object.values(relation).filter((text) => text.trim() === ""),
      relation.what,
    ).toEqual([]);
});

test("each pair has a story that runs", () => {
  expect(PAIRS.filter((pair) => !SCENARIOS.some((scenario) => scenario.id === pair.story))).toEqual([]);
  expect(readLink("#/raft").page).toBe("raft");
});
