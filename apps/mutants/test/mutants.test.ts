import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { transform } from "esbuild";
import { describe, expect, test } from "vitest";
import { controls } from "../src/controls.js";
import type { Mutant } from "../src/mutant.js";
import { MUTANTS } from "../src/mutants/index.js";
import { parseOptions } from "../src/options.js";
import { applyPatches, patchedSources, StalePatch } from "../src/patch.js";
import { pool } from "../src/pool.js";
import { ROOT } from "../src/root.js";
import { type Host, runAll } from "../src/run-all.js";
import { isAsExpected, isFound } from "../src/table.js";

describe("every mutant", () => {
  test("has a name of its own, a title in one line and a fault", () => {
    expect(new Set(MUTANTS.map(({ id }) => id)).size).toBe(MUTANTS.length);
    for (const { id, title, faults, patches, finder } of MUTANTS) {
      expect(id).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
      expect(title, id).toMatch(/^[A-Z][^\n]{10,120}[^.\n]$/);
      expect(faults.length, id).toBeGreaterThan(0);
      expect(patches.length > 0 || finder.kind === "reference", id).toBe(true);
    }
  });

  test.each(MUTANTS.map((mutant) => [mutant.id, mutant] as const))(
    "%s: its patches apply once, and it parses",
    async (_, mutant) => {
      for (const [path, text] of patchedSources(mutant.patches)) {
        expect(text).not.toBe(readFileSync(path, "utf8"));
        await transform(text, { loader: "ts" });
      }
    },
  );

  test.each(MUTANTS.flatMap(({ id, finder }) => (finder.kind === "unit" ? [[id, finder] as const] : [])))(
    "%s: the file of its test is there",
    (_, { file }) => {
      expect(existsSync(join(ROOT, file))).toBe(true);
    },
  );

  test("the explorer and the simulators show at least 46 classes, and the explorer every seeded bug", () => {
    const searched = MUTANTS.filter(({ finder }) => finder.kind !== "unit");
    const faults = new Set(searched.flatMap((mutant) => mutant.faults));
    expect([...faults].filter((fault) => typeof fault === "number").length).toBeGreaterThanOrEqual(46);
    for (const seeded of ["MU-01", "MU-03", "MU-06", "MU-08", "MU-10", "MU-13"] as const) {
      const finders = MUTANTS.filter((mutant) => mutant.faults.includes(seeded)).map(({ finder }) => finder.kind);
      expect(finders, seeded).toEqual(expect.arrayContaining(["paxos", "reference"]));
    }
  });
});

describe("patches", () => {
  const patch = (find: string) => [{ file: "a.ts", find, replace: "$&" }];

  test("replace literally", () => expect(applyPatches("a b c", patch("b"))).toBe("a $& c"));

  test("are stale where the text is missing or there twice", () => {
    expect(() => applyPatches("a", patch("b"))).toThrow(StalePatch);
    expect(() => applyPatches("b b", patch("b"))).toThrow(/occurs 2 times/);
  });
});

const mutant = (id: string): Mutant => {
  const found = MUTANTS.find((each) => each.id === id);
  if (found === undefined) throw new Error(id);
  return found;
};

async function run(mutants: readonly Mutant[]): Promise<{ code: number; text: string }> {
  const lines: string[] = [];
  const host: Host = { print: (line) => lines.push(line), progress: () => undefined, now: () => 0 };
  const code = await runAll(mutants, { only: mutants.map(({ id }) => id), list: false, part: null }, host);
  return { code, text: lines.join("\n") };
}

