import { existsSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, test } from "vitest";
import { read, root } from "./files.ts";

const folders = ["packages", "apps", "examples"].flatMap((parent) =>
  readdirSync(join(root, parent)).map((name) => `${parent}/${name}`),
);
const pages = [
  ...readdirSync(root),
  ...readdirSync(join(root, "docs")).map((name) => `docs/${name}`),
  ...folders.map((folder) => `${folder}/README.md`),
].filter((path) => path.endsWith(".md") && existsSync(join(root, path)));

/** As the heading becomes an anchor on the usual hosts. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .trim()
    .replace(/\s/g, "-");

const withoutCode = (text: string): string => text.replace(/^```[\s\S]*?^```/gm, "");
const anchorsIn = (page: string): string[] =>
  [...withoutCode(read(page)).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading ?? ""));

function broken(page: string): string[] {
  const text = withoutCode(read(page));
  const links = [...text.matchAll(/\]\((?!\w+:)([^)\s]*)\)/g)].map(([, link]) => link ?? "");
  return links.filter((link) => {
    const [path = "", anchor] = link.split("#");
    const target = path === "" ? page : normalize(join(dirname(page), path));
    if (!existsSync(join(root, target))) return true;
    return anchor !== undefined && target.endsWith(".md") && !anchorsIn(target).includes(anchor);
  });
}

/** Files of the repository that a page names in code marks. */
const missing = (page: string): string[] =>
  [...read(page).matchAll(/`((?:packages|apps|tests|examples|docs)\/[\w./-]+\.\w+)`/g)]
    .map(([, path]) => path ?? "")
    .filter((path) => !path.includes("/dist/") && !existsSync(join(root, path)));

test.each(pages)("%s leads nowhere into the void", (page) => {
  expect({ links: broken(page), files: missing(page) }).toEqual({ links: [], files: [] });
});

/** Of blocks of commands, those with a comment behind them. */
const commented = (page: string): string[] =>
  [...read(page).matchAll(/^```(?:sh)?\n([\s\S]*?)^```/gm)]
    .flatMap(([, block = ""]) => block.split("\n"))
    .filter((line) => /^(?:npm|npx|synod|node|kill|docker|curl) .*\s#/.test(line));

// At its prompt zsh takes them for arguments: npm would install packages of these names, and `kill` end processes.
test.each(pages)("%s shows commands without comments behind them", (page) => {
  expect(commented(page)).toEqual([]);
});
