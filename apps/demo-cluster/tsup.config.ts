import { defineConfig, type Options } from "tsup";
import { app } from "../../scripts/tsup.base.ts";

const node = app(["src/main.ts", "src/replica.ts"]) as Options;

/** What the browser gets: everything in one script and one style sheet, nothing from elsewhere. */
const page: Options = {
  entry: { page: "src/page/page.tsx" },
  tsconfig: "src/page/tsconfig.json",
  outDir: "dist/page",
  publicDir: "src/page/public",
  format: "esm",
  platform: "browser",
  target: "es2022",
  noExternal: [/./],
  minify: true,
  silent: true,
};

// The page is built into a folder below the other; each clears its own.
export default defineConfig([
  { ...node, clean: ["!page", "!page/**"] },
  { ...page, clean: true },
]);
