import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** The folder of the workspace. */
export const root: string = join(import.meta.dirname, "..");

const generated = new Set(["node_modules", "dist", ".turbo", ".git", ".examples", "coverage", "api"]);

/** All files under a folder of the workspace (or the file itself), without what is generated; paths as seen from `root`. */
export function filesUnder(folder: string): string[] {
  const entries = readdirSync(join(root, folder), { withFileTypes: true });
  return entries.flatMap((entry) => {
    const path = relative(root, join(root, folder, entry.name)).replaceAll("\\", "/");
    if (entry.isDirectory()) return generated.has(entry.name) ? [] : filesUnder(path);
    return entry.isFile() ? [path] : [];
  });
}

export const read = (path: string): string => readFileSync(join(root, path), "utf8");
