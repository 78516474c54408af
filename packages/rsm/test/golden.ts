import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

/**
 * Compares with test/golden/<name>.hex. A difference is a change of a format that others have on their disks: raise its
 * version rather than the file. UPDATE_GOLDEN=1 writes the files.
 */
export function expectGolden(name: string, bytes: Uint8Array): void {
  const path = fileURLToPath(new URL(`golden/${name}.hex`, import.meta.url));
  const digits = Buffer.from(bytes).toString("hex");
  const text = `${digits.replace(/(.{64})/g, "$1\n").trimEnd()}\n`;
  if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(path, text);
  expect(existsSync(path), `${path} is missing: run with UPDATE_GOLDEN=1`).toBe(true);
  expect(text).toBe(readFileSync(path, "utf8"));
}

export function readGolden(name: string): Uint8Array {
  const path = fileURLToPath(new URL(`golden/${name}.hex`, import.meta.url));
  return new Uint8Array(Buffer.from(readFileSync(path, "utf8").replaceAll("\n", ""), "hex"));
}
