// What a README lists of options, members and outcomes is what the sources have: nothing more and nothing less.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Exported } from "./exported.ts";
import { read, root } from "./files.ts";

const packages = readdirSync(join(root, "packages")).filter((name) => existsSync(join(root, "packages", name, "src")));
const exported = new Exported(packages);
const readme = (name: string): string => read(`packages/${name}/README.md`);

/** The first cells of the one table with this head. */
function firstCells(name: string, head: string): string[] {
  const lines = readme(name).split("\n");
  const starts = lines.flatMap((line, index) => (line.startsWith(`| ${head} |`) ? [index] : []));
  expect(starts, `tables with the head ${head} in the README of ${name}`).toHaveLength(1);
  const body = lines.slice((starts[0] ?? 0) + 2);
  const end = body.findIndex((line) => !line.startsWith("|"));
  return body.slice(0, end === -1 ? undefined : end).map((line) => line.split(/(?<!\\)\|/)[1] ?? "");
}

/** `propose(command)`, `status()`: what stands in code marks, up to the parameters. */
const namesIn = (cell: string): string[] => [...cell.matchAll(/`(?!new )(\w+)[^`]*`/g)].map(([, name = ""]) => name);

/** Tables of the texts that the property `kind` of a type has. */
const KINDS: [name: string, head: string, type: string][] = [["rsm", "Outcome", "rsm:Outcome"]];

test.each(KINDS)("README of %s: the table %s has the kinds of %s", (name, head, type) => {
  expect(firstCells(name, head).flatMap(namesIn).sort()).toEqual(exported.kinds(type).sort());
});
