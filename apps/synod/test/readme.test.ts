// What README.md says about settings and exit codes is what the program has.
import { readFileSync } from "node:fs";
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

it("names every command and every page", () => {
  for (const command of buildProgram().commands) expect(readme).toContain(`| \`synod ${command.name()}`);
  for (const path of PATHS) expect(readme).toContain(`| \`${path}\` |`);
});

it("every command that runs takes --json, but for scripts of a shell", () => {
  const without = allOf(buildProgram())
    .filter((command) => command.commands.length === 0)
    .filter((command) => !command.options.some(({ long }) => long === "--json"))
    .map((command) => command.name());
  expect(without).toEqual(["completion"]);
});
