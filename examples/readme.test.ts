// The code in the READMEs is that of the files, and every folder is listed.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const here = import.meta.dirname;
const folders = readdirSync(here).filter(
  (name) => existsSync(join(here, name, "README.md")) && name !== "node_modules",
);
const listed = readFileSync(join(here, "README.md"), "utf8");

it.each(folders)("%s shows the file as it is, and is listed", (folder) => {
  const readme = readFileSync(join(here, folder, "README.md"), "utf8");
  const blocks = [...readme.matchAll(/<!-- file: (\S+) -->\n```ts\n([\s\S]*?)```\n/g)];
  expect(blocks.length).toBeGreaterThan(0);
  for (const [, file = "", code] of blocks) expect(code).toBe(readFileSync(join(here, folder, file), "utf8"));
  expect(listed).toContain(`](${folder})`);
  expect(readdirSync(join(here, folder)).some((name) => name.endsWith(".test.ts"))).toBe(true);
});
