import { readdirSync, readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { parseSync } from "vite";
import { expect, test } from "vitest";
import { tellingItsLines } from "../scripts/ran-lines.ts";

const SOURCES = new URL("../../../packages/lecture/src/protocols/", import.meta.url);

test.each(readdirSync(SOURCES))("%s stays the program that it is, line by line", (name) => {
  const source = readFileSync(new URL(name, SOURCES), "utf8");
  const telling = tellingItsLines(name, source);
  expect(parseSync(name, telling).errors).toEqual([]);
  expect(telling.split("\n").length).toBe(source.split("\n").length);
  expect(telling.replace(/__ran\([^)]*\);/g, "").replace(/[{}]/g, "")).toBe(source.replace(/[{}]/g, ""));
});

const PROGRAM = `function sign(n, list) {
  if (n < 0) return "minus";
  if (n === 0) {
    list.push(0);
  } else list.push(
    n,
  );
  for (const one of list) {
    if (one > 100) break;
  }
  switch (n) {
    case 0:
      return "none";
    default:
      return "plus";
  }
}
sign(n, []);`;

test.each([
  [-1, [1, 2]],
  [0, [1, 3, 4, 8, 12, 13]],
  [5, [1, 5, 6, 7, 8, 14, 15]],
])("sign(%s) tells what it does, and not what it only asks", (n, lines) => {
  const told = new Set<number>();
  const tell = (_: string, first: number, last: number = first): void => {
    for (let line = first; line <= last; line++) told.add(line);
  };
  runInNewContext(tellingItsLines("x.js", PROGRAM), { n, __ran: tell });
  expect([...told].sort((a, b) => a - b)).toEqual(lines);
});
