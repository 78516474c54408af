import { expect, test } from "vitest";
import { ForwardFilter } from "../src/forwards.js";

test("each frame of each life of each sender is taken once", () => {
  const filter = new ForwardFilter();
  const frames = [
    [2, "a", 1],
    [2, "a", 3],
    [2, "a", 2],
    [3, "a", 1],
    [2, "b", 1],
  ] as const;
  for (const [from, boot, sequence] of frames) expect(filter.firstSeen(from, boot, sequence)).toBe(true);
  for (const [from, boot, sequence] of frames) expect(filter.firstSeen(from, boot, sequence)).toBe(false);
});

test("a late frame of an earlier life does not make copies of the present one new", () => {
  const filter = new ForwardFilter();
  filter.firstSeen(2, "old", 1);
  filter.firstSeen(2, "new", 1);
  expect(filter.firstSeen(2, "old", 2)).toBe(true);
  expect(filter.firstSeen(2, "new", 1)).toBe(false);
});

test("memory is bounded; what is far below the highest counts as a copy", () => {
  const filter = new ForwardFilter();
  for (let sequence = 2; sequence <= 20_000; sequence++) expect(filter.firstSeen(2, "a", sequence)).toBe(true);
  expect([filter.firstSeen(2, "a", 1), filter.firstSeen(2, "a", 20_000), filter.firstSeen(2, "a", 19_000)]).toEqual([
    false,
    false,
    false,
  ]);
  for (const boot of ["b", "c", "d", "e"]) filter.firstSeen(2, boot, 1);
  expect(filter.firstSeen(2, "e", 1)).toBe(false);
});