describe("a run", () => {
  const known = mutant("vote-before-durable");

  test("finds what is broken", { timeout: 60_000 }, async () => {
    const { code, text } = await run([known]);
    expect(text).toMatch(/^found +vote-before-durable .* schedules, .*not on disk/);
    expect(text).toContain("1 of 1 mutants found, 1 classes of bugs");
    expect(code).toBe(0);
  });

  test("fails for a survivor, a stale patch and a patch that is never loaded", { timeout: 60_000 }, async () => {
    const comment = {
      file: "packages/multipaxos/src/acceptor.ts",
      find: 'before(ballot, this.#promised)) return { kind: "rejected" };\n    if',
      replace: 'before(ballot, this.#promised)) return { kind: "rejected" };\n\n    if',
    };
    const survivor: Mutant = { ...known, patches: [comment], finder: { kind: "core", schedules: 5 } };
    expect(await run([survivor])).toMatchObject({ code: 1, text: expect.stringMatching(/^SURVIVED/) as string });

    const stale: Mutant = { ...known, patches: [{ ...comment, find: "not in the file" }] };
    expect(await run([stale])).toMatchObject({ code: 1, text: expect.stringMatching(/^STALE/) as string });

    const elsewhere: Mutant = { ...mutant("payload-checksum-ignored"), finder: { kind: "core", schedules: 5 } };
    expect(await run([elsewhere])).toMatchObject({
      code: 1,
      text: expect.stringMatching(/^STALE.*never loads/) as string,
    });
  });

  test("knows its names", async () => {
    const lines: string[] = [];
    const host: Host = { print: (line) => lines.push(line), progress: () => undefined, now: () => 0 };
    expect(await runAll(MUTANTS, { only: ["none"], list: false, part: null }, host)).toBe(2);
    expect(await runAll(MUTANTS, { only: [], list: true, part: null }, host)).toBe(0);
    expect(lines).toHaveLength(1 + MUTANTS.length);
  });

  test("parts are all of them together, each once", async () => {
    const lines: string[] = [];
    const host: Host = { print: (line) => lines.push(line), progress: () => undefined, now: () => 0 };
    for (const part of [1, 2]) await runAll(MUTANTS, { only: [], list: true, part: { part, of: 2 } }, host);
    const ids = lines.map((line) => line.split(" ")[0] ?? "").filter((id) => MUTANTS.some((one) => one.id === id));
    expect([...ids].sort()).toEqual(MUTANTS.map(({ id }) => id).sort());
  });
});

test("a crash and a hang are found only where they are expected, a control only in its colour", () => {
  const crash = { kind: "crash", saw: "", ms: 1 } as const;
  expect(isFound(mutant("vote-before-durable"), crash)).toBe(false);
  expect(isFound({ ...mutant("vote-before-durable"), expected: "crash" }, crash)).toBe(true);
  const control = { id: "c", title: "", mustBe: "red", run: () => Promise.resolve(crash) } as const;
  const finding = { found: false, looked: 1, unit: "seeds", saw: "" };
  expect(isAsExpected(control, crash)).toBe(false);
  expect(isAsExpected(control, { kind: "survived", finding, ms: 1 })).toBe(false);
  expect(isAsExpected(control, { kind: "found", finding, ms: 1 })).toBe(true);
});

test("the unchanged sources are looked at where finders look, not from the first seed to the last of any", () => {
  const core = (start: number | undefined, schedules: number): Mutant => ({
    ...mutant("vote-before-durable"),
    finder: { kind: "core", profile: "members", schedules, ...(start !== undefined && { start }) },
  });
  const made = controls([core(undefined, 5), core(1, 9), core(2_801, 100)]).filter(({ mustBe }) => mustBe === "green");
  expect(made.map(({ id }) => id)).toEqual(["unchanged-core-members", "unchanged-core-members-from-2801"]);
});

test("the work of a pool keeps its order", async () => {
  expect(await pool([3, 1, 2], 2, (n) => Promise.resolve(n * 2))).toEqual([6, 2, 4]);
});

test("the command line", () => {
  expect(parseOptions([])).toEqual({ only: [], list: false, part: null });
  expect(parseOptions(["--only", "a", "b"])).toEqual({ only: ["a", "b"], list: false, part: null });
  expect(parseOptions(["--list"])).toEqual({ only: [], list: true, part: null });
  expect(parseOptions(["--part", "2/3"])).toEqual({ only: [], list: false, part: { part: 2, of: 3 } });
  for (const part of ["3/2", "0/2", "1", "a/b"]) expect(() => parseOptions(["--part", part])).toThrow(/K\/N/);
  expect(() => parseOptions(["--fast"])).toThrow(/unknown option/);
});
