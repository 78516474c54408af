// What README.md says about settings, commands and exit codes is what the program has; other pages name nothing that it has not.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { expect, it } from "vitest";
import { EXIT_CODES } from "../src/exit-codes.js";
import { PATHS } from "../src/http-server.js";
import { allOf, buildProgram } from "../src/program.js";
import { SETTING_NAMES, SETTINGS } from "../src/settings.js";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const rows = (start: RegExp): string[] => readme.split("\n").filter((line) => start.test(line));

it("has one row for each setting", () => {
  const wanted = SETTING_NAMES.map((name) => {
    const { flag, env, help } = SETTINGS[name];
    return `| \`${name}\` | \`${flag.replaceAll("|", "\\|")}\` | \`${env}\` | ${help} |`;
  });
  expect(rows(/^\| `\w+` \| `--/)).toEqual(wanted);
});

it("has one row for each exit code, and no code stands for two", () => {
  expect(rows(/^\| \d+ \|/)).toEqual(Object.values(EXIT_CODES).map(({ code, meaning }) => `| ${code} | ${meaning} |`));
  const codes = Object.values(EXIT_CODES).map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
});

const sorted = (names: Iterable<string>): string[] => [...names].sort();

/** Its words without `synod`: `member list`. */
const pathOf = (command: Command): string =>
  command.parent?.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name();

it("has one row for each command, and one for each page", () => {
  const listed = rows(/^\| `synod /).flatMap((row) => {
    const spans = [...(row.split("|")[1] ?? "").matchAll(/`([^`]+)`/g)].map(([, span = ""]) => span);
    const [first = "", ...others] = spans.map((span) => span.replace(/^synod /, "").replace(/ [A-Z].*$/, ""));
    // `synod lease grant`, `revoke`: the words in front stand there once.
    return [first, ...others.map((other) => `${first.split(" ").slice(0, -1).join(" ")} ${other}`)];
  });
  const program = buildProgram();
  const wanted = allOf(program).filter(({ commands }) => commands.length === 0);
  const shells = listed.filter((one) => one.startsWith("completion "));
  expect(sorted(listed.filter((one) => !shells.includes(one)))).toEqual(
    sorted(wanted.map(pathOf).filter((path) => path !== "completion")),
  );
  const completion = program.commands.find((one) => one.name() === "completion");
  expect(completion?.registeredArguments[0]?.argChoices).toEqual(shells.map((one) => one.slice("completion ".length)));
  expect(sorted(rows(/^\| `\/\w+` \|/).map((row) => row.split("`")[1] ?? ""))).toEqual(sorted(PATHS));
});

const repository = join(import.meta.dirname, "../../..");
const folders = ["packages", "apps", "examples"].flatMap((parent) =>
  readdirSync(join(repository, parent)).map((name) => `${parent}/${name}`),
);
const pages = ["README.md", ...readdirSync(join(repository, "docs")).map((name) => `docs/${name}`)]
  .concat(folders.map((folder) => `${folder}/README.md`))
  .filter((path) => path.endsWith(".md") && existsSync(join(repository, path)));

/** What a page shows to be typed: in code marks, and line by line in its blocks. */
function typedIn(text: string): string[] {
  const blocks = [...text.matchAll(/^```\w*\n([\s\S]*?)^```/gm)].map(([, block = ""]) => block);
  const lines = blocks.flatMap((block) => block.replaceAll(/\\\n\s*/g, "").split("\n"));
  const spans = [...text.replaceAll(/^```[\s\S]*?^```/gm, "").matchAll(/`([^`]+)`/g)].map(([, span = ""]) => span);
  return [
    ...lines.map((line) => line.trim().replace(/^(?:npx|\$) /, "")),
    ...spans.map((span) => span.replaceAll("\n", " ")),
  ];
}

const flagsOf = (command: Command): string[] => [...command.options.map(({ long }) => long ?? ""), "--help"];

/** What `synod ...` names that the program has not. */
function unknownIn(typed: string): string[] {
  // What stands behind ` -- ` belongs to another program; so does what follows a pipe or a comment.
  const [own = ""] = typed.split(/ -- | \| | # | > /);
  const [, ...words] = own.split(/\s+/);
  let command: Command = buildProgram();
  for (const word of words) {
    if (command.commands.length === 0 || !/^[a-z]/.test(word)) break;
    const next = command.commands.find((one) => one.name() === word);
    if (next === undefined) return [`${typed}: no command ${word}`];
    command = next;
  }
  // `synod COMMAND --flag` is about any.
  const asked = words[0] === "COMMAND" ? allOf(buildProgram()) : [command];
  const known = asked.flatMap(flagsOf);
  const flags = [...own.matchAll(/(?<=\s)--[a-z][\w-]*/g)].map(([flag]) => flag);
  return flags.filter((flag) => !known.includes(flag)).map((flag) => `${typed}: no flag ${flag}`);
}

it.each(pages)("%s names no command and no flag that there is not", (page) => {
  const typed = typedIn(readFileSync(join(repository, page), "utf8")).filter((one) => /^synod [a-zA-Z-]/.test(one));
  expect(typed.flatMap(unknownIn)).toEqual([]);
});

/** What `synod lock` and `synod elect` tell the command that they run, and where the configuration file is. */
const OTHER_VARIABLES = ["SYNOD_CONFIG", "SYNOD_LOCK", "SYNOD_FENCING_TOKEN"];

it.each(["apps/synod/README.md", "docs/OPERATIONS.md"])("%s names only flags and variables that there are", (page) => {
  const text = readFileSync(join(repository, page), "utf8");
  const known = allOf(buildProgram()).flatMap(flagsOf);
  const flags = typedIn(text).flatMap((one) => /^--[a-z][\w-]*/.exec(one) ?? []);
  expect(flags.length).toBeGreaterThan(5);
  expect(flags.filter((flag) => !known.includes(flag))).toEqual([]);
  const variables = [...text.matchAll(/SYNOD_\w+/g)].map(([name]) => name);
  const ours = [...Object.values(SETTINGS).map(({ env }) => env), ...OTHER_VARIABLES];
  expect(variables.filter((name) => !ours.includes(name))).toEqual([]);
});

it("every command that runs takes --json, but for scripts of a shell", () => {
  const without = allOf(buildProgram())
    .filter((command) => command.commands.length === 0)
    .filter((command) => !command.options.some(({ long }) => long === "--json"))
    .map((command) => command.name());
  expect(without).toEqual(["completion"]);
});
