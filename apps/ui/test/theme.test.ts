import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { nextTheme } from "../src/theme-order.js";
import { styleOfValue } from "../src/value-style.js";
import { contrast, distance, SIGHTS } from "./colour.ts";

const css = readFileSync(new URL("../src/theme.css", import.meta.url), "utf8");

/** The colours of one theme by name. */
function tokens(index: 1 | 2): Record<string, string> {
  const found = [...css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\);/g)];
  return Object.fromEntries(found.map((match) => [match[1] ?? "", match[index + 1] ?? ""]));
}

const VALUES = ["value-1", "value-2", "value-3"];
const GROUNDS = ["paper", "surface", "raised"];

describe.each([
  ["light", tokens(1)],
  ["dark", tokens(2)],
])("the %s theme", (_, theme) => {
  const of = (name: string): string => theme[name] ?? "#000000";

  test("has every colour", () => {
    expect(Object.keys(theme)).toEqual(
      expect.arrayContaining([...VALUES, ...GROUNDS, "ink", "ink-soft", "line-strong", "tint"]),
    );
  });

  test.each(["ink", "ink-soft", ...VALUES])("%s can be read on every ground", (name) => {
    for (const ground of [...GROUNDS, ...(name.startsWith("ink") ? ["tint"] : [])]) {
      expect(contrast(of(name), of(ground)), ground).toBeGreaterThanOrEqual(4.5);
    }
  });

  test("the edge of a control can be seen", () => {
    for (const ground of GROUNDS) expect(contrast(of("line-strong"), of(ground)), ground).toBeGreaterThanOrEqual(3);
  });

  test.each(Object.entries(SIGHTS))("values differ for %s sight", (_sight, matrix) => {
    for (const [index, one] of VALUES.entries()) {
      for (const other of VALUES.slice(index + 1)) expect(distance(of(one), of(other), matrix)).toBeGreaterThan(18);
    }
  });
});

test("the distance is that of CIEDE2000: black and white are 100 apart, a colour is none from itself", () => {
  const { normal = [] } = SIGHTS;
  expect(distance("#000000", "#ffffff", normal)).toBeCloseTo(100, 0);
  expect(distance("#0072b2", "#0072b2", normal)).toBe(0);
});

test("three values have three shapes; what comes after them shares one, and a no-op is a ring", () => {
  const order = ["m1", "no-op", "m2", "m3", "m4"];
  expect(order.map((value) => styleOfValue(value, order).shape)).toEqual([
    "disc",
    "ring",
    "square",
    "triangle",
    "diamond",
  ]);
});

test("the colours go round", () => {
  expect([nextTheme("auto"), nextTheme("light"), nextTheme("dark")]).toEqual(["light", "dark", "auto"]);
});
