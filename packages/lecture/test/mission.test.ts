import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { SCENARIOS } from "../src/index.ts";

const root = new URL("../../../", import.meta.url);
const text = readFileSync(new URL("docs/MISSION.md", root), "utf8");
const places = [...text.matchAll(/\b([PST]) `([^`]+)`/g)].map(([, kind = "", place = ""]) => ({ kind, place }));

describe("docs/MISSION.md", () => {
  it.each(places.map(({ kind, place }) => [place, kind] as const))("%s exists", (place, kind) => {
    const isThere =
      kind === "S" ? SCENARIOS.some((one) => one.id === place) : existsSync(new URL(place.replace(/#.*/, ""), root));
    expect(isThere).toBe(true);
  });

  it("has a place in every row", () => {
    const rows = text.split("\n").filter((line) => /^\| \d/.test(line));
    expect(rows.length).toBe(85);
    const open = rows.filter((line) => !/\b[PST] `/.test(line)).map((line) => Number(line.split("|")[1]));
    expect(open).toEqual([]);
  });

  it("names every scenario", () => {
    const named = new Set(places.map(({ place }) => place));
    expect(SCENARIOS.map((one) => one.id).filter((id) => !named.has(id))).toEqual([]);
  });
});
