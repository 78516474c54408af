import { defineConfig } from "vitest/config";

const conditions = ["@synod/source", "module", "node", "development|production"];

/** The built page in a real browser: `npm run playground:test`. */
export default defineConfig({
  root: import.meta.dirname,
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: ["@synod/source"] } },
  test: {
    name: "playground in a browser",
    include: ["*.test.ts"],
    reporters: ["default", "../../../scripts/vitest-reporter.ts"],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 20_000 } },
    maxWorkers: 2,
    // A browser that stands still would fail every test that is left, each after its minute.
    bail: 3,
  },
});
