import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The golden files of a package: each is what some release really wrote. */
export function golden(name: string, filter: RegExp = /./): Uint8Array[] {
  const folder = new URL(`packages/${name}/test/golden/`, ROOT);
  const names = readdirSync(folder).filter((file) => filter.test(file));
  return names.sort().map((file) => hex(readFileSync(new URL(file, folder), "utf8")));
}

/** Of a file with a name and hexadecimal digits on each line. */
export function goldenLines(name: string, file: string): Uint8Array[] {
  const text = readFileSync(new URL(`packages/${name}/test/golden/${file}`, ROOT), "utf8");
  return text
    .split("\n")
    .map((line) => line.trim().split(" ").at(-1) ?? "")
    .filter((line) => line !== "")
    .map(hex);
}

/** Of the repository; this file may be bundled into another one. */
const ROOT = new URL("../../../", import.meta.url);
export const root: string = fileURLToPath(ROOT);

function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ""), "hex"));
}

export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
