import { join } from "node:path";
import { defineConfig, type ViteUserConfig } from "vitest/config";
import type { Patch } from "./mutant.js";
import { patchedSources } from "./patch.js";
import { ROOT } from "./root.js";

const { file, patches } = JSON.parse(process.env["SYNOD_MUTANT"] ?? "{}") as { file: string; patches: Patch[] };
const sources = patchedSources(patches);
const conditions = ["@synod/source", "module", "node", "development|production"];

const config: ViteUserConfig = defineConfig({
  root: join(ROOT, file.split("/").slice(0, 2).join("/")),
  plugins: [{ name: "mutant", enforce: "pre", load: (id) => sources.get(id.split("?")[0] ?? id) }],
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ["@synod/source"] } },
  test: { environment: "node", include: ["test/**/*.test.ts"], testTimeout: 8_000, watch: false },
});

// The test runner takes its configuration from the default export.
export default config;
