import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { perform } from "./transcripts-script.js";

const folder = new URL("transcripts/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".txt"));
/** SYNOD_REWRITE=1 writes the files anew. Read the difference. */
const rewrite = process.env["SYNOD_REWRITE"] === "1";

describe("transcripts", () => {
  test("there are stories", () => {
    expect(files.length).toBeGreaterThanOrEqual(4);
  });

  test.each(files)("%s", async (name) => {
    const file = new URL(name, folder);
    const before = readFileSync(file, "utf8");
    const now = await perform(before);
    if (rewrite && now !== before) writeFileSync(file, now);
    else expect(now).toBe(before);
  });
});
