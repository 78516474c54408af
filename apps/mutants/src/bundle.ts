import { join } from "node:path";
import { build, type Plugin } from "esbuild";
import type { Patch, SearchingFinder } from "./mutant.js";
import { patchedSources, StalePatch } from "./patch.js";
import { SOURCES } from "./root.js";

/** What runs in the child, from the sources of all packages. */
export type Entry = SearchingFinder["kind"] | "control";

/**
 * Bundles a child with the patches applied to the sources as they are loaded; nothing is written but the bundle.
 * @throws StalePatch also if the child never loads a patched file
 */
export async function bundle(entry: Entry, patches: readonly Patch[], outfile: string): Promise<void> {
  const sources = patchedSources(patches);
  const unused = new Set(sources.keys());
  const patching: Plugin = {
    name: "mutant",
    setup(building) {
      building.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const contents = sources.get(path);
        unused.delete(path);
        return contents === undefined ? undefined : { contents, loader: "ts" };
      });
    },
  };
  await build({
    entryPoints: [join(SOURCES, "children", `${entry}.ts`)],
    outfile,
    bundle: true,
    format: "esm",
    platform: "node",
    target: "es2022",
    conditions: ["@synod/source"],
    plugins: [patching],
    logLevel: "silent",
    // Packages in the old module format ask for Node.js modules in the old way.
    banner: { js: `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);` },
  });
  if (unused.size > 0) throw new StalePatch(`the finder "${entry}" never loads ${[...unused].join(", ")}`);
}
