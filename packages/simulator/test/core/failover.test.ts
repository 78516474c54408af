import { expect, test } from "vitest";
import { failover, type Failover } from "./failover.js";

const worst = (how: Failover, nodes: number, seeds: number): { elected: number; gap: number } => {
  const runs = Array.from({ length: seeds }, (_, i) => failover(how, nodes, i + 1));
  return { elected: Math.max(...runs.map((r) => r.elected)), gap: Math.max(...runs.map((r) => r.gap)) };
};

test.each([
  ["kill", 3],
  ["kill", 5],
  ["hang", 3],
  ["hang", 5],
] as const)("after a %s of the leader of %i another leads within two timeouts", (how, nodes) => {
  const { elected, gap } = worst(how, nodes, 25);
  expect(elected).toBeLessThan(2);
  expect(gap).toBeLessThan(2);
});

test("a leader whose disk stands still makes room, and writes go on meanwhile", () => {
  const { elected, gap } = worst("disk", 3, 20);
  expect(elected).toBeLessThan(4);
  expect(gap).toBeLessThan(2);
});

test("an orderly transfer takes a few round trips", () => {
  const { elected, gap } = worst("transfer", 3, 60);
  // 100 ms a timeout, half a millisecond a message and one a flush.
  expect(elected).toBeLessThan(0.1);
  expect(gap).toBeLessThan(0.2);
});
