import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Patch } from "./mutant.js";
import { ROOT } from "./root.js";

/** The source has moved on and the mutant did not: whatever it showed, it no longer shows. */
export class StalePatch extends Error {
  override readonly name = "StalePatch";
}

/** Applies the patches of one file to its text. @throws StalePatch unless each matches exactly once. */
export function applyPatches(text: string, patches: readonly Patch[]): string {
  let patched = text;
  for (const { file, find, replace } of patches) {
    const parts = patched.split(find);
    if (parts.length !== 2) {
      const times = parts.length === 1 ? "does not occur" : `occurs ${parts.length - 1} times`;
      throw new StalePatch(`${file}: this text ${times}, and must occur once:\n${find}`);
    }
    patched = parts.join(replace);
  }
  return patched;
}

/** The patched text of each file that is patched, by absolute path. @throws StalePatch */
export function patchedSources(patches: readonly Patch[]): Map<string, string> {
  const sources = new Map<string, string>();
  for (const file of new Set(patches.map((patch) => patch.file))) {
    const path = join(ROOT, file);
    const own = patches.filter((patch) => patch.file === file);
    sources.set(path, applyPatches(readFileSync(path, "utf8"), own));
  }
  return sources;
}
