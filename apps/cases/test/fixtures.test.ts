import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parseCases } from "../src/notation.ts";
import { runCase } from "../src/run.ts";

const packages = fileURLToPath(new URL("../../../packages", import.meta.url));

/** Every package keeps the cases of what it does in test/cases. */
const files = readdirSync(packages).flatMap((name) => {
  const folder = join(packages, name, "test", "cases");
  if (!existsSync(folder)) return [];
  return readdirSync(folder).map((file) => join(name, "test", "cases", file));
});

test("every group that is built has its file", () => {
  expect(files.map((file) => file.replace(/^.*[\\/]/, "")).sort()).toEqual([
    "acceptor-many-slots.cases",
    "acceptor-one-slot.cases",
    "apply.cases",
    "ballots.cases",
    "durability.cases",
    "election.cases",
    "failure-detector.cases",
    "leader-detector.cases",
    "learner.cases",
    "leases.cases",
    "proposer-many-slots.cases",
    "proposer-one-slot.cases",
    "quorum-systems.cases",
    "reconfiguration.cases",
    "sessions.cases",
    "two-servers.cases",
  ]);
});

describe.each(files)("%s", (file) => {
  test.each(parseCases(readFileSync(join(packages, file), "utf8")).map((one) => [one.id, one] as const))(
    "%s",
    (id, one) => {
      expect(runCase(one)).toBe(`ok ${id}`);
    },
  );
});
