// docs/OPERATIONS.md lists every metric: what the code counts, what METRICS describes and what the page says are the same.
import { METRICS } from "@synod/interface";
import { expect, test } from "vitest";
import { filesUnder, read } from "./files.ts";

const CALLS = { count: "counter", gauge: "gauge", observe: "distribution" } as const;

/** Every metric that a source names, with the kind that its call says. */
const used = new Map<string, Set<string>>();
for (const path of filesUnder("packages").filter((file) => /^packages\/[^/]+\/src\/.+\.ts$/.test(file))) {
  for (const [, call = "", name = ""] of read(path).matchAll(/\.(count|gauge|observe)\(\s*"(synod_\w+)"/g)) {
    const kinds = used.get(name) ?? new Set();
    used.set(name, kinds.add(CALLS[call as keyof typeof CALLS]));
  }
}

test("every metric that is counted is described, in its kind, and the other way round", () => {
  expect(used.size).toBeGreaterThan(30);
  const described = Object.entries(METRICS).map(([name, { kind }]) => [name, [kind]] as const);
  expect(Object.fromEntries([...used].map(([name, kinds]) => [name, [...kinds]]))).toEqual(
    Object.fromEntries(described),
  );
});

test("names say their unit", () => {
  for (const [name, { kind, unit }] of Object.entries(METRICS)) {
    if (kind === "counter") expect(name).toMatch(/_total$/);
    if (unit !== "1") expect(name).toMatch(new RegExp(`_${unit}(_total)?$`));
  }
});

test("docs/OPERATIONS.md has one row for each", () => {
  const rows = read("docs/OPERATIONS.md")
    .split("\n")
    .filter((line) => line.startsWith("| `synod_"));
  const wanted = Object.entries(METRICS).map(
    ([name, { kind, unit, labels = [], help }]) =>
      `| \`${name}\` | ${kind} | ${unit} | ${labels.join(", ")} | ${help} |`,
  );
  expect(rows).toEqual(wanted);
});

/** Sources of the packages that count a metric. */
const sourcesOf = (metric: string): string => {
  const isSource = (file: string): boolean => /^packages\/[^/]+\/src\/.+\.ts$/.test(file);
  const all = filesUnder("packages").filter(isSource);
  const folders = new Set(all.filter((file) => read(file).includes(`("${metric}"`)).map(folderOf));
  return all
    .filter((file) => folders.has(folderOf(file)))
    .map(read)
    .join("\n");
};
const folderOf = (file: string): string => file.split("/")[1] ?? "";

// An alert on a label that never has this text is always quiet, or never.
test("what docs/OPERATIONS.md selects of a metric is a label of it, with a text that the code gives it", () => {
  const selectors = [...read("docs/OPERATIONS.md").matchAll(/(synod_\w+)\{([^}]+)\}/g)];
  expect(selectors.length).toBeGreaterThan(1);
  for (const [, metric = "", selector = ""] of selectors) {
    for (const [, label, text] of selector.matchAll(/(\w+)!?=~?"([^"]*)"/g)) {
      expect(METRICS[metric]?.labels, metric).toContain(label);
      expect(sourcesOf(metric).includes(`"${text}"`), `${metric}{${selector}}`).toBe(true);
    }
  }
});

test("docs/OPERATIONS.md names only metrics that there are", () => {
  const names = [...read("docs/OPERATIONS.md").matchAll(/\bsynod_\w+/g)].map(([name]) => name);
  expect(names.filter((name) => !(name in METRICS))).toEqual([]);
});

test("docs/OPERATIONS.md has a runbook for each error code, and for no other", () => {
  const source = read("packages/interface/src/error.ts").replace(/\/\/.*$/gm, "");
  const [, union = ""] = /export type SynodErrorCode =([\s\S]*?);/.exec(source) ?? [];
  const codes = [...union.matchAll(/\| "(\w+)"/g)].map(([, code]) => code);
  const runbook = /\n## Runbook\n([\s\S]*?)\n## /.exec(read("docs/OPERATIONS.md"))?.[1] ?? "";
  const rows = [...runbook.matchAll(/^\| `(\w+)` \| [^|]+ \| [^|]+ \|$/gm)].map(([, code]) => code);
  expect(codes.length).toBeGreaterThan(30);
  expect(rows).toEqual(expect.arrayContaining(codes));
  expect(rows.filter((code) => !codes.includes(code))).toEqual([]);
});

test("links inside docs/OPERATIONS.md lead somewhere", () => {
  const page = read("docs/OPERATIONS.md");
  const anchors = [...page.matchAll(/^#+ (.*)$/gm)].map(([, title = ""]) => title.toLowerCase().replaceAll(" ", "-"));
  for (const [, anchor = ""] of page.matchAll(/\]\(#([^)]+)\)/g)) expect(anchors).toContain(anchor);
});
